/**
 * Cache lines that CPUs fight for: who owned one last decides what an access costs, and a line serves one
 * atomic at a time, so that a hot line saturates.
 *
 * A line has a version that moves with each write; a CPU that saw the current version has a copy. That is
 * what matters of MESI here, in constant time for any number of CPUs.
 */
import type { Memory } from '../model/memory.js';
import type { Topology } from './topology.js';

export class CacheLines {
  /** Line of a cell, 0: not tracked. */
  readonly lineOf: Uint16Array;
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
    this.lineOf = memory.lineOf;
    this.#cpus = topology.cpus;
    this.#transferNs = topology.transferNs;
    this.#owner = new Int16Array(memory.hotLines).fill(-1);
    this.#version = new Float64Array(memory.hotLines).fill(1);
    this.#seen = new Float64Array(memory.hotLines * topology.cpus);
    this.#freeAt = new Float64Array(memory.hotLines);
  }

  /** Time at which a load of a tracked line is done. */
  load(line: number, cpu: number, now: number): number {
    const slot = line * this.#cpus + cpu;
    if (this.#seen[slot] === this.#version[line]) return now + this.loadNs;
    this.#seen[slot] = this.#version[line];
    const owner = this.#owner[line];
    if (owner < 0) return now + this.loadNs;
    return now + this.loadNs + this.#transferNs[owner * this.#cpus + cpu];
  }

  /** Time at which a store or an atomic is done; it waits for those that reached the line before. */
  write(line: number, cpu: number, now: number): number {
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
