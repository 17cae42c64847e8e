import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { kvmMmuNotifierInvalidateRangeEnd, kvmMmuNotifierInvalidateRangeStart } from '../mmu-notifier.js';
import { Request, type Vcpu } from '../kvm.js';
import { RetPf } from '../page-fault-struct.js';
import { frameOf, isLeaf, isPresent, makeEntry, Spte } from '../spte.js';
import { entryOf, unaccounted, type Alone } from '../testing/host-machine.js';
import {
  activePages,
  reload,
  run,
  setContended,
  shadowFaults,
  shadowOn,
  touch,
  translationOf,
} from '../testing/shadow-machine.js';
import { Tracepoint } from '../tracepoints.js';
import { kvmMmuInvlpg, kvmMmuTrackWrite } from './guest-page-table.js';
import { Gpte, gpteCell, guestRootGfn, Role, Sp } from './layout.js';
import { mmuSyncRoots } from './shadow-roots.js';
import { kvmMmuZapAllFast } from './zap-obsolete.js';

const PAGES = 32;

/** The guest's tables lie in its memory, behind the pages that it maps by them: frames 32 to 42. */
function pagingOn(vcpus = 1): Alone & { vcpu: Vcpu } {
  const slots = [{ pages: PAGES + 16 }];
  const alone = shadowOn({ vcpus, slots, change: { mmu: 'shadow-paging' }, guestTableGfn: PAGES });
  return alone;
}

/** Level 1 entry of a page. */
function gpteOf({ kvm }: Alone, page: number): number {
  return gpteCell(kvm, PAGES + (page >>> 2), page & 3);
}

const unsyncPages = (alone: Alone): number[] =>
  activePages(alone).filter((sp) => alone.mem[sp + Sp.unsync] !== 0);

describe('a fault under shadow paging', () => {
  it('walks the guest’s tables, shadows them, and maps the page with its neighbours', () => {
    const alone = pagingOn();
    const { t, kvm, mem, vcpu } = alone;
    mem[gpteOf(alone, 5)] = makeEntry(17, Gpte.Present | Gpte.Write);
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Fixed);
    expect(frameOf(translationOf(mem, kvm, vcpu, 5))).toBe(frameOf(entryOf(alone, 17)));
    expect(frameOf(translationOf(mem, kvm, vcpu, 6))).toBe(frameOf(entryOf(alone, 6)));
    expect(activePages(alone).map((sp) => [mem[sp + Sp.gfn], (mem[sp + Sp.role] ?? 0) & Role.Level])).toEqual(
      [
        [PAGES + 1, 1],
        [PAGES + 12, 2],
        [guestRootGfn(kvm), 3],
      ],
    );
    expect(mem[kvm.shadow.indirectPages]).toBe(3);
    expect(t.all(Tracepoint.kvmMmuPagetableWalk)).toEqual([[5, 2]]);
    expect(shadowFaults(alone)).toEqual([]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('an unmapped page is the guest’s affair, and so is a write that it forbids', () => {
    const alone = pagingOn();
    const { kvm, mem, vcpu } = alone;
    mem[gpteOf(alone, 5)] = 0;
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Retry);
    mem[gpteOf(alone, 5)] = makeEntry(5, Gpte.Present);
    expect(touch(alone, vcpu, 5, 1)).toBe(RetPf.Retry);
    expect(touch(alone, vcpu, 5, 0)).toBe(RetPf.Fixed);
    expect(translationOf(mem, kvm, vcpu, 5) & Spte.Writable).toBe(0);
    expect(translationOf(mem, kvm, vcpu, 6) & Spte.Writable).not.toBe(0);
  });

  it('an entry that changes between the walk and the lock sends it back', () => {
    for (const level of [1, 2, 3]) {
      const alone = pagingOn();
      const { t, kvm, mem, vcpu } = alone;
      const cell = [gpteOf(alone, 5), gpteCell(kvm, PAGES + 12, 1), gpteCell(kvm, guestRootGfn(kvm), 0)][
        level - 1
      ];
      if (cell === undefined) throw new Error('no such level');
      const before = mem[cell] ?? 0;
      t.onAccess = (accessed) => {
        if (accessed !== kvm.mmuLock.cnts) return;
        mem[cell] = makeEntry(frameOf(before), Gpte.Present);
        t.onAccess = undefined;
      };
      expect(touch(alone, vcpu, 5, 0)).toBe(RetPf.Retry);
      mem[cell] = before;
      expect(touch(alone, vcpu, 5)).toBe(RetPf.Fixed);
      expect(shadowFaults(alone)).toEqual([]);
      expect(unaccounted(alone)).toEqual([]);
    }
  });

  it('maps no neighbours from an entry on that maps nothing', () => {
    const alone = pagingOn();
    const { t, mem, vcpu } = alone;
    mem[gpteOf(alone, 6)] = makeEntry(6, 0);
    touch(alone, vcpu, 5);
    expect(t.all(Tracepoint.kvmMmuSetSpte).map(([gfn]) => gfn)).toEqual([5, 4]);
  });

  it('a large page of the guest over small ones of the host: pages that shadow nothing lead to them', () => {
    const alone = pagingOn();
    const { kvm, mem, vcpu } = alone;
    mem[gpteCell(kvm, PAGES + 12, 1)] = makeEntry(20, Gpte.Present | Gpte.Write | Gpte.Huge);
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Fixed);
    expect([4, 5, 6, 7].map((page) => frameOf(translationOf(mem, kvm, vcpu, page)))).toEqual(
      [20, 21, 22, 23].map((gfn) => frameOf(entryOf(alone, gfn))),
    );
    const [newest = 0] = activePages(alone);
    expect([mem[newest + Sp.gfn], mem[newest + Sp.role]]).toEqual([20, 1 | Role.Direct | Role.Writable]);
    expect(shadowFaults(alone)).toEqual([]);
  });
});

describe('the guest writes to its tables', () => {
  it('those of higher levels are write-tracked, and an emulated write takes the entry away', () => {
    const alone = pagingOn();
    const { t, kvm, mem, vcpu } = alone;
    touch(alone, vcpu, 5);
    const table = PAGES + 12;
    // The guest maps its tables one to one, read-only since they are shadowed.
    expect(touch(alone, vcpu, table, 0)).toBe(RetPf.Fixed);
    expect(translationOf(mem, kvm, vcpu, table) & (Spte.Writable | Spte.MmuWritable)).toBe(0);
    expect(touch(alone, vcpu, table, 1)).toBe(RetPf.WriteProtected);
    mem[gpteCell(kvm, table, 1)] = makeEntry(PAGES + 3, Gpte.Present | Gpte.Write);
    run(kvmMmuTrackWrite(t, kvm, table, 1));
    expect(isPresent(translationOf(mem, kvm, vcpu, 5))).toBe(false);
    expect(t.all(Tracepoint.probeUnlock).at(-1)).toEqual([1, 0]);
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Fixed);
    expect(frameOf(translationOf(mem, kvm, vcpu, 5))).toBe(frameOf(entryOf(alone, 13)));
    expect(shadowFaults(alone)).toEqual([]);
    // The third write in a row without a fault in between is a flood: the page goes.
    const pages = activePages(alone).length;
    for (let write = 0; write < 3; write++) run(kvmMmuTrackWrite(t, kvm, table, 3));
    expect(activePages(alone)).toHaveLength(pages - 1);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('one of the lowest level becomes unsync at the first write; INVLPG brings one page up to date', () => {
    const alone = pagingOn();
    const { kvm, mem, vcpu, t } = alone;
    touch(alone, vcpu, 5);
    touch(alone, vcpu, 6);
    const table = PAGES + 1;
    expect(touch(alone, vcpu, table, 1)).toBe(RetPf.Fixed);
    expect(translationOf(mem, kvm, vcpu, table) & Spte.Writable).not.toBe(0);
    expect(unsyncPages(alone).map((sp) => mem[sp + Sp.gfn])).toEqual([table]);
    // The guest remaps two pages, and flushes one of them.
    mem[gpteOf(alone, 5)] = makeEntry(20, Gpte.Present | Gpte.Write);
    mem[gpteOf(alone, 6)] = makeEntry(21, Gpte.Present | Gpte.Write);
    const flushes = t.all(Tracepoint.remoteFlush).length;
    run(kvmMmuInvlpg(t, vcpu, 5));
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(flushes + 1);
    expect(isPresent(translationOf(mem, kvm, vcpu, 5))).toBe(false);
    expect(frameOf(translationOf(mem, kvm, vcpu, 6))).toBe(frameOf(entryOf(alone, 6)));
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Fixed);
    expect(frameOf(translationOf(mem, kvm, vcpu, 5))).toBe(frameOf(entryOf(alone, 20)));
    expect(shadowFaults(alone)).toEqual([]);
    // A synchronisation of all makes the table read-only again.
    run(mmuSyncRoots(t, vcpu));
    expect(unsyncPages(alone)).toEqual([]);
    expect(isPresent(translationOf(mem, kvm, vcpu, 6))).toBe(false);
    expect(translationOf(mem, kvm, vcpu, table) & Spte.Writable).toBe(0);
    expect(activePages(alone).map((sp) => mem[sp + Sp.unsyncChildren])).toEqual(
      activePages(alone).map(() => 0),
    );
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('a table that the guest may write to is write-protected when it is first shadowed', () => {
    const alone = pagingOn();
    const { t, kvm, mem, vcpu } = alone;
    const table = PAGES + 1;
    touch(alone, vcpu, table, 1);
    expect(translationOf(mem, kvm, vcpu, table) & Spte.Writable).not.toBe(0);
    const flushes = t.all(Tracepoint.remoteFlush).length;
    touch(alone, vcpu, 5);
    expect(translationOf(mem, kvm, vcpu, table) & Spte.Writable).toBe(0);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(flushes + 1);
  });

  it('a page that another vCPU links is brought up to date first, and stays unsync', () => {
    const alone = pagingOn();
    const { t, kvm, mem, vcpu } = alone;
    touch(alone, vcpu, 5);
    touch(alone, vcpu, PAGES + 1, 1);
    mem[gpteOf(alone, 6)] = makeEntry(20, Gpte.Present | Gpte.Write);
    // Its parent is gone, the page itself is found by hash.
    run(kvmMmuTrackWrite(t, kvm, PAGES + 12, 1));
    // With what it maps still.
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Spurious);
    expect(isPresent(translationOf(mem, kvm, vcpu, 6))).toBe(false);
    expect(unsyncPages(alone).map((sp) => mem[sp + Sp.gfn])).toEqual([PAGES + 1]);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('an entry of an unsync page that the guest has pointed elsewhere is replaced, with a flush', () => {
    const alone = pagingOn();
    const { t, kvm, mem, vcpu } = alone;
    touch(alone, vcpu, 5);
    touch(alone, vcpu, PAGES + 1, 1);
    mem[gpteOf(alone, 5)] = makeEntry(20, Gpte.Present | Gpte.Write);
    const flushes = t.all(Tracepoint.remoteFlush).length;
    expect(touch(alone, vcpu, 5)).toBe(RetPf.Fixed);
    expect(frameOf(translationOf(mem, kvm, vcpu, 5))).toBe(frameOf(entryOf(alone, 20)));
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(flushes + 1);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('a page with fewer rights keeps its entry, read-only', () => {
    const alone = pagingOn();
    const { kvm, mem, vcpu, t } = alone;
    touch(alone, vcpu, 5);
    touch(alone, vcpu, PAGES + 1, 1);
    mem[gpteOf(alone, 5)] = makeEntry(5, Gpte.Present);
    run(kvmMmuInvlpg(t, vcpu, 5));
    const spte = translationOf(mem, kvm, vcpu, 5);
    expect([isLeaf(spte), spte & Spte.Writable]).toEqual([true, 0]);
  });

  it('a contended synchronisation in a fault asks for the rest later; alone it yields and goes on', () => {
    const alone = pagingOn();
    const { kvm, mem, vcpu, t } = alone;
    // All tables below the first entry of the root, unsync.
    for (const page of [0, 4, 8, 12]) {
      touch(alone, vcpu, page);
      touch(alone, vcpu, PAGES + (page >>> 2), 1);
    }
    expect(unsyncPages(alone)).toHaveLength(4);
    // The link is taken away by an emulated write, so that the next fault has to link the page again.
    run(kvmMmuTrackWrite(t, kvm, guestRootGfn(kvm), 0));
    setContended(alone, true);
    expect(touch(alone, vcpu, 1)).toBe(RetPf.Retry);
    expect((mem[vcpu.requests] ?? 0) & Request.MmuSync).toBe(Request.MmuSync);
    // A batch is 16 pages, parents included: all four were done.
    expect(unsyncPages(alone)).toEqual([]);
    setContended(alone, false);
    expect(touch(alone, vcpu, 1)).toBe(RetPf.Fixed);
    for (const page of [0, 4, 8, 12]) touch(alone, vcpu, PAGES + (page >>> 2), 1);
    expect(unsyncPages(alone)).toHaveLength(4);
    setContended(alone, true);
    const yields = t.all(Tracepoint.yield).length;
    run(mmuSyncRoots(t, vcpu));
    expect(t.all(Tracepoint.yield)).toHaveLength(yields + 1);
    expect(unsyncPages(alone)).toEqual([]);
    setContended(alone, false);
    expect(shadowFaults(alone)).toEqual([]);
  });
});

type Action =
  | { kind: 'touch'; vcpu: number; page: number; write: number }
  | { kind: 'remap'; page: number; gfn: number; flags: number }
  | { kind: 'invalidate'; page: number; pages: number }
  | { kind: 'zapAll' }
  | { kind: 'sync'; vcpu: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('touch' as const),
      vcpu: fc.nat(1),
      page: fc.nat(PAGES + 15),
      write: fc.nat(1),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('remap' as const),
      page: fc.nat(PAGES - 1),
      gfn: fc.nat(PAGES - 1),
      flags: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('invalidate' as const),
      page: fc.nat(PAGES - 1),
      pages: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'zapAll' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sync' as const), vcpu: fc.nat(1) }) },
);

/** What the guest's instruction does: until its write to the table happens. */
function guestWrites(alone: Alone, vcpu: Vcpu, page: number, gpte: number): void {
  const { kvm, mem, t } = alone;
  const table = PAGES + (page >>> 2);
  for (;;) {
    if ((translationOf(mem, kvm, vcpu, table) & Spte.Writable) !== 0) {
      mem[gpteOf(alone, page)] = gpte;
      break;
    }
    if (touch(alone, vcpu, table, 1) !== RetPf.WriteProtected) continue;
    mem[gpteOf(alone, page)] = gpte;
    run(kvmMmuTrackWrite(t, kvm, table, page & 3));
    break;
  }
  run(kvmMmuInvlpg(t, vcpu, page));
}

/** While pages are being invalidated, no vCPU reaches their frames by any address. */
function expectUnmapped(alone: Alone, start: number, end: number): void {
  const pages = Array.from({ length: end - start }, (_, index) => start + index);
  const frames = new Set(pages.map((page) => frameOf(entryOf(alone, page))));
  for (const vcpu of alone.kvm.vcpus) {
    const mapped = Array.from({ length: PAGES + 16 }, (_, page) =>
      translationOf(alone.mem, alone.kvm, vcpu, page),
    );
    expect(mapped.filter((spte) => isLeaf(spte) && frames.has(frameOf(spte)))).toEqual([]);
  }
}

function perform(alone: Alone, step: Action): void {
  const { kvm, t, first } = alone;
  switch (step.kind) {
    case 'touch':
      touch(alone, kvm.vcpus[step.vcpu] ?? kvm.vcpus[0], step.page, step.write);
      break;
    case 'remap':
      guestWrites(alone, kvm.vcpus[0], step.page, makeEntry(step.gfn, step.flags));
      break;
    case 'invalidate': {
      const end = Math.min(first + step.page + step.pages, first + PAGES + 16);
      run(kvmMmuNotifierInvalidateRangeStart(t, kvm, first + step.page, end, true));
      expectUnmapped(alone, step.page, end - first);
      run(kvmMmuNotifierInvalidateRangeEnd(t, kvm, first + step.page, end));
      break;
    }
    case 'zapAll':
      run(kvmMmuZapAllFast(t, kvm));
      for (const vcpu of kvm.vcpus) reload(alone, vcpu);
      break;
    case 'sync':
      run(mmuSyncRoots(t, kvm.vcpus[step.vcpu] ?? kvm.vcpus[0]));
      break;
  }
}

describe('whatever happens', () => {
  it('pages, chains and lists hold together, and what is mapped is what guest and host map', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), fc.boolean(), (actions, contended) => {
        const alone = pagingOn(2);
        const { kvm, mem, t, vcpu } = alone;
        setContended(alone, contended);
        for (const step of actions) {
          perform(alone, step);
          expect(shadowFaults(alone)).toEqual([]);
        }
        run(mmuSyncRoots(t, vcpu));
        for (let page = 0; page < PAGES; page++) {
          const spte = translationOf(mem, kvm, vcpu, page);
          const gpte = mem[gpteOf(alone, page)] ?? 0;
          if (!isLeaf(spte)) continue;
          expect(frameOf(spte)).toBe(frameOf(entryOf(alone, frameOf(gpte))));
          expect(gpte & Gpte.Present).toBe(Gpte.Present);
          const exceeds = (spte & Spte.Writable) !== 0 && (gpte & Gpte.Write) === 0;
          expect(exceeds).toBe(false);
        }
        expect(unaccounted(alone)).toEqual([]);
        expect([t.preemptCount, t.irqCount]).toEqual([0, 0]);
      }),
      { numRuns: 200 },
    );
  });
});
