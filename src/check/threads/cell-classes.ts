/**
 * Who touches which cell. A cell that nobody writes, or that only one thread touches, is nothing that others
 * can notice: accesses to it are no steps. What is known grows while programs run.
 */

/** Some cell is touched by more threads than was known: what was derived from that is void. */
export class ClassesChanged extends Error {}

export class CellClasses {
  /** By cell: bits of the threads that read it, and that write it. */
  readonly readers: Int32Array;
  readonly writers: Int32Array;
  /** By cell: bits of the locks that were held at every write, exclusively; and at every read. */
  readonly #writeGuards: Int32Array;
  readonly #readGuards: Int32Array;
  readonly #locks = new Map<number, number>();
  /** How often a cell's class changed. */
  changes = 0;

  constructor(
    cells: number,
    /** Cells whose accesses are steps whatever is known of them. */
    readonly always: Set<number> = new Set(),
  ) {
    this.readers = new Int32Array(cells);
    this.writers = new Int32Array(cells);
    this.#writeGuards = new Int32Array(cells).fill(-1);
    this.#readGuards = new Int32Array(cells).fill(-1);
  }

  /** The bit of a lock, by its cell. Locks beyond the thirtieth guard nothing. */
  lockBit(cell: number): number {
    const found = this.#locks.get(cell) ?? this.#locks.size;
    this.#locks.set(cell, found);
    return found < 30 ? 1 << found : 0;
  }

  /**
   * Whether every access is made with one and the same lock held, for writing those that write. Who holds
   * the lock is alone with such a cell, so that its accesses are no steps.
   */
  isGuarded(cell: number): boolean {
    return (this.#writeGuards[cell] & this.#readGuards[cell]) !== 0;
  }

  /** Whether an access to the cell is a step of its own. */
  isStep(cell: number): boolean {
    return this.isShared(cell) && (this.always.has(cell) || !this.isGuarded(cell));
  }

  /** Whether several threads touch it, and one of them writes. */
  isShared(cell: number): boolean {
    const writers = this.writers[cell];
    if (this.always.has(cell)) return true;
    if (writers === 0) return false;
    const all = writers | this.readers[cell];
    return (all & (all - 1)) !== 0;
  }

  /** Whether only `thread` touches it, and writes it. */
  isPrivateTo(cell: number, thread: number): boolean {
    return this.writers[cell] === 1 << thread && (this.readers[cell] & ~(1 << thread)) === 0;
  }

  /** From now on accesses to a cell are steps. Returns whether they were not before. */
  makeShared(cell: number): boolean {
    if (this.isShared(cell)) return false;
    this.always.add(cell);
    this.changes++;
    return true;
  }

  /**
   * A thread touches a cell, with locks held. Returns whether that made it one that others can notice, or can
   * notice in more moments.
   */
  touch(cell: number, thread: number, writes: boolean, held: number): boolean {
    const bit = 1 << thread;
    const guarded = this.isGuarded(cell);
    if (writes) this.#writeGuards[cell] &= held;
    else this.#readGuards[cell] &= held;
    const exposed = guarded && !this.isGuarded(cell) && this.isShared(cell);
    return this.#touch(cell, bit, writes) || exposed;
  }

  #touch(cell: number, bit: number, writes: boolean): boolean {
    if (writes ? (this.writers[cell] & bit) !== 0 : (this.readers[cell] & bit) !== 0) return false;
    const before = this.#classOf(cell);
    if (writes) this.writers[cell] |= bit;
    else this.readers[cell] |= bit;
    if (this.#classOf(cell) === before) return false;
    this.changes++;
    return this.isShared(cell);
  }

  /** 0: constant; -1: shared; otherwise the bit of its thread. */
  #classOf(cell: number): number {
    const writers = this.writers[cell];
    if (writers === 0) return 0;
    const all = writers | this.readers[cell];
    return (all & (all - 1)) === 0 ? all : -1;
  }
}
