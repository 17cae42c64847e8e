import { describe, expect, it } from 'vitest';
import { kvmMmuReloadApicAccessPage } from './apic-access-page.js';
import { putPage } from './host/folios.js';
import { getUserPage } from './host/gup.js';
import { pteCell } from './host/primary-mmu.js';
import { Request, type PfnCache, type Vcpu } from './kvm.js';
import { kvmMmuNotifierInvalidateRangeEnd, kvmMmuNotifierInvalidateRangeStart } from './mmu-notifier.js';
import { gfnToPfnCacheInvalidateStart, kvmGpcRefresh } from './pfn-cache.js';
import { resolvePolicy } from './resolve-policy.js';
import { frameOf, makeEntry, Pte } from './spte.js';
import { aloneOn, entryOf, unaccounted, type Alone } from './testing/host-machine.js';
import { SequentialThread } from './testing/sequential-thread.js';
import { run } from './testing/shadow-machine.js';
import { Tracepoint } from './tracepoints.js';

/** 8 pages of guest memory and 8 outside of every memslot; two caches, the second of page 10. */
function machine(
  change: Record<string, string> = {},
): Alone & { caches: readonly [PfnCache, PfnCache]; vcpu: Vcpu } {
  const alone = aloneOn({
    pages: 8,
    outsidePages: 8,
    pfnCaches: [3, 10],
    policy: resolvePolicy('v7.3', change),
    populated: { huge: false, nodeOf: () => 0 },
  });
  const [inside, outside] = alone.kvm.pfnCaches;
  const [vcpu] = alone.kvm.vcpus;
  if (inside === undefined || outside === undefined || vcpu === undefined) throw new Error('two caches');
  // The page outside is there too.
  const { t, mm } = alone;
  run(putPage(t, mm, run(getUserPage(t, mm, outside.userspacePage, 1))));
  return { ...alone, caches: [inside, outside], vcpu };
}

/** Moves a page to another frame, with its notifier, as another CPU would. */
function migrate(alone: Alone, page: number, to: number): void {
  const { kvm, mm, mem, t } = alone;
  const other = new SequentialThread(mem, 2, t.scratch + 32);
  run(kvmMmuNotifierInvalidateRangeStart(other, kvm, page, page + 1, true));
  const cell = pteCell(mm, page);
  const from = frameOf(mem[cell] ?? 0);
  mem[cell] = makeEntry(to, Pte.Present | Pte.Write | Pte.Accessed | Pte.Dirty);
  mem[mm.refcounts + to] = mem[mm.refcounts + from] ?? 0;
  run(kvmMmuNotifierInvalidateRangeEnd(other, kvm, page, page + 1));
}

describe('gfn_to_pfn_cache', () => {
  it.each(['own-seq', 'mmu-seq'])('refreshes, and a notifier takes it away (%s)', (pfnCache) => {
    const alone = machine({ pfnCache });
    const { kvm, t, mem, caches, first } = alone;
    const [inside, outside] = caches;
    expect(run(kvmGpcRefresh(t, kvm, inside))).toBe(true);
    expect(run(kvmGpcRefresh(t, kvm, outside))).toBe(true);
    const frames = [frameOf(entryOf(alone, 3)), frameOf(entryOf(alone, 10))];
    expect([mem[inside.pfn], mem[outside.pfn]]).toEqual(frames);
    expect(t.all(Tracepoint.probePfnCache)).toEqual([
      [0, frames[0]],
      [1, frames[1]],
    ]);
    expect(unaccounted(alone)).toEqual([]);
    // Valid: nothing to do.
    run(kvmGpcRefresh(t, kvm, inside));
    expect(t.all(Tracepoint.probePfnCache)).toHaveLength(2);
    run(gfnToPfnCacheInvalidateStart(t, kvm, first + 4, first + 10));
    expect([mem[inside.valid], mem[outside.valid]]).toEqual([1, 1]);
    run(gfnToPfnCacheInvalidateStart(t, kvm, first + 3, first + 4));
    expect([mem[inside.valid], mem[outside.valid]]).toEqual([0, 1]);
    expect(t.preemptCount).toBe(0);
  });

  it.each([
    // An invalidation from start to end while the page is looked up.
    ['own-seq', 3, true],
    ['own-seq', 10, true],
    ['mmu-seq', 3, true],
    // Outside of every memslot mmu_invalidate_seq does not move: the stale page is published.
    ['mmu-seq', 10, false],
  ] as const)('%s notices an invalidation of page %i that comes and goes: %s', (pfnCache, page, notices) => {
    const alone = machine({ pfnCache });
    const { kvm, t, mem, mm, caches, first } = alone;
    const cache = caches[page === 3 ? 0 : 1];
    const old = frameOf(entryOf(alone, page));
    const to = mm.pfns - 1;
    // The last access of the lookup is the reference that is taken; the page moves right after.
    t.onAccess = (cell) => {
      if (cell !== cache.lock.tail || (mem[mm.refcounts + old] ?? 0) < 2) return;
      t.onAccess = undefined;
      migrate(alone, first + page, to);
    };
    run(kvmGpcRefresh(t, kvm, cache));
    expect(mem[cache.valid]).toBe(1);
    expect(mem[cache.pfn]).toBe(notices ? to : old);
    expect(t.all(Tracepoint.probePfnCache)).toHaveLength(1);
  });

  it('goes round while any invalidation is active, of whatever range', () => {
    const alone = machine();
    const { kvm, t, mem, caches } = alone;
    const [inside] = caches;
    mem[kvm.mnActiveInvalidateCount] = 1;
    let rounds = 0;
    t.onAccess = (cell) => {
      if (cell === kvm.mnActiveInvalidateCount && ++rounds === 5) mem[cell] = 0;
    };
    run(kvmGpcRefresh(t, kvm, inside));
    expect(rounds).toBe(5);
    expect(mem[inside.valid]).toBe(1);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('gives up when the executor comes to its end', () => {
    const alone = machine();
    const { kvm, t, mem, caches } = alone;
    mem[kvm.mnActiveInvalidateCount] = 1;
    t.operationsLeft = 0;
    expect(run(kvmGpcRefresh(t, kvm, caches[0]))).toBe(false);
    expect(mem[caches[0].valid]).toBe(0);
    expect(unaccounted(alone)).toEqual([]);
  });
});

describe('the APIC access page', () => {
  function apic(apicPage: string): Alone & { vcpu: Vcpu } {
    const alone = aloneOn({
      pages: 8,
      apicAccessPage: true,
      policy: resolvePolicy('v7.3', { apicPage }),
      populated: { huge: false, nodeOf: () => 0 },
    });
    const [vcpu] = alone.kvm.vcpus;
    if (vcpu === undefined) throw new Error('no vCPU');
    return { ...alone, vcpu };
  }

  it.each([
    ['retry', true],
    ['no-retry', false],
  ] as const)('that moves during the lookup: %s', (apicPage, notices) => {
    const alone = apic(apicPage);
    const { kvm, t, mem, mm, vcpu, first } = alone;
    const old = frameOf(entryOf(alone, 8));
    const to = mm.pfns - 1;
    t.onAccess = (cell) => {
      // Once the page is held, before anything else is looked at.
      const held = (mem[mm.refcounts + old] ?? 0) > 1;
      if (!held || (cell !== kvm.mmuLock.cnts && cell !== mm.refcounts + old)) return;
      if (cell === mm.refcounts + old && apicPage === 'retry') return;
      t.onAccess = undefined;
      migrate(alone, first + 8, to);
    };
    run(kvmMmuReloadApicAccessPage(t, vcpu));
    t.onAccess = undefined;
    // The invalidation asks for a reload in any case; until it comes the VMCS has the old page.
    expect((mem[vcpu.requests] ?? 0) & Request.ApicPageReload).toBe(Request.ApicPageReload);
    expect(mem[vcpu.apicAccessPfn]).toBe(notices ? 0 : old);
    run(kvmMmuReloadApicAccessPage(t, vcpu));
    expect(mem[vcpu.apicAccessPfn]).toBe(to);
    const written = t.all(Tracepoint.probeApicPage).map(([, pfn]) => pfn);
    expect(written).toEqual(notices ? [to] : [old, to]);
    expect(t.preemptCount).toBe(0);
  });

  it('a machine without one has nothing to reload', () => {
    const { t, vcpu } = machine();
    run(kvmMmuReloadApicAccessPage(t, vcpu));
    expect(t.all(Tracepoint.probeApicPage)).toEqual([]);
  });
});
