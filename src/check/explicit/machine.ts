/**
 * The machine that runs a program's threads: what each can do in a state, and what state that leads to. Under
 * sequential consistency an operation meets memory at once; under x86-TSO stores wait in a buffer, first in,
 * first out, that only their thread looks into, and atomic operations and fences wait until it is empty.
 *
 * A state is fields: the local state of each thread, its store buffer (TSO), the value of each shared cell;
 * all of them numbers of the automata.
 */
import { Automata, type Leaf } from '../threads/automata.js';
import { isAwait, isRmw, Op } from '../threads/pending.js';
import type { Finding } from '../program.js';
import { StoreBuffers } from './store-buffers.js';

export type MemoryModel = 'sc' | 'tso';

/** Thread and choice of a step. */
export interface Move {
  readonly thread: number;
  /** Which of the answers that the machine may give; DRAIN: the oldest store leaves the buffer. */
  readonly choice: number;
}

export const DRAIN = -1;
/** Fields that one step may change, twice: more than any has. */
const MOST_CHANGES = 1 << 12;

export class Machine {
  readonly threads: number;
  /** Index of the first shared cell among the fields. */
  readonly firstValue: number;
  readonly isTso: boolean;
  readonly buffers = new StoreBuffers();
  /** The state that moves are asked for. */
  fields: Int32Array;
  /** Fields that the last step changed, and their values: the first `changes` of them. */
  readonly changed = new Int32Array(MOST_CHANGES);
  changes = 0;
  /** Values of shared cells as one thread sees them. */
  #view: Int32Array;

  constructor(
    readonly automata: Automata,
    model: MemoryModel,
  ) {
    this.threads = automata.threads.length;
    this.isTso = model === 'tso';
    this.firstValue = this.isTso ? 2 * this.threads : this.threads;
    this.fields = new Int32Array(0);
    this.#view = new Int32Array(0);
  }

  /** How many fields a state has, as far as is known. */
  get width(): number {
    return this.firstValue + this.automata.shared.length;
  }

  /** How many numbers a field has, as far as is known. */
  sizeOf(field: number): number {
    if (field < this.threads) return this.automata.threads[field].locals.length;
    if (field < this.firstValue) return this.buffers.count;
    return this.automata.shared[field - this.firstValue].values.length;
  }

  /** Makes the initial state the current one. */
  begin(): Finding | undefined {
    const { locals, values, finding } = this.automata.begin();
    this.fields = new Int32Array(this.width);
    this.fields.set(locals);
    this.fields.set(values, this.firstValue);
    return finding;
  }

  /** In how many ways a thread's operation can go on: 0 while it waits, and when it has ended. */
  choices(thread: number): number {
    const automaton = this.automata.threads[thread];
    const local = this.fields[thread];
    const op = automaton.ops[local];
    if (op === Op.End) return 0;
    if (op === Op.Choose) return automaton.locals[local].pending.a;
    if (this.isTso && this.#buffer(thread) !== 0 && (op === Op.Fence || op === Op.Acquire || isRmw(op)))
      return 0;
    if (!isAwait(op)) return 1;
    const { a, b } = automaton.locals[local].pending;
    const cell = automaton.cells[local];
    return (this.automata.shared[cell].values[this.#valueOf(thread, cell)] & a) === b ? 1 : 0;
  }

  /** Whether a store of the thread waits for its turn. */
  canDrain(thread: number): boolean {
    return this.isTso && this.#buffer(thread) !== 0;
  }

  /** Whether a thread can do nothing in the current state. */
  waits(thread: number): boolean {
    return this.choices(thread) === 0 && !this.canDrain(thread);
  }

  hasEnded(thread: number): boolean {
    return this.automata.threads[thread].ops[this.fields[thread]] === Op.End;
  }

  /** All of memory in the current state, and every thread's own cells. */
  memory(): Int32Array {
    const { program, threads, shared } = this.automata;
    const cells = Int32Array.from(program.memory.cells);
    for (const [index, { cell, values }] of shared.entries()) {
      cells[cell] = values[this.fields[this.firstValue + index] ?? 0];
    }
    for (const [thread, { locals }] of threads.entries()) {
      const own = locals[this.fields[thread]].cells;
      for (let index = 0; index < own.length; index += 2) cells[own[index]] = own[index + 1];
    }
    return cells;
  }

  #buffer(thread: number): number {
    return this.fields[this.threads + thread];
  }

  #valueOf(thread: number, cell: number): number {
    let value = this.fields[this.firstValue + cell] ?? 0;
    if (!this.isTso) return value;
    this.buffers.forEach(this.#buffer(thread), (stored, number) => {
      if (stored === cell) value = number;
    });
    return value;
  }

  /**
   * Takes a step from the current state, which stays: `changed` says what the next differs in.
   *
   * @returns the step of the code; undefined for a store that leaves its buffer
   */
  step(thread: number, choice: number): Leaf | undefined {
    this.changes = 0;
    if (choice === DRAIN) {
      const buffer = this.#buffer(thread);
      this.#change(this.firstValue + this.buffers.oldestCell(buffer), this.buffers.oldestValue(buffer));
      this.#change(this.threads + thread, this.buffers.rest(buffer));
      return undefined;
    }
    return this.isTso ? this.#stepTso(thread, choice) : this.#stepSc(thread, choice);
  }

  /** Takes a step and makes the state after it the current one. */
  advance(thread: number, choice: number): Leaf | undefined {
    const leaf = this.step(thread, choice);
    const fields = new Int32Array(this.width);
    fields.set(this.fields);
    for (let index = 0; index < this.changes; index += 2) {
      fields[this.changed[index]] = this.changed[index + 1];
    }
    this.fields = fields;
    return leaf;
  }

  #change(field: number, value: number): void {
    this.changed[this.changes++] = field;
    this.changed[this.changes++] = value;
  }

  #stepSc(thread: number, choice: number): Leaf {
    const { automata, fields, firstValue } = this;
    const local = fields[thread];
    const cell = automata.threads[thread].cells[local];
    const view = this.#memory();
    let found = choice;
    if (cell >= 0) {
      found = view[cell] ?? 0;
      const after = automata.after(thread, local, found);
      if (after >= 0) {
        view[cell] = after;
        this.#change(firstValue + cell, after);
      }
    }
    const leaf = automata.leaf(thread, local, found, view);
    if (cell >= 0) view[cell] = found;
    this.#apply(thread, leaf);
    return leaf;
  }

  #stepTso(thread: number, choice: number): Leaf {
    const { automata, fields, firstValue, buffers } = this;
    const local = fields[thread];
    const automaton = automata.threads[thread];
    const cell = automaton.cells[local];
    const view = this.#memory().slice();
    buffers.forEach(this.#buffer(thread), (stored, value) => (view[stored] = value));
    let found = choice;
    if (cell >= 0) {
      found = view[cell] ?? 0;
      const after = automata.after(thread, local, found);
      if (after >= 0) {
        view[cell] = after;
        if (automaton.ops[local] !== Op.Store) this.#change(firstValue + cell, after);
        else this.#change(this.threads + thread, buffers.push(this.#buffer(thread), cell, after));
      }
    }
    const leaf = automata.leaf(thread, local, found, view);
    this.#apply(thread, leaf);
    return leaf;
  }

  /** Values of shared cells in memory. */
  #memory(): Int32Array {
    if (this.#source !== this.fields) {
      this.#source = this.fields;
      this.#view = this.fields.subarray(this.firstValue);
    }
    return this.#view;
  }
  #source: Int32Array | undefined = undefined;

  #apply(thread: number, leaf: Leaf): void {
    const { writes } = leaf;
    this.#change(thread, leaf.next);
    for (let index = 0; index < writes.length; index += 2) {
      if (this.isTso && this.buffers.has(this.#buffer(thread), writes[index])) {
        throw new Error(`a cell is written past the buffer that holds a store to it`);
      }
      this.#change(this.firstValue + writes[index], writes[index + 1]);
    }
  }

  /**
   * A thread that may go on before all others, because nobody can tell when it does; -1 if there is none. To
   * let it go first loses no outcome.
   */
  goesOn(): number {
    const { threads } = this.automata;
    for (let thread = 0; thread < this.threads; thread++) {
      const { goesOn, ops } = threads[thread];
      const local = this.fields[thread];
      const op = ops[local];
      if (goesOn[local] !== 0 && this.choices(thread) > 0) return thread;
      if ((op === Op.Choose || (this.isTso && op === Op.Store)) && this.#isHidden(thread)) return thread;
    }
    return -1;
  }

  #isHidden(thread: number): boolean {
    const choices = this.choices(thread);
    for (let choice = 0; choice < choices; choice++) {
      if (this.step(thread, choice)?.isHidden !== true) return false;
    }
    return choices > 0;
  }
}
