/**
 * The protocol between faults and invalidations, step by step, with one thread and other CPUs placed by
 * hand: counts from the rules of the iterator, and each test of a fault caught where only it can catch.
 */
import { describe, expect, it } from 'vitest';
import { kernelPolicy } from './kernels.js';
import { SlotFlag } from './kvm.js';
import { mmuInvalidateRetry } from './mmu-invalidate.js';
import {
  kvmMmuNotifierInvalidateRangeEnd,
  kvmMmuNotifierInvalidateRangeStart,
  kvmZapGfnRange,
} from './mmu-notifier.js';
import { RetPf } from './page-fault-struct.js';
import { kvmMmuPageFault } from './page-fault.js';
import { entryIndex, tableCell } from './page-tables.js';
import type { Policy, PolicyChange } from './policies.js';
import { frameOf, FROZEN_SPTE, isLeaf } from './spte.js';
import { kvmTdpMmuAllocRoot } from './tdp-roots.js';
import { aloneOn, unaccounted, type Alone } from './testing/host-machine.js';
import { finish, SequentialThread } from './testing/sequential-thread.js';
import { Detection, Tracepoint } from './tracepoints.js';

/** A vCPU with a root, `pages` of memory, and the first `mapped` of it mapped. */
function machine(mapped: number, change: PolicyChange = {}, kernel = 'v6.12', pages = 1024): Alone {
  const policy: Policy = { ...kernelPolicy(kernel), preempt: 'full', ...change };
  const alone = aloneOn({ pages, policy, populated: { huge: false, nodeOf: () => 0 } });
  finish(kvmTdpMmuAllocRoot(alone.t, alone.kvm.vcpus[0]));
  for (let gfn = 0; gfn < mapped; gfn++) expect(fault(alone, gfn)).toBe(RetPf.Fixed);
  return alone;
}

function fault({ t, kvm }: Alone, gfn: number, write = 1): number {
  return finish(kvmMmuPageFault(t, kvm.vcpus[0], gfn, write, 0));
}

/** Another thread of the host on the same memory. */
function other({ mem, t }: Alone): SequentialThread {
  return new SequentialThread(mem, 2, t.scratch);
}

function start(alone: Alone, from: number, to: number, t = alone.t, blockable = true): void {
  finish(kvmMmuNotifierInvalidateRangeStart(t, alone.kvm, alone.first + from, alone.first + to, blockable));
}

function end(alone: Alone, from: number, to: number, t = alone.t): void {
  finish(kvmMmuNotifierInvalidateRangeEnd(t, alone.kvm, alone.first + from, alone.first + to));
}

/** Cell of the 4 KiB entry of a gfn below 512, once it has a table. */
function sptep({ kvm, mem }: Alone, gfn: number): number {
  let table = mem[kvm.roots[mem[kvm.vcpus[0].root] - 1].table];
  for (let level = 4; level > 1; level--)
    table = frameOf(mem[tableCell(kvm, table) + entryIndex(kvm, gfn, level)]);
  return tableCell(kvm, table) + entryIndex(kvm, gfn, 1);
}

describe('the TDP iterator yields after one sideways step, and not before', () => {
  it.each([1, 2, 5, 64, 512])(
    'a contended zap of %d mapped pages yields one time less, and flushes each time',
    (n) => {
      const alone = machine(n);
      alone.t.needReschedNow = true;
      start(alone, 0, n);
      expect(alone.t.all(Tracepoint.yield)).toHaveLength(n - 1);
      // One page is zapped between two yields: a flush before each, and one at the end.
      expect(alone.t.all(Tracepoint.remoteFlush)).toHaveLength(n);
      expect(alone.t.all(Tracepoint.probeSpteZapped)).toHaveLength(n);
    },
  );

  it('nothing zapped, nothing flushed: empty entries are steps, and yields, all the same', () => {
    const alone = machine(1);
    alone.t.needReschedNow = true;
    start(alone, 100, 150);
    expect(alone.t.all(Tracepoint.yield)).toHaveLength(49);
    expect(alone.t.all(Tracepoint.remoteFlush)).toHaveLength(0);
  });

  it('an empty entry of an upper level is one step for all that it spans', () => {
    // The second table of 4 KiB entries does not exist: gfns 512 to 1023 are one step, which ends the walk.
    const alone = machine(512);
    alone.t.needReschedNow = true;
    start(alone, 510, 1024);
    expect(alone.t.all(Tracepoint.yield)).toHaveLength(2);
  });

  it('a range that is not blockable never yields; uncontended, none does', () => {
    for (const [contended, blockable] of [
      [true, false],
      [false, true],
    ] as const) {
      const alone = machine(64);
      alone.t.needReschedNow = contended;
      start(alone, 0, 64, alone.t, blockable);
      expect(alone.t.all(Tracepoint.yield)).toHaveLength(0);
      expect(alone.t.all(Tracepoint.remoteFlush)).toHaveLength(1);
    }
  });

  it('a guard of several steps divides the yields', () => {
    const alone = machine(64, { progressSteps: 8 });
    alone.t.needReschedNow = true;
    start(alone, 0, 64);
    expect(alone.t.all(Tracepoint.yield)).toHaveLength(Math.floor(63 / 8));
  });

  it('the walk without a notifier: kvm_zap_gfn_range() announces, zaps, flushes and ends in one go', () => {
    const alone = machine(10);
    finish(kvmZapGfnRange(alone.t, alone.kvm, 0, 10));
    expect(alone.t.all(Tracepoint.probeSpteZapped)).toHaveLength(10);
    expect(alone.mem[alone.kvm.mmuInvalidateInProgress]).toBe(0);
    expect(alone.mem[alone.kvm.mmuInvalidateSeq]).toBe(1);
  });
});

describe('begin, range and end', () => {
  it('the hull grows with each range and is gone when none is left', () => {
    const alone = machine(1);
    const { mem, kvm } = alone;
    const state = (): number[] => [
      mem[kvm.mmuInvalidateInProgress],
      mem[kvm.mmuInvalidateRangeStart],
      mem[kvm.mmuInvalidateRangeEnd],
      mem[kvm.mmuInvalidateSeq],
    ];
    start(alone, 10, 20);
    expect(state()).toEqual([1, 10, 20, 0]);
    start(alone, 100, 101);
    expect(state()).toEqual([2, 10, 101, 0]);
    end(alone, 10, 20);
    // It does not shrink while one is in progress.
    expect(state()).toEqual([1, 10, 101, 1]);
    end(alone, 100, 101);
    start(alone, 5, 6);
    expect(state()).toEqual([1, 5, 6, 2]);
  });

  it('where no memslot is hit the lock is left alone, and the active count is kept all the same', () => {
    const alone = aloneOn({ pages: 512, outsidePages: 16 });
    start(alone, 512, 520);
    expect(alone.t.all(Tracepoint.lockAcquired)).toHaveLength(0);
    expect(alone.mem[alone.kvm.mnActiveInvalidateCount]).toBe(1);
    end(alone, 512, 520);
    expect(alone.mem[alone.kvm.mnActiveInvalidateCount]).toBe(0);
    expect(alone.mem[alone.kvm.mmuInvalidateSeq]).toBe(0);
  });

  it('mmu_invalidate_retry() asks for any invalidation, in progress or over', () => {
    const alone = machine(1);
    const retry = (): boolean => finish(mmuInvalidateRetry(alone.t, alone.kvm, 0));
    expect(retry()).toBe(false);
    start(alone, 700, 701);
    expect(retry()).toBe(true);
    end(alone, 700, 701);
    expect(retry()).toBe(true);
  });
});

describe('a fault against an invalidation that comes', () => {
  /**
   * Faults on gfn 5 with an invalidation of gfns 0 to 9 that starts, or starts and ends, at the `nth`
   * access to a cell. Returns what the fault ended with, and where it noticed.
   */
  function meets(
    cellOf: (alone: Alone) => number,
    nth: number,
    ends: boolean,
    change: PolicyChange = {},
  ): number[] {
    const alone = machine(1, change);
    const { t } = alone;
    let left = nth;
    const cell = cellOf(alone);
    t.onAccess = (touched) => {
      if (touched !== cell || --left !== 0) return;
      t.onAccess = undefined;
      start(alone, 0, 10, other(alone));
      if (ends) end(alone, 0, 10, other(alone));
    };
    const result = fault(alone, 5);
    expect(unaccounted(alone)).toEqual([]);
    return [result, t.all(Tracepoint.faultRetry)[0]?.[3] ?? 0];
  }
  const seq = ({ kvm }: Alone): number => kvm.mmuInvalidateSeq;
  const pte = ({ mm }: Alone): number => mm.ptes + 5;
  const lock = ({ kvm }: Alone): number => kvm.mmuLock.cnts;

  it('in progress before the page is looked up: the first pre-check', () => {
    const alone = machine(1);
    start(alone, 0, 10, other(alone));
    expect(fault(alone, 5)).toBe(RetPf.Retry);
    expect(alone.t.all(Tracepoint.faultRetry)[0][3]).toBe(Detection.PreCheck1);
    // The reference of the one page that was mapped before, taken and dropped; none for this fault.
    expect(alone.t.all(Tracepoint.probeFaultRef)).toHaveLength(2);
  });

  it('starting while the page is looked up: the second pre-check', () => {
    expect(meets(pte, 1, false)).toEqual([RetPf.Retry, Detection.PreCheck2]);
    expect(meets(pte, 1, true)).toEqual([RetPf.Retry, Detection.PreCheck2]);
  });

  it('starting before the lock is taken: the recheck, for one in progress and for one that is over', () => {
    expect(meets(lock, 1, false)).toEqual([RetPf.Retry, Detection.Stale]);
    expect(meets(lock, 1, true)).toEqual([RetPf.Retry, Detection.Stale]);
    expect(meets(pte, 1, true, { preCheck: 'none' })).toEqual([RetPf.Retry, Detection.Stale]);
  });

  it('without the recheck it is mapped, which is the mistake', () => {
    expect(meets(lock, 1, false, { recheck: 'none' })).toEqual([RetPf.Fixed, 0]);
    expect(meets(lock, 1, true, { recheck: 'in-progress-only' })).toEqual([RetPf.Fixed, 0]);
    expect(meets(lock, 1, false, { recheck: 'seq-only' })).toEqual([RetPf.Fixed, 0]);
  });

  it('elsewhere: a range in progress does not matter, one that is over does (the sequence is global)', () => {
    const alone = machine(1);
    start(alone, 100, 110, other(alone));
    expect(fault(alone, 5)).toBe(RetPf.Fixed);
    expect(meets(seq, 99, true)).toEqual([RetPf.Fixed, 0]);
  });
});

describe('what else ends a fault', () => {
  it('an entry that another task has frozen', () => {
    const alone = machine(3);
    alone.mem[sptep(alone, 4)] = FROZEN_SPTE;
    expect(fault(alone, 4)).toBe(RetPf.Retry);
    expect(alone.t.all(Tracepoint.faultRetry).at(-1)?.[3]).toBe(Detection.Frozen);
    expect(alone.mem[sptep(alone, 4)]).toBe(FROZEN_SPTE);
  });

  it('an entry that permits it already is spurious; a frame whose memslot is gone is emulated', () => {
    const alone = machine(3);
    expect(fault(alone, 2)).toBe(RetPf.Spurious);
    alone.mem[alone.kvm.slots[0].flags] = 0;
    expect(fault(alone, 900)).toBe(RetPf.Emulate);
    alone.mem[alone.kvm.slots[0].flags] = SlotFlag.Valid | SlotFlag.Invalid;
    expect(fault(alone, 900)).toBe(RetPf.Retry);
  });

  it('every fault that mapped a page dropped its reference', () => {
    const alone = machine(100);
    expect(isLeaf(alone.mem[sptep(alone, 99)])).toBe(true);
    expect(unaccounted(alone)).toEqual([]);
    const refs = alone.t.all(Tracepoint.probeFaultRef).map(([, change]) => change);
    expect(refs.filter((change) => change === 1)).toHaveLength(100);
    expect(refs.filter((change) => change === -1)).toHaveLength(100);
  });
});
