/**
 * The invalidating side: what start() and end() leave for faults to see (fact sheet 2.2 to 2.4, 2.8).
 */
import { describe, expect, it } from 'vitest';
import { SlotFlag } from './kvm.js';
import { mmuInvalidateRetryGfn, mmuInvalidateRetryGfnUnsafe, slotOfGfn } from './mmu-invalidate.js';
import { kvmMmuNotifierChangePte, kvmZapGfnRange } from './mmu-notifier.js';
import { RetPf } from './page-fault-struct.js';
import type { PolicyChange } from './policies.js';
import { isLeaf } from './spte.js';
import { finish } from './testing/sequential-thread.js';
import { endOn, entryCellOf, faultOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Tracepoint } from './tracepoints.js';

const GEOMETRY = { bits: 3, levels: 3 } as const;

function machine(change: PolicyChange = {}, kernel = 'v7.3'): TdpMachine {
  return tdpOn({ pages: 64, geometry: GEOMETRY, change, kernel });
}

/** Two slots of 8 pages whose gfns are 0 to 7 and 20 to 27, side by side in the host: pages 0 to 15. */
function twoSlots(change: PolicyChange = {}, kernel = 'v7.3'): TdpMachine {
  return tdpOn({ slots: [{ pages: 8 }, { pages: 8, hole: 12 }], geometry: GEOMETRY, change, kernel });
}

/** Count, hull and sequence. */
function state({ mem, kvm }: TdpMachine): number[] {
  const { mmuInvalidateInProgress, mmuInvalidateRangeStart, mmuInvalidateRangeEnd, mmuInvalidateSeq } = kvm;
  return [
    mem[mmuInvalidateInProgress],
    mem[mmuInvalidateRangeStart],
    mem[mmuInvalidateRangeEnd],
    mem[mmuInvalidateSeq],
  ];
}

/** Gfns below 64 that a fault that sampled `seq` must retry, by the test under the lock. */
function retried({ t, kvm }: TdpMachine, seq: number): number[] {
  return Array.from({ length: 64 }, (_, gfn) => gfn).filter((gfn) =>
    finish(mmuInvalidateRetryGfn(t, kvm, seq, gfn)),
  );
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

describe('the hull', () => {
  it('is the union of what overlaps, and goes when none is left', () => {
    const alone = machine();
    expect(state(alone)).toEqual([0, -1, -1, 0]);
    startOn(alone, 10, 20);
    expect(state(alone)).toEqual([1, 10, 20, 0]);
    startOn(alone, 30, 31);
    expect(state(alone)).toEqual([2, 10, 31, 0]);
    startOn(alone, 5, 6);
    expect(state(alone)).toEqual([3, 5, 31, 0]);
    endOn(alone, 10, 20);
    expect(state(alone)).toEqual([2, 5, 31, 1]);
    // 20 to 29 and 7 to 19 are false positives by now.
    expect(retried(alone, 1)).toEqual(range(5, 31));
    endOn(alone, 30, 31);
    endOn(alone, 5, 6);
    expect(state(alone).filter((_, index) => index !== 1 && index !== 2)).toEqual([0, 3]);
    expect(retried(alone, 3)).toEqual([]);
    startOn(alone, 40, 41);
    expect(state(alone)).toEqual([1, 40, 41, 3]);
  });

  it('a chain of invalidations that never leaves a gap grows for ever', () => {
    const alone = machine();
    startOn(alone, 0, 2);
    for (let step = 1; step < 10; step++) {
      startOn(alone, 2 * step, 2 * step + 2);
      endOn(alone, 2 * step - 2, 2 * step);
    }
    // One of two pages is in progress, and twenty pages retry.
    expect(state(alone)).toEqual([1, 0, 20, 9]);
    expect(retried(alone, 9)).toHaveLength(20);
  });

  it('before 6.8 it is of host pages, and begins with what the notifier said', () => {
    const alone = machine({}, 'v6.1');
    const { first } = alone;
    startOn(alone, 60, 100);
    // Also what no memslot has.
    expect(state(alone)).toEqual([1, first + 60, first + 100, 0]);
    expect(retried(alone, 0)).toEqual(range(60, 64));
  });

  it('since 6.8 it is of gfns, clipped to the memslots', () => {
    const alone = machine();
    startOn(alone, 60, 100);
    expect(state(alone)).toEqual([1, 60, 64, 0]);
  });

  it('two slots: the hull spans the gfns of both, and what lies between', () => {
    const alone = twoSlots();
    startOn(alone, 6, 10);
    // Host pages 6 to 9 are gfns 6, 7, 20 and 21.
    expect(state(alone)).toEqual([1, 6, 22, 0]);
    const older = twoSlots({}, 'v6.1');
    startOn(older, 6, 10);
    expect(state(older)).toEqual([1, older.first + 6, older.first + 10, 0]);
    expect(retried(older, 0)).toEqual([6, 7, 20, 21]);
  });

  it('two slots: the second is added when the first is zapped', () => {
    const alone = twoSlots();
    for (const gfn of [6, 7, 20, 21]) faultOn(alone, gfn);
    const hulls: number[][] = [];
    alone.t.emitted.length = 0;
    const cells = new Map([6, 20].map((gfn) => [entryCellOf(alone, gfn), gfn]));
    alone.t.onAccess = (cell) => {
      const gfn = cells.get(cell);
      if (gfn !== undefined && isLeaf(alone.mem[cell])) hulls.push([gfn, ...state(alone).slice(0, 3)]);
    };
    startOn(alone, 6, 10);
    expect(new Set(hulls.map((hull) => hull.join(' ')))).toEqual(new Set(['6 1 6 8', '20 1 6 22']));
    // One lock section, one flush.
    expect(alone.t.all(Tracepoint.lockAcquired)).toHaveLength(1);
    expect(alone.t.all(Tracepoint.remoteFlush)).toHaveLength(1);
    expect(alone.t.all(Tracepoint.probeSpteZapped).map(([, gfn]) => gfn)).toEqual([6, 7, 20, 21]);
  });

  it('the unsafe test sees the hull without the lock, and says no before there is a range', () => {
    const alone = machine();
    const { t, kvm, mem } = alone;
    const asks = (gfn: number): boolean => finish(mmuInvalidateRetryGfnUnsafe(t, kvm, 0, gfn));
    mem[kvm.mmuInvalidateInProgress] = 1;
    expect(asks(10)).toBe(false);
    mem[kvm.mmuInvalidateInProgress] = 0;
    startOn(alone, 10, 20);
    expect([9, 10, 19, 20].map(asks)).toEqual([false, true, true, false]);
    // A torn pair: the start of one, the end of another.
    mem[kvm.mmuInvalidateRangeStart] = 15;
    expect(asks(10)).toBe(false);
  });
});

describe('order within start and end', () => {
  it('start: the active count, then the lock, count and range, then the zap, the flush, the unlock', () => {
    const alone = machine();
    for (const gfn of range(0, 4)) faultOn(alone, gfn);
    const { kvm, mem, t } = alone;
    t.emitted.length = 0;
    const atLock: number[] = [];
    const atZap: number[][] = [];
    t.onAccess = (cell) => {
      if (cell === kvm.mmuLock.cnts && mem[cell] === 0) atLock.push(mem[kvm.mnActiveInvalidateCount]);
      if (cell === entryCellOf(alone, 0)) atZap.push(state(alone));
    };
    startOn(alone, 0, 4);
    t.onAccess = undefined;
    expect(atLock).toEqual([1]);
    expect(atZap[0]).toEqual([1, 0, 4, 0]);
    const steps: readonly Tracepoint[] = [
      Tracepoint.kvmUnmapHvaRange,
      Tracepoint.lockAcquired,
      Tracepoint.invalidateBegin,
      Tracepoint.probeSpteZapped,
      Tracepoint.remoteFlush,
      Tracepoint.lockReleased,
      Tracepoint.probeStartReturned,
    ];
    const order = t.emitted.map(([point]) => point).filter((point) => steps.includes(point));
    expect([...new Set(order)]).toEqual(steps);
    expect(mem[kvm.mmuLock.cnts]).toBe(0);
  });

  it('end: the sequence, then the count; the lock for write around both', () => {
    const alone = machine();
    const { kvm, mem, t } = alone;
    startOn(alone, 0, 4);
    const stores: [number, number][] = [];
    t.onAccess = (cell) => {
      if (cell !== kvm.mmuInvalidateSeq && cell !== kvm.mmuInvalidateInProgress) return;
      expect(mem[kvm.mmuLock.cnts]).toBe(0xff);
      stores.push([mem[kvm.mmuInvalidateSeq], mem[kvm.mmuInvalidateInProgress]]);
    };
    endOn(alone, 0, 4);
    // Sequence 1 with count 1 was there; sequence 0 with count 0 was not.
    expect(stores).toContainEqual([1, 1]);
    expect(stores).not.toContainEqual([0, 0]);
    expect(state(alone).slice(3)).toEqual([1]);
  });

  it('where no memslot is hit: neither lock nor sequence, but the active count, and 7.3’s own', () => {
    const alone = tdpOn({ pages: 64, geometry: GEOMETRY, outsidePages: 8 });
    const { kvm, mem, t } = alone;
    startOn(alone, 64, 70);
    expect(mem[kvm.mnActiveInvalidateCount]).toBe(1);
    expect(state(alone)).toEqual([0, -1, -1, 0]);
    endOn(alone, 64, 70);
    expect(mem[kvm.mnActiveInvalidateCount]).toBe(0);
    expect(state(alone)).toEqual([0, -1, -1, 0]);
    expect(t.all(Tracepoint.lockAcquired)).toEqual([]);
    expect(mem[kvm.gpcInvalidateSeq]).toBe(1);
    // The tracepoint comes all the same.
    expect(t.all(Tracepoint.kvmUnmapHvaRange)).toHaveLength(1);
    expect(t.all(Tracepoint.invalidateBegin)).toEqual([]);
  });

  it('nothing mapped: announced and counted all the same, without a flush', () => {
    const alone = machine();
    startOn(alone, 0, 4);
    endOn(alone, 0, 4);
    expect(state(alone)[3]).toBe(1);
    expect(alone.t.all(Tracepoint.remoteFlush)).toEqual([]);
    const mutant = machine({ seqBump: 'end-if-zapped' });
    startOn(mutant, 0, 4);
    endOn(mutant, 0, 4);
    expect(state(mutant)[3]).toBe(0);
  });

  it('a memslot that is not there is not hit', () => {
    const alone = twoSlots();
    alone.mem[alone.kvm.slots[1].flags] = 0;
    startOn(alone, 10, 12);
    expect(state(alone)).toEqual([0, -1, -1, 0]);
    startOn(alone, 6, 12);
    expect(state(alone)).toEqual([1, 6, 8, 0]);
  });
});

describe('policies of the range', () => {
  /** What retries while 5 to 8 and 20 to 22 are in progress, 20 being the later. */
  function during(change: PolicyChange): number[] {
    const alone = machine(change);
    startOn(alone, 5, 9);
    startOn(alone, 20, 23);
    return retried(alone, 0);
  }

  it('two at once', () => {
    const both = [...range(5, 9), ...range(20, 23)];
    expect(during({ rangeTracking: 'hull' })).toEqual(range(5, 23));
    expect(during({ rangeTracking: 'exact' })).toEqual(both);
    expect(during({ rangeTracking: 'none' })).toEqual(range(0, 64));
    expect(during({ rangeTracking: 'overwrite' })).toEqual(range(20, 23));
    expect(during({ rangeTracking: 'hull-reset-at-begin' })).toEqual(range(20, 23));
    expect(during({ rangeTracking: 'hull-never-reset' })).toEqual(range(5, 23));
    expect(during({ rangeEnd: 'off-by-one' })).toEqual(range(5, 22));
  });

  /** What retries when the first of the two has ended, for a fault that began after that. */
  function left(change: PolicyChange): number[] {
    const alone = machine(change);
    startOn(alone, 5, 9);
    startOn(alone, 20, 23);
    endOn(alone, 5, 9);
    return retried(alone, 1);
  }

  it('one of two left', () => {
    expect(left({ rangeTracking: 'hull' })).toEqual(range(5, 23));
    expect(left({ rangeTracking: 'exact' })).toEqual(range(20, 23));
    expect(left({ rangeTracking: 'none' })).toEqual(range(0, 64));
    expect(left({ rangeTracking: 'hull-cleared-at-end' })).toEqual([]);
    expect(left({ endCount: 'zero' })).toEqual([]);
  });

  it('hull-never-reset remembers ranges of long ago', () => {
    const alone = machine({ rangeTracking: 'hull-never-reset' });
    startOn(alone, 5, 9);
    endOn(alone, 5, 9);
    startOn(alone, 20, 23);
    expect(retried(alone, 1)).toEqual(range(5, 23));
  });

  it('a completed range: every gfn retries, or only its own', () => {
    for (const [sequence, expected] of [
      ['global', range(0, 64)],
      ['per-range', range(5, 9)],
    ] as const) {
      const alone = machine({ sequence });
      startOn(alone, 5, 9);
      endOn(alone, 5, 9);
      expect(retried(alone, 0)).toEqual(expected);
      expect(retried(alone, 1)).toEqual([]);
    }
  });

  it('seqBump start: who samples within misses the end', () => {
    const alone = machine({ seqBump: 'start' });
    startOn(alone, 5, 9);
    expect(state(alone)[3]).toBe(1);
    endOn(alone, 5, 9);
    expect(retried(alone, 1)).toEqual([]);
  });

  it('recheck gfn-against-hva never matches', () => {
    const alone = machine({ recheck: 'gfn-against-hva' }, 'v6.7');
    startOn(alone, 5, 9);
    expect(retried(alone, 0)).toEqual([]);
    const right = machine({}, 'v6.7');
    startOn(right, 5, 9);
    expect(retried(right, 0)).toEqual(range(5, 9));
  });
});

describe('kvm_zap_gfn_range()', () => {
  it('announces exactly its gfns since 6.8, everything before, and is over when it returns', () => {
    for (const [kernel, expected] of [
      ['v7.3', range(5, 9)],
      ['v6.1', range(0, 64)],
    ] as const) {
      const alone = machine({}, kernel);
      for (const gfn of range(0, 12)) faultOn(alone, gfn);
      const { mem, kvm, t, others } = alone;
      t.emitted.length = 0;
      const cell = entryCellOf(alone, 5);
      let seen: number[] | undefined;
      t.onAccess = (touched) => {
        if (touched === cell) seen ??= retried({ ...alone, t: others[0] }, 0);
      };
      finish(kvmZapGfnRange(t, kvm, 5, 9));
      t.onAccess = undefined;
      expect(seen).toEqual(expected);
      expect(t.all(Tracepoint.probeSpteZapped).map(([, gfn]) => gfn)).toEqual(range(5, 9));
      expect([t.all(Tracepoint.remoteFlush).length, t.all(Tracepoint.lockAcquired).length]).toEqual([1, 1]);
      expect([mem[kvm.mmuInvalidateInProgress], mem[kvm.mmuInvalidateSeq]]).toEqual([0, 1]);
      // No notifier: memslot updates need not wait.
      expect(mem[kvm.mnActiveInvalidateCount]).toBe(0);
    }
  });

  it('a range beyond the memslots is announced as it is', () => {
    const alone = twoSlots();
    const { t, kvm, mem } = alone;
    const seen = new Set<string>();
    t.onAccess = () => seen.add(`${mem[kvm.mmuInvalidateRangeStart]} ${mem[kvm.mmuInvalidateRangeEnd]}`);
    finish(kvmZapGfnRange(t, kvm, 6, 25));
    expect([...seen]).toContain('6 25');
    expect([...seen].filter((each) => !each.includes('-1'))).toEqual(['6 25']);
  });

  it('yields like a notifier', () => {
    const alone = machine();
    for (const gfn of range(0, 8)) faultOn(alone, gfn);
    alone.t.needReschedNow = true;
    finish(kvmZapGfnRange(alone.t, alone.kvm, 0, 8));
    expect(alone.t.all(Tracepoint.yield)).toHaveLength(7);
  });
});

describe('the rest', () => {
  it('change_pte takes the lock only within an invalidation', () => {
    const alone = machine({}, 'v6.1');
    finish(kvmMmuNotifierChangePte(alone.t, alone.kvm));
    expect(alone.t.all(Tracepoint.lockAcquired)).toEqual([]);
    startOn(alone, 0, 1);
    finish(kvmMmuNotifierChangePte(alone.t, alone.kvm));
    expect(alone.t.all(Tracepoint.lockAcquired)).toHaveLength(2);
  });

  it('slotOfGfn() knows the holes', () => {
    const { kvm } = twoSlots();
    expect([0, 7, 8, 19, 20, 27, 28].map((gfn) => slotOfGfn(kvm, gfn)?.id)).toEqual([
      kvm.slots[0].id,
      kvm.slots[0].id,
      undefined,
      undefined,
      kvm.slots[1].id,
      kvm.slots[1].id,
      undefined,
    ]);
  });

  it('after an invalidation a fault maps the page again', () => {
    const alone = machine();
    faultOn(alone, 5);
    startOn(alone, 5, 6);
    expect(faultOn(alone, 5)).toBe(RetPf.Retry);
    endOn(alone, 5, 6);
    expect(faultOn(alone, 5)).toBe(RetPf.Fixed);
    expect(alone.mem[alone.kvm.slots[0].flags]).toBe(SlotFlag.Valid);
  });
});
