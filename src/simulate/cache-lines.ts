/**
 * Cache lines that CPUs fight for: who owned one last decides what an access costs, and a line serves one
 * atomic at a time, so that a hot line saturates.
 *
 * A line has a version that moves with each write; a CPU that saw the current version has a copy. That is
 * what matters of MESI here, in constant time for any number of CPUs.
 */
import { CELLS_PER_LINE, type Memory } from '../model/memory.js';
import type { Topology } from './topology.js';

/** cell >> LINE_SHIFT is the number of its line in memory. */
export const LINE_SHIFT = Math.log2(CELLS_PER_LINE) | 0;
/** Flag of `CacheLines.of`: somebody waits for a cell of this line. */
const WATCHED = 0x8000;
const TRACKED = WATCHED - 1;

export class CacheLines {
  /**
   * By `cell >> LINE_SHIFT`: 0 when nothing is special about the line, which is what most accesses find; else
   * which of the tracked lines it is, 0 for none, and a flag for waiters.
   */
  readonly of: Uint16Array;
  /** Cells of a line that somebody waits for. */
  readonly #watchedCells: Uint8Array;
  readonly #cpus: number;
  readonly #transferNs: Float64Array;
  readonly #owner: Int16Array;
  readonly #version: Float64Array;
  /** Version that a CPU saw, by `line * cpus + cpu`. */
  readonly #seen: Float64Array;
  /** When the line has served those before. */
  readonly #freeAt: Float64Array;

  constructor(
    memory: Memory,
    topology: Topology,
    private readonly loadNs: number,
    private readonly atomicNs: number,
  ) {
    if (memory.hotLines > TRACKED)
      throw new RangeError(`${memory.hotLines} cache lines are too many to track`);
    this.of = memory.lineOf.slice();
    this.#watchedCells = new Uint8Array(this.of.length);
    this.#cpus = topology.cpus;
    this.#transferNs = topology.transferNs;
    this.#owner = new Int16Array(memory.hotLines).fill(-1);
    this.#version = new Float64Array(memory.hotLines).fill(1);
    this.#seen = new Float64Array(memory.hotLines * topology.cpus);
    this.#freeAt = new Float64Array(memory.hotLines);
  }

  /** The first waiter for a cell has come. */
  watch(cell: number): void {
    const line = cell >> LINE_SHIFT;
    this.#watchedCells[line]++;
    this.of[line] |= WATCHED;
  }

  /** The last one has gone. */
  unwatch(cell: number): void {
    const line = cell >> LINE_SHIFT;
    if (--this.#watchedCells[line] === 0) this.of[line] &= ~WATCHED;
  }

  /** Nobody waits for anything. */
  unwatchAll(): void {
    this.#watchedCells.fill(0);
    for (let line = 0; line < this.of.length; line++) this.of[line] &= ~WATCHED;
  }

  /** Whether accesses to a cell cost what the distance of CPUs says. */
  isTracked(cell: number): boolean {
    return (this.of[cell >> LINE_SHIFT] & TRACKED) !== 0;
  }

  /** Whether a line may have waiters, by its entry in `of`. */
  static isWatched(entry: number): boolean {
    return (entry & WATCHED) !== 0;
  }

  /**
   * Time at which a load is done.
   *
   * @param entry of the line in `of`
   */
  load(entry: number, cpu: number, now: number): number {
    const line = entry & TRACKED;
    if (line === 0) return now + this.loadNs;
    const slot = line * this.#cpus + cpu;
    if (this.#seen[slot] === this.#version[line]) return now + this.loadNs;
    this.#seen[slot] = this.#version[line];
    const owner = this.#owner[line];
    if (owner < 0) return now + this.loadNs;
    return now + this.loadNs + this.#transferNs[owner * this.#cpus + cpu];
  }

  /**
   * Time at which a store or an atomic is done; it waits for those that reached the line before.
   *
   * @param entry of the line in `of`
   * @param untrackedNs what it takes where lines are not tracked
   */
  write(entry: number, cpu: number, now: number, untrackedNs: number): number {
    const line = entry & TRACKED;
    if (line === 0) return now + untrackedNs;
    const slot = line * this.#cpus + cpu;
    const owner = this.#owner[line];
    const start = Math.max(now, this.#freeAt[line]);
    let done = start + this.atomicNs;
    if (owner !== cpu && owner >= 0) done += this.#transferNs[owner * this.#cpus + cpu];
    this.#owner[line] = cpu;
    this.#seen[slot] = ++this.#version[line];
    this.#freeAt[line] = done;
    return done;
  }

  /** ns until a CPU that spins on a line sees what `writer` wrote. */
  noticeNs(writer: number, cpu: number): number {
    return this.#transferNs[writer * this.#cpus + cpu] + this.loadNs;
  }

  save(): readonly Float64Array[] {
    return [Float64Array.from(this.#owner), this.#version.slice(), this.#seen.slice(), this.#freeAt.slice()];
  }

  restore([owner, version, seen, freeAt]: readonly Float64Array[]): void {
    this.#owner.set(Int16Array.from(owner));
    this.#version.set(version);
    this.#seen.set(seen);
    this.#freeAt.set(freeAt);
  }
}
