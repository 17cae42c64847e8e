/**
 * An execution graph: events in the order in which they were added, each with its place in its thread's
 * program order, the write that it reads from, and its place in the coherence order of its cell. Events are
 * added and taken back at the end; the typed arrays are made once.
 *
 * The events 0 .. cells-1 are the initial writes of the cells. They belong to no thread: their thread is the
 * one past the last, their index is -1, so that everything comes after them.
 */

/** How an event meets memory. */
export const Kind = {
  Read: 0,
  Store: 1,
  /** A fence, or an atomic operation: on x86 it waits until all stores before it are in memory. */
  Fence: 2,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const NONE = -1;

export class Graph {
  /** How many events there are. */
  size = 0;
  readonly thread: Int32Array;
  /** Place in the program order of its thread. */
  readonly index: Int32Array;
  /** Local state of the thread before it. */
  readonly local: Int32Array;
  readonly kind: Int32Array;
  /** -1: none. */
  readonly cell: Int32Array;
  /** The write that a read reads from; -1 for other events. */
  readonly readsFrom: Int32Array;
  /** Number of the value that it writes; -1: it writes nothing. */
  readonly value: Int32Array;
  /** Number of the value that it found, or the choice that it made. */
  readonly found: Int32Array;
  /** Index of the thread's own last write of the cell before the event; -1: none. */
  readonly own: Int32Array;
  readonly coNext: Int32Array;
  readonly coPrev: Int32Array;
  /** How many events read from it. */
  readonly readers: Int32Array;
  /** 1 if an event that was added before it reads from it. */
  readonly early: Int32Array;
  /**
   * What a read took before a mutex that it waited for was handed to it (see `hand`); otherwise what it reads
   * from.
   */
  readonly base: Int32Array;
  /** By event: the read that its mutex was handed to; -1: none. */
  readonly handedTo: Int32Array;
  /**
   * By event and thread: how many events of the thread come before it, itself included, along program order
   * and reads-from.
   */
  readonly clock: Int32Array;
  /** By cell: its last write. */
  readonly coLast: Int32Array;
  /** By thread: number of its events, local state, whether it waits for a value that it did not find. */
  readonly length: Int32Array;
  readonly current: Int32Array;
  readonly blocked: Int32Array;
  readonly #order: Int32Array;
  /** By thread and cell: index of the thread's last write of the cell. */
  readonly #lastOwn: Int32Array;
  readonly #map: Int32Array;

  constructor(
    readonly threads: number,
    readonly cells: number,
    /** Most events. */
    readonly capacity: number,
  ) {
    const column = (): Int32Array => new Int32Array(capacity);
    this.thread = column();
    this.index = column();
    this.local = column();
    this.kind = column();
    this.cell = column();
    this.readsFrom = column();
    this.value = column();
    this.found = column();
    this.own = column();
    this.coNext = column();
    this.coPrev = column();
    this.readers = column();
    this.early = column();
    this.base = column();
    this.handedTo = column();
    this.#map = column();
    this.clock = new Int32Array(capacity * (threads + 1));
    this.coLast = new Int32Array(cells);
    this.length = new Int32Array(threads);
    this.current = new Int32Array(threads);
    this.blocked = new Int32Array(threads);
    this.#order = new Int32Array(threads * capacity);
    this.#lastOwn = new Int32Array(threads * cells).fill(NONE);
  }

  /** The initial graph: initial writes only. */
  begin(locals: readonly number[], values: readonly number[]): void {
    this.size = this.cells;
    for (let cell = 0; cell < this.cells; cell++) {
      this.thread[cell] = this.threads;
      this.index[cell] = NONE;
      this.kind[cell] = Kind.Store;
      this.cell[cell] = cell;
      this.readsFrom[cell] = this.base[cell] = this.handedTo[cell] = NONE;
      this.value[cell] = values[cell] ?? 0;
      this.coNext[cell] = this.coPrev[cell] = this.own[cell] = NONE;
      this.coLast[cell] = cell;
    }
    this.current.set(locals);
  }

  eventOf(thread: number, index: number): number {
    return this.#order[thread * this.capacity + index];
  }

  /** Whether `event` is the write of an atomic operation, or of a lock that was taken. */
  isAtomic(event: number): boolean {
    return this.readsFrom[event] >= 0 && this.value[event] >= 0;
  }

  /** Whether `before` comes before `event` along program order and reads-from, or is the event itself. */
  precedes(before: number, event: number): boolean {
    return this.index[before] < this.clock[event * (this.threads + 1) + this.thread[before]];
  }

  /** Whether `event` comes before the next event of a thread. */
  isKnownTo(thread: number, event: number): boolean {
    const length = this.length[thread];
    if (length === 0) return this.index[event] < 0;
    return this.precedes(event, this.eventOf(thread, length - 1));
  }

  /**
   * Adds an event of a thread, which goes on at local state `next`. A write has no place in the coherence
   * order yet: see `place`.
   */
  push(
    thread: number,
    kind: Kind,
    cell: number,
    readsFrom: number,
    found: number,
    value: number,
    next: number,
  ): number {
    const event = this.size++;
    const index = this.length[thread]++;
    this.#order[thread * this.capacity + index] = event;
    this.thread[event] = thread;
    this.index[event] = index;
    this.local[event] = this.current[thread];
    this.kind[event] = kind;
    this.cell[event] = cell;
    this.readsFrom[event] = this.base[event] = readsFrom;
    this.found[event] = found;
    this.value[event] = value;
    this.coNext[event] = this.coPrev[event] = this.handedTo[event] = NONE;
    this.readers[event] = this.early[event] = 0;
    this.current[thread] = next;
    this.#stamp(event);
    if (readsFrom >= 0) this.readers[readsFrom]++;
    if (cell < 0) return event;
    const own = thread * this.cells + cell;
    this.own[event] = this.#lastOwn[own];
    if (value >= 0) this.#lastOwn[own] = index;
    return event;
  }

  /** The thread's last event waits for another value than it found. */
  block(thread: number): void {
    this.blocked[thread] = 1;
  }

  #stamp(event: number): void {
    const { clock } = this;
    const width = this.threads + 1;
    const thread = this.thread[event];
    const at = event * width;
    const index = this.index[event];
    const readsFrom = this.readsFrom[event];
    if (index > 0) {
      const before = this.eventOf(thread, index - 1) * width;
      for (let each = 0; each < width; each++) clock[at + each] = clock[before + each];
    } else {
      for (let each = 0; each < width; each++) clock[at + each] = 0;
    }
    if (readsFrom >= this.cells) {
      const from = readsFrom * width;
      for (let each = 0; each < width; each++) {
        if (clock[from + each] > clock[at + each]) clock[at + each] = clock[from + each];
      }
    }
    clock[at + thread] = index + 1;
  }

  /** Puts a write into the coherence order, right after another. */
  place(event: number, after: number): void {
    const next = this.coNext[after];
    this.coNext[after] = event;
    this.coPrev[event] = after;
    this.coNext[event] = next;
    if (next >= 0) this.coPrev[next] = event;
    else this.coLast[this.cell[event]] = event;
  }

  unplace(event: number): void {
    const before = this.coPrev[event];
    if (before < 0) return;
    const next = this.coNext[event];
    this.coNext[before] = next;
    if (next >= 0) this.coPrev[next] = before;
    else this.coLast[this.cell[event]] = before;
    this.coPrev[event] = this.coNext[event] = NONE;
  }

  /** Takes the last event back. */
  pop(): void {
    const event = this.size - 1;
    if (this.handedTo[event] >= 0) this.#takeBack(event);
    this.unplace(event);
    this.size = event;
    const thread = this.thread[event];
    this.length[thread]--;
    this.current[thread] = this.local[event];
    this.blocked[thread] = 0;
    if (this.readsFrom[event] >= 0) this.readers[this.readsFrom[event]]--;
    if (this.value[event] >= 0) this.#lastOwn[thread * this.cells + this.cell[event]] = this.own[event];
  }

  /** A read that waited reads from the last event instead, a write, and goes on. */
  hand(read: number, found: number, value: number, next: number): void {
    const from = this.size - 1;
    this.handedTo[from] = read;
    this.#reread(read, from, found, value, next);
    this.place(read, from);
  }

  #takeBack(from: number): void {
    const read = this.handedTo[from];
    const base = this.base[read];
    this.unplace(read);
    this.#reread(read, base, this.value[base], NONE, this.local[read]);
    this.#lastOwn[this.thread[read] * this.cells + this.cell[read]] = this.own[read];
    this.blocked[this.thread[read]] = 1;
  }

  #reread(read: number, from: number, found: number, value: number, next: number): void {
    const before = this.readsFrom[read];
    const thread = this.thread[read];
    if (before >= 0) this.readers[before]--;
    this.readers[from]++;
    this.readsFrom[read] = from;
    this.found[read] = found;
    this.value[read] = value;
    if (value >= 0) {
      this.kind[read] = Kind.Fence;
      this.#lastOwn[thread * this.cells + this.cell[read]] = this.index[read];
    } else if (this.kind[read] === Kind.Fence && this.coPrev[read] < 0) {
      this.kind[read] = Kind.Read;
    }
    this.current[thread] = next;
    this.blocked[thread] = 0;
    this.#stamp(read);
  }

  /**
   * Gives the last event of a thread, a read of a graph that `restrict` made, a write to read from.
   *
   * @param value number of the value that it leaves in its cell; -1: none
   */
  revisit(read: number, from: number, kind: Kind, value: number, next: number): void {
    this.#reread(read, from, this.value[from], value, next);
    this.kind[read] = kind;
    this.base[read] = from;
    this.early[from] = 1;
  }

  /**
   * Becomes what another graph was when `read` was its last event, with everything that comes before `write`
   * along program order and reads-from, and `write` itself as the last event, without a place in the
   * coherence order. `read` is without a write to read from.
   */
  restrict(graph: Graph, read: number, write: number): void {
    const map = graph.#map;
    this.size = 0;
    this.length.fill(0);
    this.#lastOwn.fill(NONE);
    for (let event = 0; event <= read; event++) map[event] = this.size++;
    for (let event = read + 1; event < write; event++) {
      map[event] = graph.precedes(event, write) ? this.size++ : NONE;
    }
    map[write] = this.size++;
    for (let event = 0; event <= write; event++) {
      if (map[event] >= 0) this.#copy(graph, event, map[event], event === read);
    }
    this.#copyThreads(graph);
    this.#copyOrder(graph, read, write);
    this.#count();
  }

  #copy(graph: Graph, from: number, to: number, isRead: boolean): void {
    const map = graph.#map;
    const thread = graph.thread[from];
    const cell = graph.cell[from];
    const readsFrom = graph.readsFrom[from];
    const base = graph.base[from];
    this.thread[to] = thread;
    const index = (this.index[to] = graph.index[from]);
    this.local[to] = graph.local[from];
    this.kind[to] = graph.kind[from];
    this.cell[to] = cell;
    this.found[to] = graph.found[from];
    this.value[to] = isRead ? NONE : graph.value[from];
    this.own[to] = graph.own[from];
    this.readsFrom[to] = readsFrom < 0 || isRead ? NONE : map[readsFrom];
    this.base[to] = base < 0 || isRead ? NONE : map[base];
    this.handedTo[to] = this.coNext[to] = this.coPrev[to] = NONE;
    this.readers[to] = this.early[to] = 0;
    const width = this.threads + 1;
    const { clock } = graph;
    for (let each = 0; each < width; each++) this.clock[to * width + each] = clock[from * width + each];
    if (thread === this.threads) return;
    this.#order[thread * this.capacity + index] = to;
    this.length[thread] = index + 1;
    if (this.value[to] >= 0) this.#lastOwn[thread * this.cells + cell] = index;
  }

  #copyThreads(graph: Graph): void {
    for (let thread = 0; thread < this.threads; thread++) {
      const length = this.length[thread];
      const isWhole = length === graph.length[thread];
      this.current[thread] = isWhole ? graph.current[thread] : graph.local[graph.eventOf(thread, length)];
      this.blocked[thread] = isWhole ? graph.blocked[thread] : 0;
    }
  }

  #copyOrder(graph: Graph, read: number, write: number): void {
    const map = graph.#map;
    for (let cell = 0; cell < this.cells; cell++) {
      let last = cell;
      this.coLast[cell] = cell;
      for (let event = graph.coNext[cell]; event >= 0; event = graph.coNext[event]) {
        const to = map[event];
        if (to < 0 || event === read || event === write) continue;
        // A mutex that was handed over by a write that is gone is waited for again.
        if (graph.readsFrom[event] >= 0 && this.readsFrom[to] < 0) this.#waitAgain(to);
        else {
          this.place(to, last);
          last = to;
        }
      }
    }
  }

  #waitAgain(read: number): void {
    const base = this.base[read];
    this.readsFrom[read] = base;
    this.found[read] = this.value[base];
    this.value[read] = NONE;
    this.kind[read] = Kind.Read;
    const thread = this.thread[read];
    this.#lastOwn[thread * this.cells + this.cell[read]] = this.own[read];
    this.current[thread] = this.local[read];
    this.blocked[thread] = 1;
    this.#stamp(read);
  }

  #count(): void {
    for (let event = this.cells; event < this.size; event++) {
      const readsFrom = this.readsFrom[event];
      if (readsFrom < 0) continue;
      this.readers[readsFrom]++;
      if (this.base[event] > event) this.early[this.base[event]] = 1;
    }
  }
}
