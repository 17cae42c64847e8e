/**
 * What a notifier zaps in the TDP MMU: yields, flushes and steps counted. The rules (fact sheet, 3.3 and
 * 3.4): the test comes first in each step, a walk that yielded must take one sideways step before it yields
 * again, and a flush is due only if something was zapped since the last one.
 */
import { describe, expect, it } from 'vitest';
import { Cost } from './costs.js';
import { allocTable, entryIndex, tableCell } from './page-tables.js';
import type { PolicyChange } from './policies.js';
import { FROZEN_SPTE, frameOf, isPresent, isTable, NONPRESENT_SPTE } from './spte.js';
import { kvmTdpMmuAllocRoot, kvmTdpMmuInvalidateRoots } from './tdp-roots.js';
import { setContended } from './testing/shadow-machine.js';
import { finish } from './testing/sequential-thread.js';
import { endOn, entryCellOf, faultOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Tracepoint } from './tracepoints.js';

/** Two levels of three bits: one root of eight tables, each of eight gfns. */
function small(mapped: number, change: PolicyChange = {}): TdpMachine {
  return tdpOn({ pages: 64, geometry: { bits: 3, levels: 2 }, mapped, change });
}

function counts({ t }: TdpMachine): { yields: number; flushes: number; zapped: number } {
  return {
    yields: t.all(Tracepoint.yield).length,
    flushes: t.all(Tracepoint.remoteFlush).length,
    zapped: t.all(Tracepoint.probeSpteZapped).length,
  };
}

/** Gfns at which the lock was given away. */
function goals({ t }: TdpMachine): number[] {
  return t.all(Tracepoint.yield).map(([, , goal]) => goal);
}

/** The CPU is wanted all the time. */
function contended(alone: TdpMachine): TdpMachine {
  alone.t.needReschedNow = true;
  return alone;
}

describe('a permanently contended zap', () => {
  it('of one page never yields, and flushes once', () => {
    for (const gfn of [0, 7, 8, 31]) {
      const alone = contended(small(32));
      startOn(alone, gfn, gfn + 1);
      expect(counts(alone)).toEqual({ yields: 0, flushes: 1, zapped: 1 });
    }
  });

  it.each([2, 5, 8])('of %d pages of one table yields before each but the first', (n) => {
    const alone = contended(small(8));
    startOn(alone, 0, n);
    expect(counts(alone)).toEqual({ yields: n - 1, flushes: n, zapped: n });
    expect(goals(alone)).toEqual(Array.from({ length: n - 1 }, (_, index) => index + 1));
  });

  it('across tables: the sideways step of the upper level is the step to the next gfn', () => {
    const alone = contended(small(24));
    startOn(alone, 0, 24);
    expect(counts(alone)).toEqual({ yields: 23, flushes: 24, zapped: 24 });
  });

  it('re-descends after each yield: one path more per yield', () => {
    const calm = small(8);
    startOn(calm, 0, 8);
    // The root's entry and 8 leaves, and the root's next entry, which is behind the range.
    expect(calm.t.spent.get(Cost.tdpIterStep)).toBe(1 + 8 + 1);
    const busy = contended(small(8));
    startOn(busy, 0, 8);
    expect(busy.t.spent.get(Cost.tdpIterStep)).toBe(10 + 7 * 2);
    const real = contended(tdpOn({ pages: 512, mapped: 100 }));
    startOn(real, 0, 100);
    // Three upper levels, 100 leaves and one behind the range; four entries per yield.
    expect(real.t.spent.get(Cost.tdpIterStep)).toBe(3 + 100 + 1 + 99 * 4);
  });

  it('a range with holes: yields before empty entries too, flushes only what was zapped since', () => {
    const alone = small(0);
    for (const gfn of [0, 3, 4, 7]) faultOn(alone, gfn);
    contended(alone);
    startOn(alone, 0, 8);
    // Steps 1 to 7 yield. Zapped at 0, 3, 4 and 7; flushed at the yields at 1, 4 and 5, and at the end.
    expect(counts(alone).yields).toBe(7);
    expect(alone.t.all(Tracepoint.remoteFlush)).toHaveLength(4);
  });

  it('a missing table is one step: yields at its first gfn, and goes on behind it', () => {
    const alone = small(0);
    for (const gfn of [0, 31]) faultOn(alone, gfn);
    contended(alone);
    startOn(alone, 6, 33);
    // 6 and 7 of the first table, then the entries of tables 1 and 2, then 24 to 31, and table 4 at 32.
    expect(goals(alone)).toEqual([7, 8, 16, 24, 25, 26, 27, 28, 29, 30, 31, 32]);
    expect(counts(alone)).toMatchObject({ flushes: 1, zapped: 1 });
  });

  it('once per root: N pages in two roots are 2 (N - 1) yields', () => {
    const alone = tdpOn({ pages: 64, geometry: { bits: 3, levels: 2 }, mapped: 8 });
    const { t, kvm, mem, vcpu } = alone;
    finish(kvmTdpMmuInvalidateRoots(t, kvm));
    mem[vcpu.root] = 0;
    finish(kvmTdpMmuAllocRoot(t, vcpu));
    for (let gfn = 0; gfn < 8; gfn++) faultOn(alone, gfn);
    contended(alone);
    startOn(alone, 0, 8);
    expect(counts(alone)).toMatchObject({ yields: 2 * 7, zapped: 16 });
    // The new root lies behind the old one. The invalid one asks for no flush, the valid one for eight.
    expect(alone.t.all(Tracepoint.remoteFlush)).toHaveLength(8);
  });

  it('before 6.9 an invalid root was flushed like another: 8 flushes each', () => {
    const alone = tdpOn({
      pages: 64,
      geometry: { bits: 3, levels: 2 },
      mapped: 8,
      change: { flushInvalidRoots: 'flush' },
    });
    finish(kvmTdpMmuInvalidateRoots(alone.t, alone.kvm));
    contended(alone);
    startOn(alone, 0, 8);
    expect(counts(alone)).toEqual({ yields: 7, flushes: 8, zapped: 8 });
  });

  it('by waiters for the lock: as by others for the CPU, where the kernel looks', () => {
    for (const [preempt, kernel, yields] of [
      ['full', 'v7.3', 7],
      ['lazy', 'v7.3', 7],
      ['voluntary', 'v6.12', 0],
      ['none', 'v6.12', 0],
      ['full', 'v6.12', 7],
      // PREEMPT_DYNAMIC sets CONFIG_PREEMPTION, whatever was booted.
      ['voluntary', 'v6.1', 7],
    ] as const) {
      const geometry = { bits: 3, levels: 2 };
      const alone = tdpOn({ pages: 64, geometry, mapped: 8, kernel, change: { preempt } });
      // A waiter that heads the queue and never gets in: the yielder's fast path finds the lock free.
      setContended(alone, true);
      startOn(alone, 0, 8);
      expect([preempt, kernel, counts(alone).yields]).toEqual([preempt, kernel, yields]);
    }
  });
});

describe('variants of the yield', () => {
  it('flushOnYield none owes what it zapped when it drops the lock; full never does', () => {
    for (const [flushOnYield, owed] of [
      ['full', 0],
      ['none', 7],
    ] as const) {
      const alone = contended(small(8, { flushOnYield }));
      startOn(alone, 0, 8);
      const unlocks = alone.t.all(Tracepoint.probeUnlock).filter(([write]) => write === 1);
      expect(unlocks.filter(([, unflushed]) => unflushed === 1)).toHaveLength(owed);
      // The flush that was put off comes at the end.
      expect(counts(alone).flushes).toBe(owed === 0 ? 8 : 1);
    }
  });

  it('keep-pending flushes at each yield, zapped or not', () => {
    const alone = small(0, { flushOnYield: 'keep-pending' });
    faultOn(alone, 0);
    contended(alone);
    startOn(alone, 0, 8);
    expect(counts(alone)).toEqual({ yields: 7, flushes: 7 + 1, zapped: 1 });
  });

  it('forgotten: a test that does not yield loses the flush', () => {
    const alone = small(8, { flushOnYield: 'forgotten' });
    startOn(alone, 0, 4);
    // Only the last page's flush is left: the test before it forgot the others.
    expect(counts(alone)).toEqual({ yields: 0, flushes: 1, zapped: 4 });
    startOn(alone, 6, 12);
    // 6 and 7 are zapped, then the empty table at 8 is tested.
    expect(counts(alone)).toEqual({ yields: 0, flushes: 1, zapped: 6 });
  });

  it.each([1, 2, 3, 7, 8])('progressSteps %d: a yield after so many sideways steps', (progressSteps) => {
    const alone = contended(small(8, { progressSteps }));
    startOn(alone, 0, 8);
    expect(counts(alone).yields).toBe(Math.floor(7 / progressSteps));
  });

  it('progressGuard none yields for ever at one gfn', () => {
    const alone = contended(small(8, { progressGuard: 'none' }));
    let drops = 0;
    alone.t.onAccess = (cell) => {
      if (cell !== alone.kvm.mmuLock.cnts) return;
      // Contention ends after a hundred accesses to the lock; else the walk would not.
      if (++drops === 100) alone.t.needReschedNow = false;
    };
    startOn(alone, 3, 5);
    expect(new Set(goals(alone))).toEqual(new Set([3]));
    expect(goals(alone).length).toBeGreaterThan(40);
    expect(counts(alone).zapped).toBe(2);
  });

  it('progressGuard current-gfn yields on the way down: more yields than pages', () => {
    // At the root the path to gfn 4 stands on 0, which is not where it yielded last: it yields each time.
    const alone = contended(small(8, { progressGuard: 'current-gfn' }));
    let left = 200;
    alone.t.onAccess = () => {
      if (--left === 0) alone.t.needReschedNow = false;
    };
    startOn(alone, 4, 6);
    expect(goals(alone)[0]).toBe(4);
    expect(goals(alone).length).toBeGreaterThan(1);
    expect(left).toBeLessThanOrEqual(0);
  });

  it('yieldDrops nothing relaxes the CPU and keeps the lock', () => {
    const alone = contended(small(8, { yieldDrops: 'nothing' }));
    startOn(alone, 0, 8);
    expect(alone.t.all(Tracepoint.lockAcquired)).toHaveLength(1);
    expect(counts(alone).flushes).toBe(8);
  });

  it('notifierYield never and ranges that may not block', () => {
    const never = contended(small(8, { notifierYield: 'never' }));
    startOn(never, 0, 8);
    const nonBlockable = contended(small(8));
    startOn(nonBlockable, 0, 8, nonBlockable.t, false);
    const always = contended(small(8, { notifierYield: 'always' }));
    startOn(always, 0, 8, always.t, false);
    expect([never, nonBlockable, always].map((each) => counts(each).yields)).toEqual([0, 0, 7]);
  });
});

describe('contention that vanishes between the two tests', () => {
  it('the flush is paid, the lock is kept, and the walk begins anew all the same', () => {
    const alone = small(8);
    const { t } = alone;
    // The CPU is wanted until the flush at the first yield, and not any more after it.
    t.needReschedNow = true;
    t.onAccess = (cell) => {
      if (cell === alone.vcpu.requests) t.needReschedNow = false;
    };
    startOn(alone, 0, 8);
    // No yield is noted, because the lock was not dropped; two flushes; two entries visited twice.
    expect(counts(alone)).toEqual({ yields: 0, flushes: 2, zapped: 8 });
    expect(t.all(Tracepoint.lockAcquired)).toHaveLength(1);
    expect(t.spent.get(Cost.tdpIterStep)).toBe(10 + 2);
  });
});

describe('what goes', () => {
  it('leaves, and nothing but leaves: tables stay', () => {
    const alone = small(16);
    const { used } = alone.kvm.tables;
    const before = alone.mem[used];
    startOn(alone, 0, 16);
    expect(alone.mem[used]).toBe(before);
    expect(isTable(alone.mem[entryCellOf(alone, 0, 2)])).toBe(true);
    for (let gfn = 0; gfn < 16; gfn++) expect(alone.mem[entryCellOf(alone, gfn)]).toBe(NONPRESENT_SPTE);
  });

  it('subtrees, before 5.18: a table that the range covers goes at once', () => {
    const alone = contended(small(24, { notifierUnmap: 'subtrees' }));
    const { used } = alone.kvm.tables;
    const before = alone.mem[used];
    startOn(alone, 4, 24);
    // Gfns 4 to 7 one by one, then the tables at 8 and 16; the walk yields at 5, 6, 7, 8 and 16.
    expect(goals(alone)).toEqual([5, 6, 7, 8, 16]);
    expect(alone.mem[used]).toBe(before - 2);
    expect(alone.t.all(Tracepoint.probeSpteZapped)).toHaveLength(20);
    // A flush before each of the yields, and one at the end.
    expect(counts(alone).flushes).toBe(6);
  });

  it('a table that was taken out has nothing but frozen entries, for whoever still walks it', () => {
    const alone = small(8, { notifierUnmap: 'subtrees' });
    const cell = entryCellOf(alone, 0);
    startOn(alone, 0, 8);
    // Its first entry is the free list's link by now.
    expect([...alone.mem.subarray(cell + 1, cell + 8)]).toEqual(Array(7).fill(FROZEN_SPTE));
  });

  it('in the address space of the memslot alone', () => {
    const slots = [{ pages: 8 }, { pages: 8, asId: 1 }];
    const alone = tdpOn({ slots, geometry: { bits: 3, levels: 1 }, mapped: 8 });
    const { mem, kvm, t } = alone;
    const root = kvm.roots.findIndex(({ asId }) => asId === 1);
    mem[kvm.roots[root].table] = finish(allocTable(t, kvm));
    mem[kvm.roots[root].refcount] = 1;
    mem[tableCell(kvm, mem[kvm.roots[root].table]) + 2] = mem[entryCellOf(alone, 2)];
    startOn(alone, 8, 16);
    expect(t.all(Tracepoint.probeSpteZapped).map(([index, gfn]) => [index, gfn])).toEqual([[root, 2]]);
    startOn(alone, 0, 8);
    expect(counts(alone).zapped).toBe(1 + 8);
  });

  it('nothing outside the range', () => {
    const alone = small(24);
    startOn(alone, 5, 10);
    const left = Array.from({ length: 24 }, (_, gfn) => gfn).filter((gfn) =>
      isPresent(alone.mem[entryCellOf(alone, gfn)]),
    );
    expect(left).toEqual([0, 1, 2, 3, 4, ...Array.from({ length: 14 }, (_, index) => 10 + index)]);
  });

  it('a huge page that the range only touches goes whole, in one step', () => {
    const alone = tdpOn({ pages: 1024, populated: { huge: true, nodeOf: () => 0 } });
    faultOn(alone, 0);
    faultOn(alone, 512);
    contended(alone);
    startOn(alone, 100, 612);
    expect(alone.t.all(Tracepoint.probeSpteZapped).map(([, gfn, , level]) => [gfn, level])).toEqual([
      [0, 2],
      [512, 2],
    ]);
    expect(counts(alone)).toEqual({ yields: 1, flushes: 2, zapped: 2 });
    expect(goals(alone)).toEqual([512]);
  });

  it('what is zapped is not there any more for the next: no zap, no flush', () => {
    const alone = small(8);
    startOn(alone, 0, 8);
    startOn(alone, 0, 8);
    expect(counts(alone)).toEqual({ yields: 0, flushes: 1, zapped: 8 });
  });

  it('in every root: also the invalid one, which a mutant skips', () => {
    for (const [notifierUnmap, zapped] of [
      ['leaves', 8],
      ['skip-invalid-roots', 0],
    ] as const) {
      const alone = small(8, { notifierUnmap });
      finish(kvmTdpMmuInvalidateRoots(alone.t, alone.kvm));
      startOn(alone, 0, 8);
      expect(counts(alone)).toEqual({ yields: 0, flushes: 0, zapped });
    }
  });
});

describe('references and state after a zap', () => {
  it('the root has as many references as before; RCU and preemption are balanced', () => {
    const alone = contended(small(16));
    const { mem, kvm, t } = alone;
    const before = mem[kvm.roots[0].refcount];
    startOn(alone, 0, 16);
    endOn(alone, 0, 16);
    expect(mem[kvm.roots[0].refcount]).toBe(before);
    expect(mem[kvm.rcuReaders]).toBe(0);
    expect([t.preemptCount, t.irqCount]).toEqual([0, 0]);
    expect(mem[kvm.mmuLock.cnts]).toBe(0);
  });

  it('while the lock is dropped the walk holds a reference to the root', () => {
    for (const [rootIteration, more] of [
      ['yield-safe', 1],
      ['plain', 0],
    ] as const) {
      const alone = contended(small(8, { rootIteration }));
      const { mem, kvm } = alone;
      const before = mem[kvm.roots[0].refcount];
      const held: number[] = [];
      alone.t.onAccess = (cell) => {
        // The lock word is 0 when it is taken: at the start, and again after each yield.
        if (cell === kvm.mmuLock.cnts && mem[cell] === 0) held.push(mem[kvm.roots[0].refcount] - before);
      };
      startOn(alone, 0, 8);
      expect(held).toEqual([0, ...Array.from({ length: 7 }, () => more)]);
    }
  });

  it('a table of eight entries has the entry of a gfn at its last three bits', () => {
    const { kvm, mem } = small(1);
    const root = mem[kvm.roots[0].table];
    expect(entryIndex(kvm, 29, 1)).toBe(5);
    expect(entryIndex(kvm, 29, 2)).toBe(3);
    expect(tableCell(kvm, root + 1) - tableCell(kvm, root)).toBe(8);
    expect(frameOf(mem[tableCell(kvm, root)])).toBeGreaterThan(0);
  });
});
