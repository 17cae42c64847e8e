/**
 * What fits between the steps of an invalidation: faults in its yields, several memslots, its flush and its
 * lock, and the policies that move these.
 */
import { describe, expect, it } from 'vitest';
import { RetPf } from './page-fault-struct.js';
import { kvmMmuPageFault } from './page-fault.js';
import type { Policy, PolicyChange } from './policies.js';
import { isLeaf } from './spte.js';
import { finish } from './testing/sequential-thread.js';
import { endOn, entryCellOf, faultOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Detection, Tracepoint } from './tracepoints.js';

const GEOMETRY = { bits: 2, levels: 3 } as const;

/** Two slots of 8 pages, gfns 0 to 7 and 16 to 23, side by side in the host. */
function twoSlots(change: PolicyChange = {}): TdpMachine {
  return tdpOn({ slots: [{ pages: 8 }, { pages: 8, hole: 8 }], geometry: GEOMETRY, change });
}

function isMapped(on: TdpMachine, gfn: number): boolean {
  const cell = entryCellOf(on, gfn);
  return cell !== 0 && isLeaf(on.mem[cell]);
}

/** Another thread's fault. */
function otherFault({ others, vcpu }: TdpMachine, gfn: number): RetPf {
  return finish(kvmMmuPageFault(others[0], vcpu, gfn, 1, 0));
}

/** Does something in the first yield of a walk that is contended from the start. */
function inFirstYield({ t, mem, kvm }: TdpMachine, act: () => void): void {
  t.needReschedNow = true;
  let held = false;
  t.onAccess = (cell) => {
    if (cell !== kvm.mmuLock.cnts) return;
    if (mem[cell] !== 0) {
      held = true;
    } else if (held) {
      t.onAccess = undefined;
      act();
    }
  };
}

describe('faults in a yield', () => {
  it('of what is announced retry, whether it is zapped yet or not; of the rest get through', () => {
    const on = tdpOn({ pages: 64, geometry: GEOMETRY, mapped: 4 });
    const results: [number, RetPf][] = [];
    inFirstYield(on, () => {
      // Gfn 0 is zapped, 1 to 7 are not, 8 is not in the range.
      expect([isMapped(on, 0), isMapped(on, 1)]).toEqual([false, true]);
      for (const gfn of [0, 7, 8]) results.push([gfn, otherFault(on, gfn)]);
    });
    startOn(on, 0, 8);
    expect(results).toEqual([
      [0, RetPf.Retry],
      [7, RetPf.Retry],
      [8, RetPf.Fixed],
    ]);
    expect([0, 7, 8].map((gfn) => isMapped(on, gfn))).toEqual([false, false, true]);
  });

  it.each<[Policy['beginOrder'], RetPf, boolean]>([
    ['before-zap', RetPf.Retry, false],
    ['range-after-zap', RetPf.Fixed, true],
    ['count-after-zap', RetPf.Fixed, true],
  ])('beginOrder %s: a page that was zapped already', (beginOrder, result, stays) => {
    const on = tdpOn({ pages: 64, geometry: GEOMETRY, mapped: 8, change: { beginOrder } });
    const { mem, kvm, others } = on;
    // Of another page, so that there is a range: without any the recheck warns, and retries.
    startOn(on, 60, 61, others[1]);
    let got: RetPf | undefined;
    inFirstYield(on, () => (got = otherFault(on, 0)));
    startOn(on, 0, 8);
    expect([got, isMapped(on, 0)]).toEqual([result, stays]);
    // In the end all of them have announced the same.
    expect([
      mem[kvm.mmuInvalidateInProgress],
      mem[kvm.mmuInvalidateRangeStart],
      mem[kvm.mmuInvalidateRangeEnd],
    ]).toEqual([2, 0, 61]);
  });

  it('range-after-zap, and no other range: since 6.8 the recheck finds none, and retries', () => {
    const change: PolicyChange = { beginOrder: 'range-after-zap' };
    const on = tdpOn({ pages: 64, geometry: GEOMETRY, mapped: 8, change });
    inFirstYield(on, () => expect(otherFault(on, 0)).toBe(RetPf.Retry));
    startOn(on, 0, 8);
    expect(on.others[0].all(Tracepoint.faultRetry).map(([, , , reason]) => reason)).toEqual([
      Detection.Stale,
    ]);
  });

  it('of a later slot get through, for its range comes with its zap, which takes them back', () => {
    const on = twoSlots();
    for (let gfn = 0; gfn < 8; gfn++) faultOn(on, gfn);
    let got: RetPf[] = [];
    inFirstYield(on, () => {
      got = [otherFault(on, 16), otherFault(on, 0)];
      expect(isMapped(on, 16)).toBe(true);
    });
    startOn(on, 0, 16);
    expect(got).toEqual([RetPf.Fixed, RetPf.Retry]);
    expect(isMapped(on, 16)).toBe(false);
  });

  it('a fault that had looked its page up before is told by the recheck', () => {
    const on = tdpOn({ pages: 64, geometry: GEOMETRY, mapped: 8, change: { preCheck: 'none' } });
    inFirstYield(on, () => expect(otherFault(on, 0)).toBe(RetPf.Retry));
    startOn(on, 0, 8);
    expect(on.others[0].all(Tracepoint.faultRetry).map(([, , , reason]) => reason)).toEqual([
      Detection.Stale,
    ]);
  });
});

describe('several memslots', () => {
  it('one that shows the same host memory is zapped as well', () => {
    const on = tdpOn({ slots: [{ pages: 8 }, { pages: 4, hole: 8, sameMemoryAs: 0 }], geometry: GEOMETRY });
    for (const gfn of [0, 5, 16]) faultOn(on, gfn);
    startOn(on, 0, 8);
    expect([0, 5, 16].map((gfn) => isMapped(on, gfn))).toEqual([false, false, false]);
    const { mem, kvm } = on;
    expect([mem[kvm.mmuInvalidateRangeStart], mem[kvm.mmuInvalidateRangeEnd]]).toEqual([0, 20]);
  });

  it.each([
    ['accumulate', 1],
    ['last-only', 0],
  ] as const)(
    'flushAcrossRoots %s: the first slot was zapped, the second had nothing',
    (flushAcrossRoots, flushes) => {
      const on = twoSlots({ flushAcrossRoots });
      faultOn(on, 3);
      startOn(on, 0, 16);
      expect(isMapped(on, 3)).toBe(false);
      expect(on.t.all(Tracepoint.remoteFlush)).toHaveLength(flushes);
    },
  );
});

describe('flush and lock', () => {
  it.each([
    ['under-lock', [Tracepoint.remoteFlush, Tracepoint.lockReleased]],
    ['after-unlock', [Tracepoint.lockReleased, Tracepoint.remoteFlush]],
  ] as const)('flushAtEnd %s', (flushAtEnd, order) => {
    const on = tdpOn({ pages: 64, geometry: GEOMETRY, mapped: 4, change: { flushAtEnd } });
    startOn(on, 0, 4);
    const seen = on.t.emitted.map(([point]) => point);
    expect(seen.filter((point) => order.some((each) => each === point))).toEqual(order);
  });

  it('a second one of the same page in a yield finds nothing, and need not: the first has flushed', () => {
    const on = tdpOn({ pages: 64, geometry: GEOMETRY, mapped: 4 });
    inFirstYield(on, () => {
      expect(on.t.all(Tracepoint.remoteFlush)).toHaveLength(1);
      startOn(on, 0, 1, on.others[0]);
    });
    startOn(on, 0, 4);
    expect(on.others[0].all(Tracepoint.probeSpteZapped)).toEqual([]);
    expect(on.others[0].all(Tracepoint.remoteFlush)).toEqual([]);
    // Without the flush on yield it goes back to its caller with the page still in TLBs.
    const none = tdpOn({ pages: 64, geometry: GEOMETRY, mapped: 4, change: { flushOnYield: 'none' } });
    inFirstYield(none, () => {
      expect(none.t.all(Tracepoint.remoteFlush)).toEqual([]);
      startOn(none, 0, 1, none.others[0]);
      expect(none.others[0].all(Tracepoint.probeStartReturned)).toHaveLength(1);
      expect(none.others[0].all(Tracepoint.remoteFlush)).toEqual([]);
    });
    startOn(none, 0, 4);
    expect(none.t.all(Tracepoint.remoteFlush)).toHaveLength(1);
  });

  it.each([
    ['write', 1],
    ['none', 0],
  ] as const)('endLock %s', (endLock, sections) => {
    const on = tdpOn({ pages: 64, geometry: GEOMETRY, change: { endLock } });
    startOn(on, 0, 4);
    on.t.emitted.length = 0;
    endOn(on, 0, 4);
    expect(on.t.all(Tracepoint.lockAcquired)).toEqual(
      Array.from({ length: sections }, () => [on.kvm.mmuLock.address, 2]),
    );
    expect([on.mem[on.kvm.mmuInvalidateInProgress], on.mem[on.kvm.mmuInvalidateSeq]]).toEqual([0, 1]);
  });
});

describe('mn_active_invalidate_count', () => {
  /** After start, and after end: of a range in a memslot, and of one that is in none. */
  function counts(change: PolicyChange): number[] {
    const seen: number[] = [];
    for (const [from, to] of [
      [0, 4],
      [64, 68],
    ]) {
      const on = tdpOn({ pages: 64, outsidePages: 16, geometry: GEOMETRY, change });
      const count = on.kvm.mnActiveInvalidateCount;
      startOn(on, from, to);
      seen.push(on.mem[count]);
      endOn(on, from, to);
      seen.push(on.mem[count]);
    }
    return seen;
  }

  it('counts every invalidation, whatever it hits', () => {
    expect(counts({})).toEqual([1, 0, 1, 0]);
  });

  it('mistakes: only those that hit a memslot; or an end that is left out where none is hit', () => {
    expect(counts({ activeCount: 'on-memslot-hit' })).toEqual([1, 0, 0, 0]);
    // Memslot updates wait for ever for the one that is left.
    expect(counts({ endElision: 'no-memslot' })).toEqual([1, 0, 1, 1]);
  });
});
