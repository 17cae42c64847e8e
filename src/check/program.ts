/** What is checked: memory, threads, and someone who watches. */
import type { Cell, Thread } from '../model/operations.js';
import type { Memory } from '../model/memory.js';
import type { Tracepoint } from '../model/tracepoints.js';

/** How a violation is told. */
export interface Finding {
  /** Name of an invariant or of a protocol's own assertion. */
  readonly name: string;
  readonly message: string;
}

/** Looks on: called for everything that threads emit, with memory as it is in that moment. */
export interface Watcher {
  /** Reads and writes only `mem`, its own cells in it included. */
  onEmit(mem: Int32Array, thread: number, point: Tracepoint, values: readonly number[]): Finding | undefined;
  /** A thread reads or writes a cell. */
  onAccess(mem: Int32Array, thread: number, cell: Cell): Finding | undefined;
  /** Every thread has ended. */
  atEnd(mem: Int32Array): Finding | undefined;
  /** The guest of a thread begins to run, or stops. */
  onGuest(mem: Int32Array, thread: number, runs: boolean): Finding | undefined;
}

export interface ProgramThread {
  /** For people: `vCPU 0`, `invalidator`. */
  readonly name: string;
  readonly scratch: Cell;
  /** OWN_CELLS private cells of the executor. */
  readonly own: Cell;
  readonly rounds: number;
  /** It goes on for ever, and nobody expects it to end. */
  readonly endless?: boolean;
  start(t: Thread): unknown;
}

export interface CheckProgram {
  readonly memory: Memory;
  readonly threads: readonly ProgramThread[];
  /** A cell per thread, for interrupts. */
  readonly interrupts: Cell;
  /** Whether somebody may want the CPU wherever the kernel asks. */
  readonly mayResched: boolean;
  /** Bits that are kept of cells that would count for ever: what is checked then is a finite quotient. */
  readonly wraps?: ReadonlyMap<Cell, number>;
  readonly watcher?: Watcher;
  /** Cells whose accesses are steps even if one thread alone touches them. */
  readonly always?: readonly Cell[];
}
