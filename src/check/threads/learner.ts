/**
 * Runs the model's own code, one step at a time, and keeps what came of it: from a local state, with what
 * the operation found and what the step read beside it, to the next local state. Whoever explores looks
 * steps up and comes here only for what was never seen.
 */
import { CellClasses, ClassesChanged } from './cell-classes.js';
import { CheckThread, END } from './check-thread.js';
import { FrameInterner, Numbering } from './interner.js';
import { Op, Ordering, type Pending } from './pending.js';
import { Recorder } from './recorder.js';
import type { CheckProgram, Finding } from '../program.js';

/** What a thread is, apart from shared memory: where it stands, and its private cells. */
export interface LocalState {
  readonly id: number;
  readonly thread: number;
  /** What it is about to do. */
  readonly pending: Pending;
  readonly frames: number;
  /**
   * Whether nobody need come in between the step that led here and the next: it took a lock or made a choice,
   * and nobody can tell when.
   */
  readonly goesOn: boolean;
  /** Private cells that do not hold what they held at first: cell, value, cell, value ... */
  readonly cells: readonly number[];
}

/** Something that a thread emitted. */
export type Emitted = readonly [point: number, ...values: number[]];

/** One step, learned. */
export interface Learned {
  /** Shared cells that it read beside its operation, and what they held. */
  readonly reads: readonly { readonly cell: number; readonly value: number }[];
  /** Shared cells that it wrote beside its operation. */
  readonly writes: ReadonlyMap<number, number>;
  readonly next: LocalState;
  readonly emitted: readonly Emitted[];
  readonly finding: Finding | undefined;
}

/** Before its first step a thread may go on at any time. */
const START: Pending = { op: Op.Choose, cell: 0, a: 1, b: 0, ordering: Ordering.Relaxed, kept: -1 };

export class Learner {
  readonly classes: CellClasses;
  readonly states = new Numbering<LocalState>();
  readonly #initial: Int32Array;
  readonly #cells: Int32Array;
  readonly #recorder: Recorder;
  readonly #threads: CheckThread[];
  readonly #frames = new FrameInterner();
  /** Cells that steps of a thread have written as its own. */
  #private: number[][];
  #knownChanges: number;
  /** How many steps ran code. */
  learned = 0;

  constructor(
    readonly program: CheckProgram,
    hasFences: boolean,
    classes?: CellClasses,
  ) {
    this.#initial = program.memory.cells;
    this.#cells = Int32Array.from(this.#initial);
    this.classes = classes ?? new CellClasses(this.#cells.length, new Set(program.always));
    this.#recorder = new Recorder(this.#cells, this.classes, program.wraps);
    this.#threads = program.threads.map(
      ({ name, scratch, own, rounds }, index) =>
        new CheckThread(
          {
            index,
            name,
            scratch,
            own,
            rounds,
            interrupts: program.interrupts,
            mayResched: program.mayResched,
            hasFences,
          },
          this.#recorder,
        ),
    );
    this.#private = program.threads.map((_, thread) => this.#privateCells(thread));
    this.#knownChanges = this.classes.changes;
  }

  #privateCells(thread: number): number[] {
    const cells: number[] = [];
    for (let cell = 0; cell < this.#cells.length; cell++) {
      if (this.classes.isPrivateTo(cell, thread) && !this.classes.isShared(cell)) cells.push(cell);
    }
    return cells;
  }

  /** A thread that has not begun. */
  initial(thread: number): LocalState {
    return this.#intern(thread, -1, START, false, []);
  }

  /**
   * The step of a thread from `from`, when its operation gave `result` and shared cells hold what `shared`
   * says: cell, value, cell, value ... A thread that has not begun runs up to its first operation.
   *
   * @throws ClassesChanged
   */
  step(
    from: LocalState,
    result: number | boolean | undefined,
    shared: Iterable<readonly [number, number]>,
  ): Learned {
    this.learned++;
    const thread = this.#threads[from.thread];
    this.#load(from, shared);
    this.#recorder.begin(from.thread);
    thread.noteLocks();
    const emitted: Emitted[] = [];
    let finding: Finding | undefined;
    thread.listener = (index, point, values) => {
      emitted.push([point, ...values]);
      finding ??= this.program.watcher?.onEmit(this.#recorder.mem, index, point, values);
    };
    thread.guestListener = (index, runs) => {
      finding ??= this.program.watcher?.onGuest(this.#recorder.mem, index, runs);
    };
    thread.accessListener = (cell) => {
      finding ??= this.program.watcher?.onAccess(this.#recorder.mem, from.thread, cell);
    };
    thread.failed = undefined;
    if (from.pending.cell !== 0) thread.accessListener(from.pending.cell);
    thread.top = this.#frames.frameOf(from.frames);
    thread.value = result;
    const program = this.program.threads[from.thread];
    const ended = thread.run(() => program.start(thread.asThread));
    if (this.#recorder.isVoid) throw new ClassesChanged();
    const frames = ended ? -2 : this.#frames.numberOf(thread.top);
    const pending = ended ? END : thread.pending;
    if (thread.failed !== undefined)
      finding ??= { name: thread.failed, message: 'an assertion does not hold' };
    const { reads, writes } = this.#recorder.trail;
    const goesOn = !ended && this.#isRightMover(from, reads, writes);
    return { reads, writes, next: this.#next(from.thread, frames, pending, goesOn), emitted, finding };
  }

  /** Memory as the step finds it: what was at first, the thread's own cells, and the shared ones. */
  #load(from: LocalState, shared: Iterable<readonly [number, number]>): void {
    this.#cells.set(this.#initial);
    const { cells } = from;
    for (let index = 0; index < cells.length; index += 2) this.#cells[cells[index]] = cells[index + 1];
    for (const [cell, value] of shared) this.#cells[cell] = value;
  }

  #isRightMover({ pending }: LocalState, reads: Learned['reads'], writes: Learned['writes']): boolean {
    if (pending.op !== Op.Acquire) return false;
    const isHidden = (cell: number): boolean => cell === pending.cell || this.classes.isGuarded(cell);
    return reads.every(({ cell }) => isHidden(cell)) && [...writes.keys()].every((cell) => isHidden(cell));
  }

  #next(thread: number, frames: number, pending: Pending, goesOn: boolean): LocalState {
    const cells: number[] = [];
    if (this.#knownChanges !== this.classes.changes) {
      this.#private = this.#threads.map((_, each) => this.#privateCells(each));
      this.#knownChanges = this.classes.changes;
    }
    for (const cell of this.#private[thread]) {
      if (this.#cells[cell] !== this.#initial[cell]) cells.push(cell, this.#cells[cell]);
    }
    return this.#intern(thread, frames, pending, goesOn, cells);
  }

  #intern(
    thread: number,
    frames: number,
    pending: Pending,
    goesOn: boolean,
    cells: readonly number[],
  ): LocalState {
    const { op, cell, a, b } = pending;
    const key = `${thread}|${frames}|${op},${cell},${a},${b}|${goesOn ? 1 : 0}|${cells.join()}`;
    const id = this.states.numberOf(key, () => ({
      id: this.states.values.length,
      thread,
      pending,
      frames,
      goesOn,
      cells,
    }));
    return this.states.values[id];
  }
}
