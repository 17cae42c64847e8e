/**
 * Memory models: which execution graphs a machine can produce. Both models here are decided by running the
 * graph: every event happens as soon as those that must come before it have, and the graph is consistent if
 * all of them get to happen.
 */
import { Kind, type Graph } from './graph.js';

export type MemoryModelName = 'sc' | 'tso';

/**
 * What an enumeration must know of a memory model. Whoever adds one sees to it that
 *
 * - a graph with less (without events that nothing comes after) is consistent if the whole is;
 * - a consistent graph stays so with one more event that reads from the last write of its cell, or is itself
 *   the last write of its cell.
 */
export interface MemoryModel {
  readonly name: string;
  /**
   * Whether a write is out of sight for an event as soon as a later write of the cell comes before the event
   * along program order and reads-from. It spares most graphs that are not consistent.
   */
  readonly hidesOverwritten: boolean;
  isConsistent(graph: Graph): boolean;
}

/** @param threads of the graphs that the model is asked for */
export function memoryModel(name: MemoryModelName, threads: number, cells: number): MemoryModel {
  return name === 'sc' ? new SequentialConsistency(threads, cells) : new TotalStoreOrder(threads, cells);
}

/** What the models share: memory, as the events that have happened left it. */
class Run {
  readonly hidesOverwritten = true;
  /** By cell: the write that is in memory. */
  protected readonly memory: Int32Array;
  /** By write: how many reads of it have happened. */
  protected reads = new Int32Array(0);
  /** By thread: index of the next event. */
  protected readonly next: Int32Array;

  constructor(threads: number, cells: number) {
    this.memory = new Int32Array(cells);
    this.next = new Int32Array(threads);
  }

  protected begin(graph: Graph): void {
    if (this.reads.length < graph.capacity) this.reads = new Int32Array(graph.capacity);
    const { memory, next, reads } = this;
    for (let event = 0; event < graph.size; event++) reads[event] = 0;
    for (let cell = 0; cell < memory.length; cell++) memory[cell] = cell;
    for (let thread = 0; thread < next.length; thread++) next[thread] = 0;
  }

  /** Whether a write can reach memory: it is its turn, and nobody has yet to read what it overwrites. */
  protected canLand(graph: Graph, event: number, cell: number): boolean {
    const before = this.memory[cell];
    if (graph.coPrev[event] !== before) return false;
    const own = graph.readsFrom[event] === before ? 1 : 0;
    return this.reads[before] === graph.readers[before] - own;
  }
}

/** Sequential consistency: one order of all events that keeps every program order, and memory obeys. */
class SequentialConsistency extends Run implements MemoryModel {
  readonly name = 'sc';

  isConsistent(graph: Graph): boolean {
    this.begin(graph);
    const { next } = this;
    let left = graph.size - graph.cells;
    for (let moved = true; moved && left > 0;) {
      moved = false;
      for (let thread = 0; thread < next.length; thread++) {
        const length = graph.length[thread];
        while (next[thread] < length && this.#happens(graph, graph.eventOf(thread, next[thread]))) {
          next[thread]++;
          left--;
          moved = true;
        }
      }
    }
    return left === 0;
  }

  #happens(graph: Graph, event: number): boolean {
    const cell = graph.cell[event];
    if (cell < 0) return true;
    const readsFrom = graph.readsFrom[event];
    if (readsFrom >= 0 && this.memory[cell] !== readsFrom) return false;
    if (graph.value[event] >= 0) {
      if (!this.canLand(graph, event, cell)) return false;
      this.memory[cell] = event;
    } else {
      this.reads[readsFrom]++;
    }
    return true;
  }
}

/**
 * x86-TSO: stores reach memory in program order, but later than they happen; reads in between look into
 * memory, or read what their own thread stored last. Fences and atomic operations wait for all stores.
 */
class TotalStoreOrder extends Run implements MemoryModel {
  readonly name = 'tso';
  /** By thread: index from which on stores wait, and how many. */
  readonly #landed: Int32Array;
  readonly #waiting: Int32Array;

  constructor(threads: number, cells: number) {
    super(threads, cells);
    this.#landed = new Int32Array(threads);
    this.#waiting = new Int32Array(threads);
  }

  isConsistent(graph: Graph): boolean {
    this.begin(graph);
    const { next } = this;
    this.#landed.fill(0);
    this.#waiting.fill(0);
    let left = graph.size - graph.cells;
    for (let moved = true; moved && left > 0;) {
      moved = false;
      for (let thread = 0; thread < next.length; thread++) {
        const length = graph.length[thread];
        while (next[thread] < length && this.#happens(graph, thread, graph.eventOf(thread, next[thread]))) {
          if (graph.kind[graph.eventOf(thread, next[thread])] !== Kind.Store) left--;
          next[thread]++;
          moved = true;
        }
        while (this.#waiting[thread] > 0 && this.#lands(graph, thread)) {
          left--;
          moved = true;
        }
      }
    }
    return left === 0;
  }

  #happens(graph: Graph, thread: number, event: number): boolean {
    const kind = graph.kind[event];
    if (kind === Kind.Store) {
      this.#waiting[thread]++;
      return true;
    }
    if (kind === Kind.Fence && this.#waiting[thread] > 0) return false;
    const cell = graph.cell[event];
    if (cell < 0) return true;
    const readsFrom = graph.readsFrom[event];
    if (!this.#sees(graph, thread, event, readsFrom)) return false;
    if (graph.value[event] >= 0) {
      if (!this.canLand(graph, event, cell)) return false;
      this.memory[cell] = event;
    } else {
      this.reads[readsFrom]++;
    }
    return true;
  }

  #sees(graph: Graph, thread: number, event: number, readsFrom: number): boolean {
    const own = graph.own[event];
    if (own >= this.#landed[thread]) {
      const last = graph.eventOf(thread, own);
      // Atomic operations are in memory at once.
      if (graph.kind[last] === Kind.Store) return last === readsFrom;
    }
    return this.memory[graph.cell[event]] === readsFrom;
  }

  /** Whether the oldest store of a thread reaches memory now. */
  #lands(graph: Graph, thread: number): boolean {
    let index = this.#landed[thread];
    let event = graph.eventOf(thread, index);
    while (graph.kind[event] !== Kind.Store) event = graph.eventOf(thread, ++index);
    const cell = graph.cell[event];
    this.#landed[thread] = index;
    if (!this.canLand(graph, event, cell)) return false;
    this.memory[cell] = event;
    this.#landed[thread] = index + 1;
    this.#waiting[thread]--;
    return true;
  }
}
