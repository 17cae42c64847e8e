/**
 * Memory as one step of a thread sees it: every cell that the step touches without an operation is written
 * down, in order, so that the step can be repeated without running any code.
 */
import type { CellClasses } from './cell-classes.js';

/** What one step read and wrote of shared cells, beside its operation. */
export interface Trail {
  /** Cells in the order of their first read, with what they held; none that the step itself wrote before. */
  readonly reads: { cell: number; value: number }[];
  /** The last value that the step wrote, by cell. */
  readonly writes: Map<number, number>;
}

export class Recorder {
  /** The memory that the model sees. */
  readonly mem: Int32Array;
  trail: Trail = { reads: [], writes: new Map() };
  thread = 0;
  /** Whether the step touched a cell that is touched by more than was known. It runs on, to find all such. */
  isVoid = false;
  /** Bits of the locks that the thread holds exclusively, and in whichever way. */
  exclusive = 0;
  held = 0;
  readonly #read = new Set<number>();

  constructor(
    /** What the cells hold now. */
    readonly cells: Int32Array,
    readonly classes: CellClasses,
    /** Bits that are kept of cells that would count for ever. */
    readonly wraps: ReadonlyMap<number, number> = new Map(),
  ) {
    this.mem = new Proxy(cells, {
      get: (_target, key) => this.#get(key),
      set: (_target, key, value: number) => {
        this.write(Number(key), value);
        return true;
      },
    });
  }

  begin(thread: number): void {
    this.thread = thread;
    this.isVoid = false;
    this.trail = { reads: [], writes: new Map() };
    this.#read.clear();
  }

  #get(key: string | symbol): unknown {
    if (typeof key === 'string' && key >= '0' && key <= ':') return this.read(Number(key));
    if (key === 'length') return this.cells.length;
    if (key === 'fill') return this.#fill;
    throw new Error(`the model uses ${String(key)} of its memory, which cannot be followed`);
  }

  readonly #fill = (value: number, start: number, end: number): void => {
    for (let cell = start; cell < end; cell++) this.write(cell, value);
  };

  touch(cell: number, writes: boolean): void {
    const held = writes ? this.exclusive : this.held;
    if (this.classes.touch(cell, this.thread, writes, held)) this.isVoid = true;
  }

  /** Accesses to a cell are steps, whoever touches it. */
  share(cell: number): void {
    if (this.classes.makeShared(cell)) this.isVoid = true;
  }

  read(cell: number): number {
    this.touch(cell, false);
    const value = this.cells[cell];
    if (this.classes.isShared(cell) && !this.#read.has(cell) && !this.trail.writes.has(cell)) {
      this.#read.add(cell);
      this.trail.reads.push({ cell, value });
    }
    return value;
  }

  write(cell: number, whole: number): void {
    const value = whole & (this.wraps.get(cell) ?? -1);
    // The same value again changes nothing, and makes no cell anybody's.
    if (this.cells[cell] === (value | 0) && !this.#wasWritten(cell)) {
      this.read(cell);
      return;
    }
    this.touch(cell, true);
    this.cells[cell] = value;
    if (this.classes.isShared(cell)) this.trail.writes.set(cell, value | 0);
  }

  #wasWritten(cell: number): boolean {
    return (this.classes.writers[cell] & (1 << this.thread)) !== 0;
  }
}
