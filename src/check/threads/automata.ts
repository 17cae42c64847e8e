/**
 * The threads of a program as automata that are learned on the way: what an explorer looks up instead of
 * running code. Values of shared cells are small numbers, in the order in which they were first seen.
 */
import type { CellClasses } from './cell-classes.js';
import { Learner, type Learned, type LocalState } from './learner.js';
import { isAwait, isRmw, isWrite, Op, valueAfter } from './pending.js';
import type { CheckProgram, Finding } from '../program.js';

/** A shared cell, and the values that it was seen with. */
class SharedCell {
  readonly values: number[] = [];
  readonly #numbers = new Map<number, number>();

  constructor(
    readonly cell: number,
    initial: number,
  ) {
    this.numberOf(initial);
  }

  numberOf(value: number): number {
    const found = this.#numbers.get(value);
    if (found !== undefined) return found;
    this.#numbers.set(value, this.values.length);
    this.values.push(value);
    return this.values.length - 1;
  }
}

/** The end of a look-up: a step, with its effects as numbers. */
export class Leaf {
  constructor(
    /** Number of the thread's next local state. */
    readonly next: number,
    /** Whether others can tell when it happens, but for its operation. */
    readonly isHidden: boolean,
    /** Shared cells (their index) and the values that they get beside the operation. */
    readonly writes: readonly number[],
    readonly learned: Learned,
  ) {}
}

/** A shared cell that decides how a step goes on. */
class Branch {
  readonly children: (Node | undefined)[] = [];
  constructor(readonly shared: number) {}
}

export type Node = Leaf | Branch;

/** What an operation makes of its cell, and what follows. */
export interface Edge {
  /** Number of the cell's new value; -1: as it was. */
  readonly after: number;
  node: Node;
}

/** One thread's local states, numbered from 0, and its edges by the number of what the operation finds. */
class Automaton {
  readonly locals: LocalState[] = [];
  readonly edges: (Edge | undefined)[][] = [];
  /** By local state: its operation, and the index of its cell among the shared ones, or -1. */
  readonly ops: Op[] = [];
  readonly cells: number[] = [];
  /** By local state: 1 if it goes on before others do. */
  readonly goesOn: number[] = [];
  readonly #numbers = new Map<LocalState, number>();

  numberOf(local: LocalState, cellIndex: (cell: number) => number): number {
    const found = this.#numbers.get(local);
    if (found !== undefined) return found;
    const number = this.locals.length;
    const { op, cell } = local.pending;
    this.#numbers.set(local, number);
    this.locals.push(local);
    this.edges.push([]);
    this.ops.push(op);
    this.goesOn.push(local.goesOn ? 1 : 0);
    this.cells.push(op === Op.Load || isAwait(op) || isWrite(op) ? cellIndex(cell) : -1);
    return number;
  }
}

/** Where a program begins: numbers of each thread's local state, and of the values of shared cells. */
export interface Beginning {
  readonly locals: readonly number[];
  readonly values: readonly number[];
  readonly finding: Finding | undefined;
}

export class Automata {
  readonly learner: Learner;
  readonly threads: readonly Automaton[];
  readonly shared: SharedCell[] = [];
  readonly #index = new Map<number, number>();

  constructor(
    readonly program: CheckProgram,
    hasFences: boolean,
    classes?: CellClasses,
  ) {
    this.learner = new Learner(program, hasFences, classes);
    this.threads = program.threads.map((_, thread) => {
      const automaton = new Automaton();
      automaton.numberOf(this.learner.initial(thread), this.indexOf);
      return automaton;
    });
  }

  /** Index of a cell among the shared ones. */
  readonly indexOf = (cell: number): number => {
    const found = this.#index.get(cell);
    if (found !== undefined) return found;
    const index = this.shared.length;
    this.#index.set(cell, index);
    this.shared.push(new SharedCell(cell, this.program.memory.cells[cell]));
    return index;
  };

  /**
   * Every thread at its first operation. What threads do before that they do one after another: nobody
   * else runs yet.
   *
   * @throws ClassesChanged
   */
  begin(): Beginning {
    const values: number[] = [];
    const locals: number[] = [];
    let finding: Finding | undefined;
    for (let thread = 0; thread < this.threads.length; thread++) {
      const { next, writes, learned } = this.leaf(thread, 0, 0, values);
      for (let index = 0; index < writes.length; index += 2) values[writes[index]] = writes[index + 1];
      locals.push(next);
      finding ??= learned.finding;
    }
    return { locals, values: this.shared.map((_, index) => values[index] ?? 0), finding };
  }

  /**
   * The step of a thread whose operation finds value number `found` in its cell, or makes choice `found`.
   *
   * @param values numbers of the values of shared cells once the operation is done; those that were never
   *   seen before are beyond its end, and have their initial value
   */
  leaf(thread: number, local: number, found: number, values: ArrayLike<number>): Leaf {
    const automaton = this.threads[thread];
    let edge = automaton.edges[local][found];
    if (edge === undefined) edge = this.#edge(automaton, local, found);
    let node = edge.node;
    while (node instanceof Branch) {
      const child: Node | undefined = node.children[values[node.shared] ?? 0];
      if (child === undefined) return this.#learn(thread, local, found, values);
      node = child;
    }
    return node.learned === UNKNOWN ? this.#learn(thread, local, found, values) : node;
  }

  /** Number of the value that a cell holds after the operation of a local state found `found`. */
  after(thread: number, local: number, found: number): number {
    const automaton = this.threads[thread];
    return (automaton.edges[local][found] ?? this.#edge(automaton, local, found)).after;
  }

  #edge(automaton: Automaton, local: number, found: number): Edge {
    const { pending } = automaton.locals[local];
    const index = automaton.cells[local];
    const cell = this.shared[index];
    const after = isWrite(pending.op) ? cell.numberOf(valueAfter(pending, cell.values[found])) : -1;
    const edge = { after, node: new Leaf(0, false, [], UNKNOWN) };
    automaton.edges[local][found] = edge;
    return edge;
  }

  /** What the operation gives to the code: the value that it found, as such. */
  #resultOf(automaton: Automaton, local: number, found: number): number | undefined {
    const { op } = automaton.locals[local].pending;
    if (op === Op.Choose) return found;
    if (op === Op.Load || isAwait(op) || isRmw(op)) {
      return this.shared[automaton.cells[local]].values[found];
    }
    return undefined;
  }

  #learn(thread: number, local: number, found: number, values: ArrayLike<number>): Leaf {
    const automaton = this.threads[thread];
    const held: [number, number][] = this.shared.map(({ cell, values: known }, index) => [
      cell,
      known[values[index] ?? 0],
    ]);
    const learned = this.learner.step(automaton.locals[local], this.#resultOf(automaton, local, found), held);
    const writes: number[] = [];
    for (const [cell, value] of learned.writes) {
      const index = this.indexOf(cell);
      writes.push(index, this.shared[index].numberOf(value));
    }
    const { classes } = this.learner;
    const isHidden = [...learned.reads.map(({ cell }) => cell), ...learned.writes.keys()].every((cell) =>
      classes.isGuarded(cell),
    );
    const leaf = new Leaf(automaton.numberOf(learned.next, this.indexOf), isHidden, writes, learned);
    this.#insert(automaton, local, found, learned, leaf);
    return leaf;
  }

  #insert(automaton: Automaton, local: number, found: number, learned: Learned, leaf: Leaf): void {
    const edge = automaton.edges[local][found] ?? this.#edge(automaton, local, found);
    if (learned.reads.length === 0) {
      edge.node = leaf;
      return;
    }
    let parent: Branch | undefined;
    let slot = 0;
    for (const { cell, value } of learned.reads) {
      const index = this.indexOf(cell);
      let node = parent === undefined ? edge.node : parent.children[slot];
      if (!(node instanceof Branch)) {
        node = new Branch(index);
        if (parent === undefined) edge.node = node;
        else parent.children[slot] = node;
      }
      parent = node;
      slot = this.shared[index].numberOf(value);
    }
    if (parent !== undefined) parent.children[slot] = leaf;
  }
}

/** Stands for a step that was not taken yet. */
const UNKNOWN: Learned = {
  reads: [],
  writes: new Map(),
  next: undefined as never,
  emitted: [],
  finding: undefined,
};
