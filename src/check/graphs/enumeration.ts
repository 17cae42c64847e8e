/**
 * Every execution of a program, each once, as execution graphs; in the manner of TruSt (Kokologiannakis,
 * Marmanis, Gladstein, Vafeiadis: Truly Stateless, Optimal Dynamic Partial Order Reduction, POPL 2022).
 *
 * Threads go on one event at a time. A read is tried with every write of its cell that is there, a write with
 * every place in the coherence order. Reads that were there before a write are given to it afterwards
 * (`#sweep`): what does not come before the write is forgotten and happens again.
 */
import type { Automata, Beginning } from '../threads/automata.js';
import { isAwait, isRmw, Op } from '../threads/pending.js';
import type { Finding } from '../program.js';
import { Graph, Kind } from './graph.js';
import { memoryModel, type MemoryModel, type MemoryModelName } from './memory-models.js';
import { isPlain } from './revisits.js';
import type { Steps } from './steps.js';
import { witness, type WitnessEvent } from './witness.js';

export interface EnumerateOptions {
  readonly memory?: MemoryModelName;
  /** Stops, and says so, when there are more. */
  readonly mostExecutions?: number;
  /** ms */
  readonly timeLimit?: number;
  /** Shown every execution, complete or blocked; the graph is valid during the call. */
  readonly onExecution?: (graph: Graph, isBlocked: boolean, automata: Automata) => void;
}

export interface Enumerated {
  /** In which every thread came to its end. */
  readonly executions: number;
  /** In which a thread waits for ever, or for another value than the one that it was given. */
  readonly blocked: number;
  /** Whether all of them were seen. */
  readonly complete: boolean;
  readonly finding: Finding | undefined;
  /** Leads to the finding: the events in an order in which they can happen. */
  readonly events: readonly WitnessEvent[];
  /** ms */
  readonly time: number;
  readonly executionsPerSecond: number;
}

const BETWEEN_LOOKS = 1024;

/** The graphs have no room for an execution: begin anew with more. */
export class TooManyEvents extends Error {}

export class Enumeration {
  readonly #model: MemoryModel;
  readonly #hides: boolean;
  readonly #beginning: Beginning;
  readonly #frames: Graph[] = [];
  readonly #ops: readonly (readonly Op[])[];
  readonly #cellsOf: readonly (readonly number[])[];
  #depth = 0;
  #executions = 0;
  #blocked = 0;
  #isStopped = false;
  #finding: Finding | undefined = undefined;
  #events: readonly WitnessEvent[] = [];
  readonly #deadline: number;

  constructor(
    readonly steps: Steps,
    readonly options: EnumerateOptions,
    readonly capacity: number,
    readonly began: number,
  ) {
    const { automata } = steps;
    this.#beginning = automata.begin();
    this.#ops = automata.threads.map(({ ops }) => ops);
    this.#cellsOf = automata.threads.map(({ cells }) => cells);
    const threads = automata.threads.length;
    this.#model = memoryModel(options.memory ?? 'sc', threads, automata.shared.length);
    this.#hides = this.#model.hidesOverwritten;
    this.#deadline = options.timeLimit === undefined ? Infinity : began + options.timeLimit;
  }

  run(): Enumerated {
    const { locals, values, finding } = this.#beginning;
    const graph = this.#frame();
    graph.begin(locals, values);
    this.#finding = finding;
    if (finding === undefined) this.#visit(graph);
    const time = performance.now() - this.began;
    return {
      executions: this.#executions,
      blocked: this.#blocked,
      complete: !this.#isStopped,
      finding: this.#finding,
      events: this.#events,
      time,
      executionsPerSecond: (1000 * this.#executions) / time,
    };
  }

  /** The graph of the current depth of revisits. */
  #frame(): Graph {
    const { automata } = this.steps;
    this.#frames[this.#depth] ??= new Graph(automata.threads.length, automata.shared.length, this.capacity);
    return this.#frames[this.#depth];
  }

  /** Every execution that goes on from a graph. Leaves it as it was. */
  #visit(graph: Graph): void {
    const { size } = graph;
    while (!this.#isStopped) {
      const thread = this.#nextThread(graph);
      if (thread < 0) {
        this.#count(graph);
        break;
      }
      if (graph.size >= this.capacity) throw new TooManyEvents();
      this.#advance(graph, thread);
    }
    while (graph.size > size) graph.pop();
  }

  /**
   * Who goes on; -1: nobody can. Those whose value is not there wait until nobody else can go on: any order
   * is right, and this one leaves few behind blocked.
   */
  #nextThread(graph: Graph): number {
    let waiting = -1;
    const threads = this.#ops.length;
    for (let thread = 0; thread < threads; thread++) {
      if (graph.blocked[thread] !== 0) continue;
      const local = graph.current[thread];
      const op = this.#ops[thread][local];
      if (op === Op.End) continue;
      if (!isAwait(op)) return thread;
      const last = graph.coLast[this.#cellsOf[thread][local]];
      if (this.steps.isSatisfied(thread, local, graph.value[last])) return thread;
      if (waiting < 0) waiting = thread;
    }
    return waiting;
  }

  #count(graph: Graph): void {
    let isBlocked = false;
    for (let thread = 0; thread < graph.threads; thread++) isBlocked ||= graph.blocked[thread] !== 0;
    if (isBlocked) this.#blocked++;
    else this.#executions++;
    this.options.onExecution?.(graph, isBlocked, this.steps.automata);
    if (this.#executions >= (this.options.mostExecutions ?? Infinity)) this.#isStopped = true;
    const seen = this.#executions + this.#blocked;
    if (seen % BETWEEN_LOOKS === 0 && performance.now() > this.#deadline) this.#isStopped = true;
  }

  #advance(graph: Graph, thread: number): void {
    const op = this.#ops[thread][graph.current[thread]];
    if (op === Op.Choose) this.#choose(graph, thread);
    else if (op === Op.Fence) this.#continue(graph, this.#add(graph, thread, Kind.Fence, -1, -1, 0));
    else if (op === Op.Store) this.#store(graph, thread);
    else this.#read(graph, thread);
  }

  /** Adds the event of a thread that finds value (or makes choice) number `found`. */
  #add(graph: Graph, thread: number, kind: Kind, cell: number, readsFrom: number, found: number): number {
    const { steps } = this;
    steps.take(graph, thread, graph.current[thread], found);
    return graph.push(thread, kind, cell, readsFrom, found, steps.left, steps.next);
  }

  /** The last step of a thread was taken in a graph that is consistent. */
  #continue(graph: Graph, event: number): void {
    if (this.steps.isBad) this.#stop(graph, event);
  }

  #stop(graph: Graph, event: number): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#finding = this.steps.findingOf(graph, graph.thread[event], graph.local[event], graph.found[event]);
    this.#events = witness(graph, this.steps.automata);
  }

  #choose(graph: Graph, thread: number): void {
    const { a: choices } = this.steps.pending(thread, graph.current[thread]);
    for (let choice = choices - 1; choice > 0 && !this.#isStopped; choice--) {
      this.#continue(graph, this.#add(graph, thread, Kind.Read, -1, -1, choice));
      this.#visit(graph);
      graph.pop();
    }
    this.#continue(graph, this.#add(graph, thread, Kind.Read, -1, -1, 0));
  }

  #read(graph: Graph, thread: number): void {
    const local = graph.current[thread];
    const cell = this.#cellsOf[thread][local];
    const last = graph.coLast[cell];
    const waits = isAwait(this.#ops[thread][local]);
    let later = last;
    for (let from = graph.coPrev[last]; from >= 0 && !this.#isStopped; from = graph.coPrev[from]) {
      if (this.#hides && graph.isKnownTo(thread, later)) break;
      if (!waits || this.steps.isSatisfied(thread, local, graph.value[from])) {
        this.#readFrom(graph, thread, cell, from, later);
      }
      later = from;
    }
    if (this.#isStopped) return;
    const found = graph.value[last];
    if (waits && !this.steps.isSatisfied(thread, local, found)) {
      graph.push(thread, Kind.Read, cell, last, found, -1, local);
      graph.block(thread);
      return;
    }
    const event = this.#add(graph, thread, this.#kindOf(thread, local), cell, last, found);
    if (graph.value[event] >= 0) {
      graph.kind[event] = Kind.Fence;
      graph.place(event, last);
    }
    this.#continue(graph, event);
    if (graph.value[event] >= 0) this.#sweep(graph, event, -1);
  }

  #kindOf(thread: number, local: number): Kind {
    return isRmw(this.#ops[thread][local]) ? Kind.Fence : Kind.Read;
  }

  /** A read from a write that is not the last; `later` comes right after it. */
  #readFrom(graph: Graph, thread: number, cell: number, from: number, later: number): void {
    const kind = this.#kindOf(thread, graph.current[thread]);
    const event = this.#add(graph, thread, kind, cell, from, graph.value[from]);
    const { isBad } = this.steps;
    const isWrite = graph.value[event] >= 0;
    if (isWrite) graph.kind[event] = Kind.Fence;
    if (isWrite && graph.readsFrom[later] === from) {
      // Another atomic operation has its place: both can be only if that one reads from this one.
      this.#sweep(graph, event, later, isBad);
    } else {
      if (isWrite) graph.place(event, from);
      if (this.#model.isConsistent(graph)) {
        if (isBad) this.#stop(graph, event);
        if (isWrite) this.#sweep(graph, event, -1);
        this.#visit(graph);
      }
    }
    graph.pop();
  }

  #store(graph: Graph, thread: number): void {
    const cell = this.#cellsOf[thread][graph.current[thread]];
    const { coLast } = graph;
    for (let later = coLast[cell]; later >= graph.cells && !this.#isStopped; later = graph.coPrev[later]) {
      if (this.#hides && graph.isKnownTo(thread, later)) break;
      if (graph.readsFrom[later] >= 0) continue;
      const event = this.#add(graph, thread, Kind.Store, cell, -1, 0);
      const { isBad } = this.steps;
      graph.place(event, graph.coPrev[later]);
      if (this.#model.isConsistent(graph)) {
        if (isBad) this.#stop(graph, event);
        this.#visit(graph);
      }
      graph.pop();
    }
    if (this.#isStopped) return;
    const event = this.#add(graph, thread, Kind.Store, cell, -1, 0);
    graph.place(event, coLast[cell]);
    this.#continue(graph, event);
    if (this.steps.isMutex(cell)) {
      this.#checkHolder(graph, event);
      if (this.#handOver(graph, event)) return;
    }
    this.#sweep(graph, event, -1);
  }

  #checkHolder(graph: Graph, event: number): void {
    const own = graph.own[event];
    const taken = own < 0 ? -1 : graph.eventOf(graph.thread[event], own);
    if (taken < 0 || !graph.isAtomic(taken)) this.steps.spoil(graph.cell[event]);
  }

  /**
   * A mutex that is given back goes to the one who waits for it: it need not be tried what happens if he goes
   * on waiting, because nobody can take it but from the one who has it.
   */
  #handOver(graph: Graph, event: number): boolean {
    const before = graph.coPrev[event];
    let waiting = -1;
    for (let thread = 0; thread < graph.threads; thread++) {
      if (graph.blocked[thread] === 0) continue;
      const read = graph.eventOf(thread, graph.length[thread] - 1);
      if (graph.readsFrom[read] !== before) continue;
      if (waiting >= 0) return false;
      waiting = read;
    }
    if (waiting < 0) return false;
    const thread = graph.thread[waiting];
    const local = graph.local[waiting];
    const found = graph.value[event];
    if (!this.steps.isSatisfied(thread, local, found)) this.steps.spoil(graph.cell[event]);
    this.steps.take(graph, thread, local, found);
    graph.hand(waiting, found, this.steps.left, this.steps.next);
    this.#continue(graph, waiting);
    return true;
  }

  /**
   * Gives the last event, a write, to the reads that were there before it.
   *
   * @param rival another atomic operation that reads from where this one does; it must be lost or revisited
   * @param isBad whether the write's own step violates an assertion
   */
  #sweep(graph: Graph, write: number, rival: number, isBad = false): void {
    const cell = graph.cell[write];
    for (let event = write - 1; event >= graph.cells && !this.#isStopped; event--) {
      if (graph.precedes(event, write)) continue;
      if (!isPlain(graph, event, write)) return;
      if (graph.cell[event] !== cell || graph.readsFrom[event] < 0 || (rival >= 0 && rival < event)) continue;
      this.#revisit(graph, event, write, isBad);
    }
  }

  #revisit(graph: Graph, read: number, write: number, isBad: boolean): void {
    this.#depth++;
    const next = this.#frame();
    next.restrict(graph, read, write);
    const last = next.size - 1;
    const thread = next.thread[read];
    const local = next.local[read];
    const found = next.value[last];
    const op = this.#ops[thread][local];
    let isReadBad = false;
    const known = this.#knownBefore(next, read);
    if (isAwait(op) && !this.steps.isSatisfied(thread, local, found)) {
      next.revisit(read, last, Kind.Read, -1, local);
      next.block(thread);
    } else {
      this.steps.take(next, thread, local, found);
      const { left, next: after } = this.steps;
      isReadBad = this.steps.isBad;
      next.revisit(read, last, left >= 0 || isRmw(op) ? Kind.Fence : Kind.Read, left, after);
    }
    this.#placeBoth(next, read, last, known, isBad ? last : isReadBad ? read : -1);
    this.#depth--;
  }

  /** The event of the read's thread before it; -1: none. */
  #knownBefore(graph: Graph, read: number): number {
    const index = graph.index[read];
    return index === 0 ? -1 : graph.eventOf(graph.thread[read], index - 1);
  }

  /** Tries every place of a write, with the read that was given to it right behind if that writes too. */
  #placeBoth(graph: Graph, read: number, write: number, known: number, bad: number): void {
    const from = graph.readsFrom[write];
    if (from >= 0) {
      this.#tryPlace(graph, read, write, from, bad);
      return;
    }
    let later = -1;
    for (let after = graph.coLast[graph.cell[write]]; after >= 0; after = graph.coPrev[after]) {
      if (this.#isStopped) return;
      if (later >= 0) {
        const isOver = graph.precedes(later, write) || (known >= 0 && graph.precedes(later, known));
        if (this.#hides && isOver) return;
      }
      const place = after;
      if (later < 0 || graph.readsFrom[later] < 0) this.#tryPlace(graph, read, write, place, bad);
      later = after;
    }
  }

  #tryPlace(graph: Graph, read: number, write: number, after: number, bad: number): void {
    graph.place(write, after);
    if (graph.value[read] >= 0) graph.place(read, write);
    if (this.#model.isConsistent(graph)) {
      if (bad >= 0) this.#stop(graph, bad);
      this.#visit(graph);
    }
    if (graph.value[read] >= 0) graph.unplace(read);
    graph.unplace(write);
  }
}
