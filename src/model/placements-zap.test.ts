/**
 * A long invalidation that yields, and what another thread does in each of its gaps: a fault in what is
 * zapped already, and a second invalidation of the same page, which finds nothing and must still be right
 * when it says that the page can go.
 */
import { describe, expect, it } from 'vitest';
import type { Cell } from './operations.js';
import { kernelPolicy } from './kernels.js';
import { controlPolicy, findMutants, mutantPolicy } from './mutants.js';
import { kvmMmuPageFault } from './page-fault.js';
import type { Policy } from './policies.js';
import { isLeaf } from './spte.js';
import { finish, type Emitted, type SequentialThread } from './testing/sequential-thread.js';
import { endOn, entryCellOf, faultOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Tracepoint } from './tracepoints.js';

/** Eight pages in two tables of four entries; all are mapped. */
const PAGES = 8;

interface Found {
  /** Places at which the other thread could act, because mmu_lock was free. */
  gaps: number;
  wrong: Set<string>;
}

function build(policy: Policy): TdpMachine {
  const alone = tdpOn({
    slots: [{ pages: PAGES / 2 }, { pages: PAGES / 2 }],
    geometry: { bits: 2, levels: 2 },
    mapped: PAGES,
    change: { ...policy, preempt: 'full' },
  });
  alone.t.needReschedNow = true;
  return alone;
}

/** Gfns that were zapped and not flushed since, after these events. */
function unflushed(events: readonly Emitted[]): number[] {
  const owed = new Set<number>();
  for (const [point, ...values] of events) {
    if (point === Tracepoint.probeSpteZapped) owed.add(values[1]);
    if (point === Tracepoint.remoteFlush) owed.clear();
  }
  return [...owed];
}

function mapped(alone: TdpMachine): number[] {
  return Array.from({ length: PAGES }, (_, gfn) => gfn).filter((gfn) => {
    const cell = entryCellOf(alone, gfn);
    return cell !== 0 && isLeaf(alone.mem[cell]);
  });
}

/** Runs range_start() for all pages once for each of its accesses, with `act` before that one. */
function atEveryGap(
  policy: Policy,
  act: (alone: TdpMachine, other: SequentialThread, wrong: Set<string>) => void,
): Found {
  const found: Found = { gaps: 0, wrong: new Set() };
  for (let place = 1; ; place++) {
    const alone = build(policy);
    const { t, mem, kvm } = alone;
    let accesses = 0;
    let announced = false;
    t.onAccess = (cell: Cell) => {
      announced ||= cell === kvm.mmuLock.cnts;
      if (++accesses !== place || !announced || mem[kvm.mmuLock.cnts] !== 0) return;
      found.gaps++;
      act(alone, alone.others[0], found.wrong);
    };
    startOn(alone, 0, PAGES);
    t.onAccess = undefined;
    if (accesses < place) return found;
    if (mapped(alone).length > 0) found.wrong.add('mapped when start returns');
    const events = [...t.emitted, ...alone.others[0].emitted];
    // What the other thread flushed came before the walk's last flush, if there was one.
    if (unflushed(t.emitted).length > 0 && unflushed(events).length > 0) found.wrong.add('not flushed');
  }
}

/** A vCPU touches each page; those that are zapped must stay so. */
function faults(alone: TdpMachine, other: SequentialThread): void {
  for (let gfn = 0; gfn < PAGES; gfn++) finish(kvmMmuPageFault(other, alone.vcpu, gfn, 1, 0));
}

/** Page by page, somebody else invalidates, and frees the page as soon as start returns. */
function frees(alone: TdpMachine, other: SequentialThread, wrong: Set<string>): void {
  for (let gfn = 0; gfn < PAGES; gfn++) {
    startOn(alone, gfn, gfn + 1, other);
    if (unflushed([...alone.t.emitted, ...other.emitted]).includes(gfn)) wrong.add('freed while in a TLB');
    endOn(alone, gfn, gfn + 1, other);
  }
}

describe('a zap that yields', () => {
  it.each(['v6.1', 'v6.12', 'v7.3'])('%s: faults in its gaps map nothing that it has zapped', (kernel) => {
    const found = atEveryGap(kernelPolicy(kernel), faults);
    expect([...found.wrong]).toEqual([]);
    // Before the lock is taken, and again after each of the three yields in each slot.
    expect(found.gaps).toBeGreaterThanOrEqual(1 + 6);
  });

  it.each(['v6.1', 'v6.12', 'v7.3'])('%s: a second invalidation can free what the first zapped', (kernel) => {
    const found = atEveryGap(kernelPolicy(kernel), frees);
    expect([...found.wrong]).toEqual([]);
    expect(found.gaps).toBeGreaterThanOrEqual(1 + 6);
  });

  it('a fault in a gap that is not zapped yet may map, and is zapped with the rest', () => {
    const alone = build(kernelPolicy('v7.3'));
    const { t, mem, kvm, others } = alone;
    let gaps = 0;
    t.onAccess = (cell) => {
      if (cell !== kvm.mmuLock.cnts || mem[cell] !== 0 || ++gaps !== 3) return;
      // The slot of gfns 4 to 7 has not been announced yet.
      expect(mapped(alone)).toEqual([2, 3, 4, 5, 6, 7]);
      const zapped = entryCellOf(alone, 6);
      mem[zapped] = 0;
      finish(kvmMmuPageFault(others[0], alone.vcpu, 6, 1, 0));
      expect(isLeaf(mem[zapped])).toBe(true);
    };
    startOn(alone, 0, PAGES);
    expect(mapped(alone)).toEqual([]);
  });
});

describe('mistakes that a gap shows', () => {
  it.each([
    ['range-after-zap', faults, 'mapped when start returns'],
    ['count-after-zap', faults, 'mapped when start returns'],
    ['yield-without-flush', frees, 'freed while in a TLB'],
    ['flush-after-unlock', frees, 'freed while in a TLB'],
  ] as const)('%s', (name, act, what) => {
    const [mutant] = findMutants(name);
    expect([...atEveryGap(controlPolicy(mutant), act).wrong]).toEqual([]);
    expect([...atEveryGap(mutantPolicy(mutant), act).wrong]).toContain(what);
  });

  it.each([
    // The last page of either slot is not mapped: the test before it forgets what the others need.
    ['flush-forgotten', [3, 7]],
    // Nothing of the second slot is mapped.
    ['flush-of-last-root-only', [4, 5, 6, 7]],
  ] as const)('%s needs no gap', (name, absent) => {
    const [mutant] = findMutants(name);
    for (const [policy, owes] of [
      [controlPolicy(mutant), false],
      [mutantPolicy(mutant), true],
    ] as const) {
      const alone = build(policy);
      alone.t.needReschedNow = false;
      for (const gfn of absent) alone.mem[entryCellOf(alone, gfn)] = 0;
      startOn(alone, 0, PAGES);
      expect(unflushed(alone.t.emitted).length > 0).toBe(owes);
    }
  });

  it('notifier-skips-invalid-roots: what a root that is on its way out maps stays', () => {
    const [mutant] = findMutants('notifier-skips-invalid-roots');
    for (const [policy, left] of [
      [controlPolicy(mutant), 0],
      [mutantPolicy(mutant), PAGES],
    ] as const) {
      const alone = build(policy);
      alone.mem[alone.kvm.roots[0].invalid] = 1;
      startOn(alone, 0, PAGES);
      expect(mapped(alone)).toHaveLength(left);
    }
  });

  it('yield-when-not-blockable yields, and its control does not', () => {
    const [mutant] = findMutants('yield-when-not-blockable');
    for (const [policy, yields] of [
      [controlPolicy(mutant), 0],
      [mutantPolicy(mutant), 6],
    ] as const) {
      const alone = build(policy);
      startOn(alone, 0, PAGES, alone.t, false);
      // Two slots of four pages: three yields in each.
      expect(alone.t.all(Tracepoint.yield)).toHaveLength(yields);
      expect(faultOn(alone, 0)).toBeGreaterThan(0);
    }
  });
});
