/** countMatches, frozenUntouched, noSleepWhenNotBlockable, referencesBalanced. */
import type { Kvm } from '../kvm.js';
import type { Cell } from '../operations.js';
import { tableCell } from '../page-tables.js';
import { frameOf, FROZEN_SPTE, isPresent, isTable } from '../spte.js';
import type { ActiveRanges } from './active-ranges.js';
import type { Violations } from './violations.js';

/** mmu_invalidate_in_progress and the hull, against the invalidations that began and ended. */
export class Count {
  #began = 0;

  constructor(
    readonly kvm: Kvm,
    readonly ranges: ActiveRanges,
    readonly violations: Violations,
  ) {}

  began(mem: Int32Array, inProgress: number): void {
    this.#began++;
    this.#expect(inProgress);
    this.expectCovered(mem);
  }

  ended(mem: Int32Array, inProgress: number): void {
    this.#began--;
    this.#expect(inProgress);
    this.expectCovered(mem);
  }

  #expect(inProgress: number): void {
    if (inProgress === this.#began && inProgress >= 0) return;
    const truth = `${this.#began} invalidations began and did not end`;
    this.violations.add('countMatches', `mmu_invalidate_in_progress is ${inProgress}, but ${truth}`);
    // What follows is judged by what is believed now: one mistake, one violation.
    this.#began = Math.max(0, inProgress);
  }

  /** The hull holds every range whose start has returned. */
  expectCovered(mem: Int32Array): void {
    const { policy, mmuInvalidateRangeStart, mmuInvalidateRangeEnd } = this.kvm;
    if (policy.rangeTracking === 'none' || policy.rangeTracking === 'exact') return;
    const first = mem[mmuInvalidateRangeStart];
    const last = mem[mmuInvalidateRangeEnd];
    for (const { start, end, parts } of this.ranges.list) {
      for (const part of parts) {
        if (!part.active) continue;
        const [from, to] = policy.rangeUnit === 'gfn' ? [part.start, part.end] : [start, end];
        if (first !== -1 && first <= from && to <= last) continue;
        const hull = first === -1 ? 'no range' : `${first} to ${last}`;
        this.violations.add('countMatches', `${from} to ${to} is in progress, and the hull is ${hull}`);
      }
    }
  }

  scan(mem: Int32Array): void {
    const inProgress = mem[this.kvm.mmuInvalidateInProgress];
    if (inProgress !== this.#began) this.#expect(inProgress);
    this.expectCovered(mem);
  }
}

/** Entries that one task has frozen. */
export class Frozen {
  readonly #cells = new Set<Cell>();

  constructor(
    readonly kvm: Kvm,
    readonly violations: Violations,
  ) {}

  froze(cell: Cell): void {
    this.#cells.add(cell);
  }

  /** The freezer is about to write the entry. */
  thaws(mem: Int32Array, cell: Cell): void {
    this.#cells.delete(cell);
    if (mem[cell] === FROZEN_SPTE) return;
    this.violations.add('frozenUntouched', `frozen entry ${cell} holds ${mem[cell]}: somebody else wrote it`);
  }

  /** Somebody wrote an entry of a table that vCPUs walk, over what was there before. */
  wrote(gfn: number, before: number): void {
    if (before !== FROZEN_SPTE) return;
    this.violations.add('frozenUntouched', `the entry of gfn ${gfn} was written while it was frozen`);
  }

  /** Entries of unlinked tables stay frozen until the tables are freed; no other entry stays so. */
  scan(mem: Int32Array): void {
    const { roots, geometry, rcuLimbo } = this.kvm;
    for (const root of roots)
      if (mem[root.table] !== 0) this.#scanTable(mem, mem[root.table], geometry.levels);
    for (let table = mem[rcuLimbo]; table !== 0; table = mem[rcuLimbo + table]) {
      const first = tableCell(this.kvm, table);
      for (let cell = first; cell < first + (1 << geometry.bits); cell++) {
        if (!isPresent(mem[cell])) continue;
        this.violations.add('frozenUntouched', `entry ${cell} of a table that is being freed was written`);
      }
    }
  }

  #scanTable(mem: Int32Array, table: number, level: number): void {
    const first = tableCell(this.kvm, table);
    for (let cell = first; cell < first + (1 << this.kvm.geometry.bits); cell++) {
      const spte = mem[cell];
      if (isTable(spte) && level > 1) this.#scanTable(mem, frameOf(spte), level - 1);
      else if (spte === FROZEN_SPTE && !this.#cells.has(cell)) {
        this.violations.add('frozenUntouched', `entry ${cell} is frozen, and nobody says to have frozen it`);
      }
    }
  }
}

/** Threads in a notifier that may not block. */
export class Blocking {
  readonly #mayNot = new Set<number>();

  constructor(readonly violations: Violations) {}

  startEntered(tid: number, mayBlock: number): void {
    if (mayBlock === 0) this.#mayNot.add(tid);
  }

  startReturned(tid: number): void {
    if (this.#mayNot.size > 0) this.#mayNot.delete(tid);
  }

  /** A thread has let others in, or sleeps. */
  gaveWay(tid: number, how: string): void {
    if (this.#mayNot.size === 0 || !this.#mayNot.has(tid)) return;
    this.violations.add(
      'noSleepWhenNotBlockable',
      `thread ${tid} ${how} in an invalidation that may not block`,
    );
  }
}

/** References to pages that faults take. */
export class References {
  /** Per thread: references taken and not dropped. */
  readonly #held = new Map<number, number>();

  constructor(readonly violations: Violations) {}

  changed(tid: number, pfn: number, change: number): void {
    const held = (this.#held.get(tid) ?? 0) + change;
    this.#held.set(tid, Math.max(0, held));
    if (held < 0) {
      this.violations.add(
        'referencesBalanced',
        `thread ${tid} dropped a reference to page ${pfn} it did not have`,
      );
    }
  }

  faultEnded(tid: number, gfn: number): void {
    const held = this.#held.get(tid);
    if (held === undefined || held === 0) return;
    this.#held.set(tid, 0);
    this.violations.add(
      'referencesBalanced',
      `the fault on gfn ${gfn} ended with ${held} references to its page`,
    );
  }
}
