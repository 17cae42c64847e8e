/**
 * The steps of a program's threads as tables, filled from its automata: what an operation that finds a value
 * leaves in its cell, and where its thread stands then. Steps that touch other cells beside their operation
 * are refused: nothing would order such accesses.
 */
import { Automata, type Leaf } from '../threads/automata.js';
import { ClassesChanged } from '../threads/cell-classes.js';
import { isAwait, Op, type Pending } from '../threads/pending.js';
import type { Finding } from '../program.js';
import type { Graph } from './graph.js';

/** What was explored rests on something that is known better now: begin anew, with the same automata. */
export class BeginAnew extends Error {}

/** Columns of a table: next local state plus one (negative: with a finding), and value left plus one. */
const COLUMNS = 2;

/** Condition under which a lock is taken. */
interface LockCondition {
  readonly a: number;
  readonly b: number;
}

export class Steps {
  /** Of the step that was looked up last: next local state, number of the value that it leaves (-1: none). */
  next = 0;
  left = -1;
  /** Whether it violates an assertion: see `findingOf`. */
  isBad = false;
  #stride = 8;
  readonly #tables: Int32Array[];
  readonly #view = new Int32Array(1024);
  readonly #locks: (LockCondition | undefined)[] = [];
  /** Cells that something else than a mutex uses. */
  readonly #spoiled = new Set<number>();

  constructor(readonly automata: Automata) {
    this.#tables = automata.threads.map(() => new Int32Array(0));
  }

  pending(thread: number, local: number): Pending {
    return this.automata.threads[thread].locals[local].pending;
  }

  /** Whether an await of a local state goes on when it finds value number `found`. */
  isSatisfied(thread: number, local: number, found: number): boolean {
    const automaton = this.automata.threads[thread];
    const { a, b } = automaton.locals[local].pending;
    return (this.automata.shared[automaton.cells[local]].values[found] & a) === b;
  }

  /** Looks a step up. `graph` is what the thread has done before. */
  take(graph: Graph, thread: number, local: number, found: number): void {
    const at = (local * this.#stride + found) * COLUMNS;
    const table = this.#tables[thread];
    let next = found < this.#stride && at < table.length ? table[at] : 0;
    let left = next === 0 ? 0 : table[at + 1];
    if (next === 0) {
      const leaf = this.#learn(graph, thread, local, found);
      next = leaf.learned.finding === undefined ? leaf.next + 1 : -1 - leaf.next;
      left = this.#leftBy(thread, local, found, leaf) + 1;
      this.#keep(thread, local, found, next, left);
    }
    this.isBad = next < 0;
    this.next = (next < 0 ? -next : next) - 1;
    this.left = left - 1;
  }

  findingOf(graph: Graph, thread: number, local: number, found: number): Finding | undefined {
    return this.#learn(graph, thread, local, found).learned.finding;
  }

  /**
   * Whether a cell is a lock that only its holder gives back: acquired under one condition that no holder
   * leaves true, and stored to by holders alone.
   */
  isMutex(cell: number): boolean {
    return this.#locks[cell] !== undefined && !this.#spoiled.has(cell);
  }

  /** The cell turns out to be no mutex. */
  spoil(cell: number): void {
    if (this.#spoiled.has(cell)) return;
    this.#spoiled.add(cell);
    if (this.#locks[cell] !== undefined) throw new BeginAnew();
  }

  #keep(thread: number, local: number, found: number, next: number, left: number): void {
    if (found >= this.#stride) this.#widen(found);
    const at = (local * this.#stride + found) * COLUMNS;
    let table = this.#tables[thread];
    if (at >= table.length) {
      table = new Int32Array(2 * (local + 1) * this.#stride * COLUMNS);
      table.set(this.#tables[thread]);
      this.#tables[thread] = table;
    }
    table[at] = next;
    table[at + 1] = left;
  }

  #widen(found: number): void {
    while (this.#stride <= found) this.#stride *= 2;
    // What was known is looked up again.
    for (let thread = 0; thread < this.#tables.length; thread++) this.#tables[thread] = new Int32Array(0);
  }

  #learn(graph: Graph, thread: number, local: number, found: number): Leaf {
    const { automata } = this;
    const known = automata.shared.length;
    const cell = automata.threads[thread].cells[local];
    const held = this.#heldLocks(graph, thread);
    if (cell >= 0) {
      const after = automata.after(thread, local, found);
      this.#view[cell] = after >= 0 ? after : found;
    }
    const leaf = automata.leaf(thread, local, found, this.#view);
    this.#view.fill(0);
    for (const { cell: read } of leaf.learned.reads) {
      const index = automata.indexOf(read);
      if (index !== cell && !held.has(index)) this.#refuse(thread, read, 'reads');
    }
    for (const written of leaf.learned.writes.keys()) {
      if (automata.indexOf(written) !== cell) this.#refuse(thread, written, 'writes');
    }
    this.#noteLock(thread, local, cell, leaf);
    if (automata.shared.length !== known) throw new BeginAnew();
    return leaf;
  }

  /** Mutexes that the thread holds: it knows what they contain. Their values are put into the view. */
  #heldLocks(graph: Graph, thread: number): Set<number> {
    const held = new Set<number>();
    for (let index = 0; index < graph.length[thread]; index++) {
      const event = graph.eventOf(thread, index);
      const cell = graph.cell[event];
      if (graph.value[event] < 0 || cell < 0) continue;
      const isTaken = isAwait(this.pending(thread, graph.local[event]).op) && this.isMutex(cell);
      if (isTaken) held.add(cell);
      else held.delete(cell);
      this.#view[cell] = isTaken ? graph.value[event] : 0;
    }
    return held;
  }

  #refuse(thread: number, cell: number, verb: string): never {
    const { automata } = this;
    const { classes } = automata.learner;
    const { memory, threads } = automata.program;
    if (classes.always.has(cell)) {
      throw new Error(
        `${threads[thread].name} ${verb} ${memory.nameOf(cell)} beside its operation: ` +
          'execution graphs know only operations',
      );
    }
    // A cell that one lock guards is touched without operations; as operations its accesses can be followed.
    classes.always.add(cell);
    throw new ClassesChanged();
  }

  #leftBy(thread: number, local: number, found: number, leaf: Leaf): number {
    const { automata } = this;
    const cell = automata.threads[thread].cells[local];
    for (let index = 0; index < leaf.writes.length; index += 2) {
      if (leaf.writes[index] === cell) return leaf.writes[index + 1];
    }
    if (cell < 0) return -1;
    const { op, a } = this.pending(thread, local);
    if (op === Op.Cmpxchg && automata.shared[cell].values[found] !== a) return -1;
    return automata.after(thread, local, found);
  }

  #noteLock(thread: number, local: number, cell: number, leaf: Leaf): void {
    if (cell < 0) return;
    const { op, a, b } = this.pending(thread, local);
    const lock = this.#locks[cell];
    const left = leaf.writes.length > 0 ? this.automata.shared[cell].values[leaf.writes[1]] : undefined;
    if (isAwait(op) && left !== undefined) {
      this.#locks[cell] ??= { a, b };
      if (lock !== undefined && (lock.a !== a || lock.b !== b)) this.spoil(cell);
      if ((left & a) === b) this.spoil(cell);
      return;
    }
    const frees = op === Op.Store && lock !== undefined && left === undefined;
    if (!frees || (this.pending(thread, local).a & lock.a) !== lock.b) this.spoil(cell);
  }
}
