/**
 * The memory of a modelled machine: cells of one Int32Array, handed out once when the machine is built.
 */
import type { Cell } from './operations.js';

/** Why a group of cells exists: tells the executors what an access to it means. */
export type Region =
  /** A word that CPUs fight for (lock words, sequence counts): its cache line is tracked. */
  | 'hot'
  /** Shared, but rarely by two CPUs at once (page tables, folios). */
  | 'shared'
  /** Seen by one thread only. */
  | 'private';

/** A run of cells with one name, for people who look at a snapshot. */
export interface Allocation {
  readonly name: string;
  readonly region: Region;
  readonly start: Cell;
  readonly cells: number;
}

/** Hands out cells; `finish` makes the memory. */
export class MemoryLayout {
  readonly allocations: Allocation[] = [];
  #next: Cell = 1;
  #lastHot = 0;

  /**
   * @param cells how many; hot allocations begin a cache line of their own unless `sameLine`
   * @param sameLine share the line of the hot allocation before (two counters of one struct)
   * @returns the first cell. Cell 0 is never handed out: it stands for a null pointer.
   */
  alloc(name: string, cells: number, region: Region, sameLine = false): Cell {
    if (region === 'hot' && !sameLine) this.#next = Math.ceil(this.#next / CELLS_PER_LINE) * CELLS_PER_LINE;
    if (region !== 'hot' && this.#lastHot === this.#next) {
      this.#next = Math.ceil(this.#next / CELLS_PER_LINE) * CELLS_PER_LINE;
    }
    // `| 0`: a number that came from a division or a power is a double for the engine, and every sum with it
    // another; cell numbers are on the way of every access.
    const start = this.#next | 0;
    this.#next = (start + cells) | 0;
    if (region === 'hot') this.#lastHot = this.#next;
    this.allocations.push({ name, region, start, cells });
    return start;
  }

  /** The memory, all zero. Nothing can be allocated any more. */
  finish(): Memory {
    return new Memory(new Int32Array(this.#next), this.allocations);
  }
}

/** Cells of 4 bytes in a cache line of 64. */
export const CELLS_PER_LINE = 16;

export class Memory {
  /** By `cell / CELLS_PER_LINE`: which of the tracked lines 1 .. hotLines-1 it is; 0: none of them. */
  readonly lineOf: Uint16Array;
  readonly hotLines: number;

  constructor(
    readonly cells: Int32Array,
    readonly allocations: readonly Allocation[],
  ) {
    this.lineOf = new Uint16Array(Math.ceil(cells.length / CELLS_PER_LINE));
    let lines = 0;
    for (const { region, start, cells: count } of allocations) {
      if (region !== 'hot') continue;
      const last = Math.floor((start + count - 1) / CELLS_PER_LINE);
      for (let line = Math.floor(start / CELLS_PER_LINE); line <= last; line++) {
        if (this.lineOf[line] === 0) this.lineOf[line] = ++lines;
      }
    }
    this.hotLines = lines + 1;
  }

  /** `kvm.mmu_invalidate_seq`, `spte tables+1037`: what a cell is called. */
  nameOf(cell: Cell): string {
    const found = this.allocations.find(({ start, cells }) => cell >= start && cell < start + cells);
    if (found === undefined) return `cell ${cell}`;
    return found.cells === 1 ? found.name : `${found.name}+${cell - found.start}`;
  }
}
