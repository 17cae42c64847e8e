import { describe, expect, it } from 'vitest';
import { Cost } from '../costs.js';
import { faultOf, Pfn, RetPf } from '../page-fault-struct.js';
import { frameOf, makeEntry, Pte } from '../spte.js';
import { aloneOn, entryOf, invalidations, unaccounted, type Alone } from '../testing/host-machine.js';
import { finish } from '../testing/sequential-thread.js';
import { Tracepoint } from '../tracepoints.js';
import { FolioFlag, HPAGE_PMD_NR, nodeOfPfn } from './folios.js';
import { hostPfnMappingLevel, hvaToPfn } from './gup.js';

const populated = { huge: false, nodeOf: () => 0 };

/** Asks for a page as vCPU 0 does; returns the fault, its fields copied. */
function ask(alone: Alone, page: number, write: 0 | 1): { result: RetPf; pfn: number; mapWritable: number } {
  const vcpu = alone.kvm.vcpus[0];
  const fault = faultOf(alone.t, vcpu);
  fault.hva = alone.first + page;
  fault.write = write;
  fault.holdsRef = 0;
  const result = finish(hvaToPfn(alone.t, vcpu));
  return { result, pfn: fault.pfn, mapWritable: fault.mapWritable };
}

/** Changes the entry of a page in place. */
function setFlags({ mm, mem }: Alone, page: number, on: number, off: number): void {
  mem[mm.ptes + page] = ((mem[mm.ptes + page] ?? 0) | on) & ~off;
}

/** The references of faults that were not dropped, as unaccounted() wants them. */
function heldByFaults({ t }: Alone): Map<number, number> {
  const held = new Map<number, number>();
  for (const [pfn = 0, change = 0] of t.all(Tracepoint.probeFaultRef)) {
    held.set(pfn, (held.get(pfn) ?? 0) + change);
  }
  return held;
}

describe('hvaToPfn', () => {
  it('a writable page takes the fast path, for a read as for a write', () => {
    const alone = aloneOn({ pages: 8, populated });
    for (const write of [0, 1] as const) {
      const pfn = frameOf(entryOf(alone, 3));
      expect(ask(alone, 3, write)).toEqual({ result: RetPf.Continue, pfn, mapWritable: 1 });
    }
    expect(alone.t.spent.has(Cost.gupSlow)).toBe(false);
    expect(invalidations(alone)).toEqual([]);
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
    expect(alone.mem[alone.mm.refcounts + frameOf(entryOf(alone, 3))]).toBe(3);
  });

  it('a page that was never touched is allocated on the node of the thread', () => {
    const alone = aloneOn({ pages: 8, nodes: 2, vcpus: 2 });
    alone.t.currentCpu = 1;
    const { pfn } = ask(alone, 5, 0);
    expect(nodeOfPfn(alone.t, alone.mm, pfn)).toBe(1);
    expect(entryOf(alone, 5)).toBe(makeEntry(pfn, Pte.Present | Pte.Write | Pte.Accessed | Pte.Dirty));
    expect(alone.t.spent.get(Cost.anonFault4K)).toBe(1);
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
  });

  it('with THP it is 2 MiB, if all of them lie in the process and such a folio is free', () => {
    const alone = aloneOn({ pages: 1024 + 100, thp: true, pfns: 2 * HPAGE_PMD_NR + 300 });
    const { pfn } = ask(alone, 700, 1);
    expect(pfn % HPAGE_PMD_NR).toBe(700 % HPAGE_PMD_NR);
    expect(finish(hostPfnMappingLevel(alone.t, alone.mm, alone.first + 600))).toBe(2);
    // Frame 0 breaks the first block, and the tail of the frames is none: there was one.
    ask(alone, 3, 1);
    expect(finish(hostPfnMappingLevel(alone.t, alone.mm, alone.first + 3))).toBe(1);
    ask(alone, 1100, 1);
    expect(finish(hostPfnMappingLevel(alone.t, alone.mm, alone.first + 1100))).toBe(1);
    expect(alone.t.spent.get(Cost.anonFault2M)).toBe(1);
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
  });

  it('a read-only page with one owner becomes writable without a copy', () => {
    const alone = aloneOn({ pages: 8, populated });
    setFlags(alone, 2, 0, Pte.Write);
    const before = frameOf(entryOf(alone, 2));
    expect(ask(alone, 2, 1)).toEqual({ result: RetPf.Continue, pfn: before, mapWritable: 1 });
    expect(entryOf(alone, 2) & Pte.Write).toBe(Pte.Write);
    expect(invalidations(alone)).toEqual([]);
  });

  it('a read of a read-only page maps it read-only, and does not make it writable', () => {
    const alone = aloneOn({ pages: 8, populated });
    setFlags(alone, 2, 0, Pte.Write);
    expect(ask(alone, 2, 0)).toMatchObject({ pfn: frameOf(entryOf(alone, 2)), mapWritable: 0 });
    expect(alone.t.spent.get(Cost.gupSlow)).toBe(1);
    expect(entryOf(alone, 2) & Pte.Write).toBe(0);
  });

  it('a write to a page with another owner copies it, inside an invalidation of one page', () => {
    const alone = aloneOn({ pages: 8, populated });
    const old = frameOf(entryOf(alone, 2));
    setFlags(alone, 2, 0, Pte.Write);
    alone.mem[alone.mm.refcounts + old] += 1;
    const { pfn, mapWritable } = ask(alone, 2, 1);
    expect(pfn).not.toBe(old);
    expect(mapWritable).toBe(1);
    expect(invalidations(alone)).toEqual([[2, 3]]);
    expect(alone.t.spent.get(Cost.copyPage)).toBe(1);
    expect(unaccounted(alone, new Map([...heldByFaults(alone), [old, 1]]))).toEqual([]);
  });

  it('a page of KSM is copied even when this mapping is its last', () => {
    const alone = aloneOn({ pages: 8, populated });
    const old = frameOf(entryOf(alone, 2));
    setFlags(alone, 2, Pte.Ksm, Pte.Write);
    alone.mem[alone.mm.pfnFlags + old] |= FolioFlag.Ksm;
    expect(ask(alone, 2, 1).pfn).not.toBe(old);
    expect(invalidations(alone)).toEqual([[2, 3]]);
    expect(alone.t.all(Tracepoint.probePageFreed)).toEqual([[old]]);
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
  });

  it('a write to a huge page with another owner maps it page by page, then copies one', () => {
    const alone = aloneOn({ pages: 1024, populated: { huge: true, nodeOf: () => 0 } });
    const head = frameOf(entryOf(alone, 512));
    alone.mem[alone.mm.pmds + 1] &= ~Pte.Write;
    alone.mem[alone.mm.refcounts + head] += 1;
    const { pfn } = ask(alone, 520, 1);
    expect(invalidations(alone)).toEqual([
      [512, 1024],
      [520, 521],
    ]);
    expect(pfn >>> 9).not.toBe(head >>> 9);
    expect(finish(hostPfnMappingLevel(alone.t, alone.mm, alone.first + 513))).toBe(1);
    expect(frameOf(entryOf(alone, 521))).toBe(head + 9);
    expect(unaccounted(alone, new Map([...heldByFaults(alone), [head, 1]]))).toEqual([]);
  });

  it('without memory it says so', () => {
    const alone = aloneOn({ pages: 4, pfns: 3 });
    ask(alone, 0, 1);
    ask(alone, 1, 1);
    expect(ask(alone, 2, 1)).toMatchObject({ result: RetPf.Invalid, pfn: Pfn.Error });
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
  });
});

describe('what happens in between', () => {
  it('fast: a page that goes away after its reference was taken is given back', () => {
    const alone = aloneOn({ pages: 8, populated });
    const { mm, mem, t } = alone;
    const old = frameOf(entryOf(alone, 1));
    // Another CPU zaps the page just before the second look.
    let seen = 0;
    t.onAccess = (cell) => {
      if (cell === mm.ptes + 1 && ++seen === 2) mem[cell] = 0;
    };
    const { pfn } = ask(alone, 1, 1);
    t.onAccess = undefined;
    // The mapping's reference is the zapper's; nobody dropped it here.
    expect(mem[mm.refcounts + old]).toBe(1);
    expect(pfn).not.toBe(old);
    expect(t.spent.get(Cost.gupSlow)).toBe(1);
  });

  it('slow: a migration entry is awaited, asleep and with mmap_lock', () => {
    const alone = aloneOn({ pages: 8, populated });
    const { mm, mem, t } = alone;
    const entry = entryOf(alone, 4);
    mem[mm.ptes + 4] = makeEntry(frameOf(entry), Pte.Migration | Pte.Write);
    let waited = 0;
    t.onWait = (cell) => {
      expect(cell).toBe(mm.ptes + 4);
      expect(mem[mm.mmapLock]).not.toBe(0);
      waited++;
      mem[cell] = entry;
    };
    expect(ask(alone, 4, 1)).toMatchObject({ pfn: frameOf(entry), mapWritable: 1 });
    expect(waited).toBe(1);
  });

  it('slow: a writer of mmap_lock is awaited', () => {
    const alone = aloneOn({ pages: 8 });
    const { mm, mem, t } = alone;
    mem[mm.mmapLock] = 1;
    t.onWait = (cell) => {
      expect(cell).toBe(mm.mmapLock);
      mem[cell] = 0;
    };
    expect(ask(alone, 4, 1).result).toBe(RetPf.Continue);
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
  });
});

describe('NUMA hinting faults', () => {
  function marked(migratesMisplaced: boolean, huge = false): Alone {
    const alone = aloneOn({
      pages: 1024,
      pfns: 8 * HPAGE_PMD_NR,
      nodes: 2,
      vcpus: 2,
      migratesMisplaced,
      populated: { huge, nodeOf: () => 0 },
    });
    if (huge) alone.mem[alone.mm.pmds + 1] |= Pte.ProtNone;
    else setFlags(alone, 700, Pte.ProtNone, 0);
    alone.t.currentCpu = 1;
    return alone;
  }

  it('make the page accessible again where it is', () => {
    const alone = marked(false);
    const before = frameOf(entryOf(alone, 700));
    expect(ask(alone, 700, 0)).toMatchObject({ pfn: before, mapWritable: 1 });
    expect(entryOf(alone, 700) & Pte.ProtNone).toBe(0);
    expect(invalidations(alone)).toEqual([]);
    expect(alone.t.spent.get(Cost.numaHintFault)).toBe(1);
  });

  it('move a page that is used from another node, inside an invalidation of that page by this thread', () => {
    const alone = marked(true);
    const before = frameOf(entryOf(alone, 700));
    const { pfn } = ask(alone, 700, 0);
    expect(nodeOfPfn(alone.t, alone.mm, pfn)).toBe(1);
    expect(invalidations(alone)).toEqual([[700, 701]]);
    expect(alone.t.all(Tracepoint.probePageFreed)).toEqual([[before]]);
    expect(alone.t.all(Tracepoint.mmMigratePages)).toEqual([[1, 0, 0, 5]]);
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
  });

  it('move a huge page as a whole', () => {
    const alone = marked(true, true);
    const { pfn } = ask(alone, 700, 1);
    expect(nodeOfPfn(alone.t, alone.mm, pfn)).toBe(1);
    expect(pfn % HPAGE_PMD_NR).toBe(700 - 512);
    expect(invalidations(alone)).toEqual([[512, 1024]]);
    expect(alone.t.spent.get(Cost.copyPage)).toBe(512);
    expect(alone.t.all(Tracepoint.probePageFreed)).toHaveLength(512);
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
  });

  it('leave a page alone that two nodes use in turn', () => {
    const alone = marked(true);
    alone.t.currentCpu = 0;
    ask(alone, 700, 0);
    setFlags(alone, 700, Pte.ProtNone, 0);
    alone.t.currentCpu = 1;
    // The fault before came from node 0: this one only leaves its mark.
    ask(alone, 700, 0);
    expect(invalidations(alone)).toEqual([]);
    setFlags(alone, 700, Pte.ProtNone, 0);
    // The reference that the fault before holds keeps the page where it is; the attempt is an invalidation
    // all the same.
    const { pfn } = ask(alone, 700, 0);
    expect(nodeOfPfn(alone.t, alone.mm, pfn)).toBe(0);
    expect(invalidations(alone)).toEqual([[700, 701]]);
    expect(alone.t.all(Tracepoint.mmMigratePages)).toEqual([[0, 1, 0, 5]]);
    expect(unaccounted(alone, heldByFaults(alone))).toEqual([]);
  });

  it('leave it where it is when the node is full', () => {
    const alone = marked(true);
    const { mm, mem } = alone;
    mem.fill(0, mm.freeHeads + 4, mm.freeHeads + 8);
    const before = frameOf(entryOf(alone, 700));
    expect(ask(alone, 700, 0).pfn).toBe(before);
    expect(entryOf(alone, 700) & Pte.ProtNone).toBe(0);
  });
});
