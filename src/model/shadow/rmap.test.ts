import { describe, expect, it } from 'vitest';
import { makeHugeFolio, takeFreeBlock } from '../host/folios.js';
import { pmdCell } from '../host/primary-mmu.js';
import type { Memslot } from '../kvm.js';
import { kvmMmuNotifierInvalidateRangeEnd, kvmMmuNotifierInvalidateRangeStart } from '../mmu-notifier.js';
import { RetPf } from '../page-fault-struct.js';
import { SCRATCH_UNFLUSHED } from '../scratch.js';
import { frameOf, isPresent, makeEntry, Pte, Spte } from '../spte.js';
import { entryOf } from '../testing/host-machine.js';
import { SequentialThread } from '../testing/sequential-thread.js';
import {
  activePages,
  atFirstUnlock,
  chainOf,
  reload,
  run,
  setContended,
  shadowFaults,
  shadowOn,
  touch,
  translationOf,
} from '../testing/shadow-machine.js';
import { Tracepoint } from '../tracepoints.js';
import { gfnToRmap, listWith, listWithout, rmapFirst, rmapRest } from './rmap-chain.js';
import { kvmRmapZapGfnRange } from './rmap.js';
import { Sp } from './layout.js';
import { kvmMmuZapAllFast } from './zap-obsolete.js';

function slotOf({ kvm }: { kvm: { slots: readonly Memslot[] } }): Memslot {
  const [slot] = kvm.slots;
  if (slot === undefined) throw new Error('no slot');
  return slot;
}

describe('chains', () => {
  it('the newest entry is the first; entries leave from anywhere, and nodes come back', () => {
    const { t, kvm, mem } = shadowOn({});
    const free = mem[kvm.shadow.rmapFree];
    let list = 0;
    for (const sptep of [101, 102, 103, 104]) list = listWith(t, kvm, list, sptep);
    const order = (value: number): number[] =>
      value === 0 ? [] : [rmapFirst(t, value), ...order(rmapRest(t, value))];
    expect(order(list)).toEqual([104, 103, 102, 101]);
    list = listWithout(t, kvm, list, 102);
    expect(order(list)).toEqual([104, 103, 101]);
    list = listWithout(t, kvm, list, 101);
    expect(order(list)).toEqual([104, 103]);
    list = listWithout(t, kvm, list, 104);
    expect(order(list)).toEqual([103]);
    expect(() => listWithout(t, kvm, list, 104)).toThrow('entry 104 is not in its rmap');
    expect(listWithout(t, kvm, list, 103)).toBe(0);
    let nodes = 0;
    for (let node = mem[kvm.shadow.rmapFree] ?? 0; node !== 0; node = mem[node + 1] ?? 0) nodes++;
    expect(nodes).toBe(kvm.shadow.rmapNodeCount);
    expect(free).toBeGreaterThan(0);
  });
});

describe('direct faults', () => {
  it('map a page and its neighbours in the same eight, here four; all in their rmaps', () => {
    const alone = shadowOn({});
    const { t, kvm, mem, vcpu } = alone;
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Fixed);
    const mapped = Array.from({ length: 32 }, (_, gfn) => gfn).filter((gfn) =>
      isPresent(translationOf(mem, kvm, vcpu, gfn)),
    );
    expect(mapped).toEqual([4, 5, 6, 7]);
    for (const gfn of mapped) {
      expect(frameOf(translationOf(mem, kvm, vcpu, gfn))).toBe(frameOf(entryOf(alone, gfn)));
      expect(chainOf(mem, gfnToRmap(kvm, slotOf(alone), gfn, 1))).toHaveLength(1);
    }
    expect(t.all(Tracepoint.kvmMmuSetSpte).map(([gfn]) => gfn)).toEqual([5, 4, 6, 7]);
    // A root, and one page for each level below it.
    expect(mem[kvm.shadow.usedPages]).toBe(3);
    expect(shadowFaults(alone)).toEqual([]);
    expect([t.preemptCount, t.irqCount]).toEqual([0, 0]);
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Spurious);
  });

  it('map no neighbours while an invalidation is in progress, unless the policy says so', () => {
    for (const [prefetch, count] of [
      ['unless-invalidating', 1],
      ['always', 4],
    ] as const) {
      const alone = shadowOn({ change: { prefetch } });
      const { t, kvm, mem, vcpu } = alone;
      mem[kvm.mmuInvalidateInProgress] = 1;
      mem[kvm.mmuInvalidateRangeStart] = 20;
      mem[kvm.mmuInvalidateRangeEnd] = 21;
      expect(touch(alone, vcpu, 5)).toBe(RetPf.Fixed);
      expect(t.all(Tracepoint.kvmMmuSetSpte)).toHaveLength(count);
      // In the range it must come back.
      expect(touch(alone, vcpu, 20)).toBe(RetPf.Retry);
    }
  });

  it('the soft limit: the oldest pages go, the root stays', () => {
    const alone = shadowOn({ pages: 64 });
    const { kvm, mem, vcpu, t } = alone;
    expect(kvm.shadow.maxPages).toBe(64);
    for (let gfn = 0; gfn < 60; gfn += 4) expect(touch(alone, vcpu, gfn)).toBe(RetPf.Fixed);
    // 1 root, 4 tables for 16 frames each, 15 for 4 each.
    expect(mem[kvm.shadow.usedPages]).toBe(20);
    const tight = { ...kvm, shadow: { ...kvm.shadow, maxPages: 24 } };
    expect(touch(alone, { ...vcpu, kvm: tight }, 60)).toBe(RetPf.Fixed);
    // 4 are available, less than 5: 25 - 4 more are wanted, and all but the root are given.
    expect(t.all(Tracepoint.kvmMmuPrepareZapPage)).toHaveLength(19);
    expect(mem[kvm.shadow.usedPages]).toBe(3);
    expect(isPresent(translationOf(mem, kvm, vcpu, 4))).toBe(false);
    expect(shadowFaults(alone)).toEqual([]);
  });
});

describe('kvmRmapZapGfnRange', () => {
  it('zaps the range and nothing else, level by level, in order of gfns', () => {
    const alone = shadowOn({});
    const { t, kvm, mem, vcpu } = alone;
    for (const gfn of [1, 5, 9]) touch(alone, vcpu, gfn);
    expect(run(kvmRmapZapGfnRange(t, kvm, slotOf(alone), 3, 10, false, false))).toBe(true);
    expect(t.all(Tracepoint.probeSpteZapped).map(([, gfn]) => gfn)).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(mem[t.scratch + SCRATCH_UNFLUSHED]).toBe(1);
    expect(run(kvmRmapZapGfnRange(t, kvm, slotOf(alone), 3, 10, false, false))).toBe(false);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('a contended range of one page yields at each of three levels, flushing only what it zapped', () => {
    const alone = shadowOn({});
    const { t, kvm, vcpu } = alone;
    touch(alone, vcpu, 5);
    setContended(alone, true);
    t.preemptCount = 1;
    expect(run(kvmRmapZapGfnRange(t, kvm, slotOf(alone), 5, 6, true, false))).toBe(false);
    // The heads of 4 KiB, 2 MiB and 1 GiB: the first of each level is a step even if it is empty.
    expect(t.all(Tracepoint.yield).map(([, , gfn]) => gfn)).toEqual([5, 5, 5]);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(1);
  });

  it('empty heads are skipped, apart from the first of a level: no step, no yield', () => {
    const alone = shadowOn({ pages: 32 });
    const { t, kvm, vcpu } = alone;
    touch(alone, vcpu, 16);
    setContended(alone, true);
    t.preemptCount = 1;
    run(kvmRmapZapGfnRange(t, kvm, slotOf(alone), 0, 32, true, false));
    // Level 1: gfn 0 although empty, 16 to 19. Levels 2 and 3: their first heads.
    expect(t.all(Tracepoint.yield).map(([, , gfn]) => gfn)).toEqual([0, 16, 17, 18, 19, 0, 0]);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(4);
  });

  it.each([
    ['full', 4, false],
    ['none', 0, true],
    ['keep-pending', 6, true],
    ['forgotten', 4, false],
  ] as const)('flushOnYield %s', (flushOnYield, flushes, due) => {
    const alone = shadowOn({ change: { flushOnYield } });
    const { t, kvm, vcpu } = alone;
    touch(alone, vcpu, 0);
    setContended(alone, true);
    t.preemptCount = 1;
    expect(run(kvmRmapZapGfnRange(t, kvm, slotOf(alone), 0, 32, true, false))).toBe(due);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(flushes);
  });

  it('finds a page in the tables of both generations', () => {
    const alone = shadowOn({ vcpus: 2, change: { shadowBatch: '1' } });
    const { t, kvm, mem, vcpu } = alone;
    touch(alone, vcpu, 5);
    setContended(alone, true);
    const heads: number[] = [];
    atFirstUnlock(alone, () => {
      const other = { ...alone, t: new SequentialThread(mem, 2, t.scratch + 32) };
      reload(other, vcpu);
      expect(touch(other, vcpu, 5)).toBe(RetPf.Fixed);
      heads.push(...chainOf(mem, gfnToRmap(kvm, slotOf(alone), 5, 1)));
      // While the walk waits for the lock, a notifier must reach both.
      other.t.preemptCount = 1;
      expect(run(kvmRmapZapGfnRange(other.t, kvm, slotOf(alone), 5, 6, false, false))).toBe(true);
      expect(other.t.all(Tracepoint.probeSpteZapped)).toHaveLength(2);
    });
    run(kvmMmuZapAllFast(t, kvm));
    setContended(alone, false);
    expect(heads).toHaveLength(2);
    expect(isPresent(translationOf(mem, kvm, vcpu, 5))).toBe(false);
    expect(isPresent(translationOf(mem, kvm, vcpu, 6))).toBe(true);
    for (const each of kvm.vcpus) reload(alone, each);
    expect(shadowFaults(alone)).toEqual([]);
  });
});

describe('huge pages', () => {
  const huge = {
    pages: 1024,
    geometry: {},
    populated: { huge: true, nodeOf: () => 0 },
  };

  it('are mapped as one, in the rmap of their level, and go as one', () => {
    const alone = shadowOn(huge);
    const { t, kvm, mem, vcpu } = alone;
    const slot = slotOf(alone);
    expect(touch(alone, vcpu, 700)).toBe(RetPf.Fixed);
    const spte = translationOf(mem, kvm, vcpu, 512);
    expect([frameOf(spte), spte & Spte.Huge]).toEqual([frameOf(entryOf(alone, 512)), Spte.Huge]);
    expect(t.all(Tracepoint.kvmMmuSetSpte).map(([gfn, , , level]) => [gfn, level])).toEqual([[512, 2]]);
    expect(chainOf(mem, gfnToRmap(kvm, slot, 700, 2))).toHaveLength(1);
    expect(mem[kvm.shadow.usedPages]).toBe(3);
    expect(run(kvmRmapZapGfnRange(t, kvm, slot, 900, 901, false, false))).toBe(true);
    expect(t.all(Tracepoint.probeSpteZapped).map(([, gfn, , level]) => [gfn, level])).toEqual([[512, 2]]);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('take the place of the table that mapped their pages, with a flush', () => {
    const alone = shadowOn({ ...huge, populated: { huge: false, nodeOf: () => 0 }, pfns: 4096 });
    const { t, kvm, mm, mem, vcpu, first } = alone;
    touch(alone, vcpu, 700);
    // What khugepaged does, between start and end of an invalidation.
    run(kvmMmuNotifierInvalidateRangeStart(t, kvm, first + 512, first + 1024, true));
    const block = takeFreeBlock(mem, mm, 0);
    makeHugeFolio(mem, mm, block);
    mem[mm.refcounts + block] = 1;
    mem[pmdCell(mm, first + 512)] = makeEntry(block, Pte.Present | Pte.Write | Pte.Accessed | Pte.Dirty);
    run(kvmMmuNotifierInvalidateRangeEnd(t, kvm, first + 512, first + 1024));
    const flushes = t.all(Tracepoint.remoteFlush).length;
    expect(touch(alone, vcpu, 800)).toBe(RetPf.Fixed);
    expect(translationOf(mem, kvm, vcpu, 512) & Spte.Huge).toBe(Spte.Huge);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(flushes + 1);
    // The table below has no parent any more, and is found again by hash.
    const parents = activePages(alone).map((sp) => chainOf(mem, sp + Sp.parentPtes).length);
    expect(parents).toEqual([0, 1, 1, 0]);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('the flush before a yield stops at the page that the walk stands on, though a huge page goes on', () => {
    const alone = shadowOn({ ...huge, change: { flushOnYield: 'ranged' } });
    const { t, kvm, vcpu } = alone;
    touch(alone, vcpu, 700);
    setContended(alone, true);
    t.preemptCount = 1;
    expect(run(kvmRmapZapGfnRange(t, kvm, slotOf(alone), 100, 1024, true, false))).toBe(false);
    // 4 KiB: the first head. 2 MiB: the first head, then the one of the page. 1 GiB: the first.
    expect(t.all(Tracepoint.yield).map(([, , gfn]) => gfn)).toEqual([100, 100, 612, 100]);
  });
});
