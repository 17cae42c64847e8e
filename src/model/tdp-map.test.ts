/**
 * kvm_tdp_mmu_map(): a fault against entries that others change under the same shared lock, huge pages and
 * their splits, and what the new entry allows.
 */
import { describe, expect, it } from 'vitest';
import { SlotFlag, type Memslot } from './kvm.js';
import { RetPf } from './page-fault-struct.js';
import type { PolicyChange } from './policies.js';
import {
  FROZEN_SPTE,
  frameOf,
  isLeaf,
  isPresent,
  isTable,
  makeEntry,
  NONPRESENT_SPTE,
  Spte,
} from './spte.js';
import { entryOf, unaccounted } from './testing/host-machine.js';
import { entryCellOf, faultOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Detection, Tracepoint } from './tracepoints.js';

/** Three levels of two bits: 64 gfns. */
function small(change: PolicyChange = {}, mapped = 0): TdpMachine {
  return tdpOn({ pages: 64, geometry: { bits: 2, levels: 3 }, mapped, change });
}

/** The real geometry, with a host that has huge pages. */
function huge(change: PolicyChange = {}): TdpMachine {
  return tdpOn({ pages: 1024, populated: { huge: true, nodeOf: () => 0 }, change });
}

function reasons({ t }: TdpMachine): number[] {
  return t.all(Tracepoint.faultRetry).map(([, , , reason]) => reason);
}

/** Frame of the host's page of a gfn. */
function pfnOf(alone: TdpMachine, gfn: number): number {
  return frameOf(entryOf(alone, gfn));
}

/** Another CPU writes an entry between the fault's read of it and its exchange. */
function atExchange({ t, mem }: TdpMachine, cell: number, value: number): void {
  let reads = 0;
  t.onAccess = (touched) => {
    if (touched !== cell) return;
    // The first access reads; the next but one at the latest is the exchange.
    if (++reads !== 2) return;
    t.onAccess = undefined;
    mem[cell] = value;
  };
}

describe('an empty tree', () => {
  it('gets a table for each level below the root, and one leaf', () => {
    const alone = small();
    const { mem, kvm, t } = alone;
    const before = mem[kvm.tables.used];
    expect(faultOn(alone, 37)).toBe(RetPf.Fixed);
    expect(mem[kvm.tables.used]).toBe(before + 2);
    expect(t.all(Tracepoint.probeTableLinked).map(([, gfn]) => gfn)).toEqual([32, 36]);
    expect(t.all(Tracepoint.kvmMmuSetSpte).map(([gfn, , , level]) => [gfn, level])).toEqual([[37, 1]]);
    expect(frameOf(mem[entryCellOf(alone, 37)])).toBe(frameOf(mem[alone.mm.ptes + 37]));
    // Its neighbour needs none.
    expect(faultOn(alone, 38)).toBe(RetPf.Fixed);
    expect(mem[kvm.tables.used]).toBe(before + 2);
  });

  it('without a table left the guest has to try again, and nothing is lost', () => {
    const alone = small();
    const { mem, kvm } = alone;
    const free = mem[kvm.tables.free];
    mem[kvm.tables.free] = 0;
    expect(faultOn(alone, 37)).toBe(RetPf.Retry);
    expect(unaccounted(alone)).toEqual([]);
    mem[kvm.tables.free] = free;
    expect(faultOn(alone, 37)).toBe(RetPf.Fixed);
  });
});

describe('entries that others change', () => {
  it.each([1, 2, 3])('frozen at level %d: retry, and untouched', (level) => {
    const alone = small({}, 8);
    const cell = entryCellOf(alone, 5, level);
    const was = alone.mem[cell];
    alone.mem[cell] = FROZEN_SPTE;
    expect(faultOn(alone, 5)).toBe(RetPf.Retry);
    expect(reasons(alone)).toEqual([Detection.Frozen]);
    expect(alone.mem[cell]).toBe(FROZEN_SPTE);
    expect(unaccounted(alone)).toEqual([]);
    // When it thaws as it was, the fault finds its page mapped.
    alone.mem[cell] = was;
    expect(faultOn(alone, 5)).toBe(RetPf.Spurious);
  });

  it('a mutant writes over it', () => {
    const alone = small({ frozenSpte: 'ignore' }, 8);
    alone.mem[entryCellOf(alone, 5)] = FROZEN_SPTE;
    expect(faultOn(alone, 5)).toBe(RetPf.Fixed);
  });

  it('the leaf changed under its hands: the exchange fails, retry', () => {
    for (const theirs of [FROZEN_SPTE, makeEntry(3, Spte.Present | Spte.Leaf)]) {
      const alone = small({}, 4);
      const cell = entryCellOf(alone, 2);
      alone.mem[cell] = NONPRESENT_SPTE;
      atExchange(alone, cell, theirs);
      expect(faultOn(alone, 2)).toBe(RetPf.Retry);
      expect(reasons(alone)).toEqual([Detection.LostRace]);
      expect(alone.mem[cell]).toBe(theirs);
      expect(unaccounted(alone)).toEqual([]);
    }
  });

  it('a plain store (a mutant) overwrites what the other did', () => {
    const alone = small({ faultSpteWrite: 'store' }, 4);
    const cell = entryCellOf(alone, 2);
    alone.mem[cell] = NONPRESENT_SPTE;
    atExchange(alone, cell, FROZEN_SPTE);
    expect(faultOn(alone, 2)).toBe(RetPf.Fixed);
    expect(isLeaf(alone.mem[cell])).toBe(true);
  });

  it('another fault linked a table first: ours goes back, retry', () => {
    const alone = small({}, 4);
    const { mem, kvm } = alone;
    const used = mem[kvm.tables.used];
    const cell = entryCellOf(alone, 4, 2);
    // Any table will do: that of gfns 0 to 3.
    atExchange(alone, cell, mem[entryCellOf(alone, 0, 2)]);
    expect(faultOn(alone, 4)).toBe(RetPf.Retry);
    expect(reasons(alone)).toEqual([Detection.LostRace]);
    expect(mem[kvm.tables.used]).toBe(used);
    expect(mem[kvm.rcuReaders]).toBe(0);
  });
});

describe('spurious', () => {
  it('6.12 and newer look whether the entry allows it; before, an equal entry is needed', () => {
    const newer = small({}, 4);
    const cell = entryCellOf(newer, 2);
    // A guest that only read it: not dirty, but writable.
    newer.mem[cell] &= ~Spte.Dirty;
    expect(faultOn(newer, 2)).toBe(RetPf.Spurious);
    const older = small({ spurious: 'none' }, 4);
    expect(faultOn(older, 2)).toBe(RetPf.Spurious);
    older.mem[entryCellOf(older, 2)] &= ~Spte.Dirty;
    expect(faultOn(older, 2)).toBe(RetPf.Fixed);
  });

  it('a write to a page that is mapped for reading is none', () => {
    const alone = small({}, 4);
    const cell = entryCellOf(alone, 2);
    alone.mem[cell] &= ~(Spte.Writable | Spte.MmuWritable | Spte.Dirty);
    expect(faultOn(alone, 2, 0)).toBe(RetPf.Spurious);
    expect(faultOn(alone, 2, 1)).toBe(RetPf.Fixed);
    expect(alone.mem[cell] & Spte.Writable).toBe(Spte.Writable);
  });
});

describe('dirty logging', () => {
  it('a read is mapped write-protected, but MMU-writable; a write writable', () => {
    const alone = small();
    alone.mem[alone.kvm.slots[0].flags] |= SlotFlag.LogDirty;
    expect(faultOn(alone, 2, 0)).toBe(RetPf.Fixed);
    expect(alone.mem[entryCellOf(alone, 2)] & (Spte.Writable | Spte.MmuWritable | Spte.Dirty)).toBe(
      Spte.MmuWritable,
    );
    expect(faultOn(alone, 3, 1)).toBe(RetPf.Fixed);
    expect(alone.mem[entryCellOf(alone, 3)] & (Spte.Writable | Spte.Dirty)).toBe(Spte.Writable | Spte.Dirty);
  });
});

describe('huge pages', () => {
  it('where host, guest and memslot allow it, one entry of level 2 maps 512 gfns', () => {
    const alone = huge();
    expect(faultOn(alone, 700)).toBe(RetPf.Fixed);
    const spte = alone.mem[entryCellOf(alone, 700, 2)];
    expect(isLeaf(spte)).toBe(true);
    expect(spte & Spte.Huge).toBe(Spte.Huge);
    // Frame and gfn are aligned alike; the entry has the first frame of the huge page.
    expect(frameOf(spte) % 512).toBe(0);
    expect(frameOf(spte)).toBe(pfnOf(alone, 512));
    expect(faultOn(alone, 701)).toBe(RetPf.Spurious);
  });

  it('not in a memslot that does not cover it, nor under dirty logging, nor where the host has none', () => {
    const short = tdpOn({ slots: [{ pages: 900 }], populated: { huge: true, nodeOf: () => 0 } });
    expect(faultOn(short, 100)).toBe(RetPf.Fixed);
    expect(isLeaf(short.mem[entryCellOf(short, 100, 2)])).toBe(true);
    // Gfns 512 to 899 are no whole huge page.
    expect(faultOn(short, 600)).toBe(RetPf.Fixed);
    expect(isTable(short.mem[entryCellOf(short, 600, 2)])).toBe(true);
    const logs = huge();
    logs.mem[logs.kvm.slots[0].flags] |= SlotFlag.LogDirty;
    faultOn(logs, 100);
    expect(isTable(logs.mem[entryCellOf(logs, 100, 2)])).toBe(true);
    const pages = tdpOn({ pages: 1024 });
    faultOn(pages, 100);
    expect(isTable(pages.mem[entryCellOf(pages, 100, 2)])).toBe(true);
  });

  it.each([
    [100, 924, 200],
    [0, 1023, 700],
    [0, 511, 200],
  ])('a memslot of gfns from %d on, %d of them: small pages at its edges, gfn %d', (baseGfn, pages, gfn) => {
    const alone = huge();
    const slots: Memslot[] = [...alone.kvm.slots];
    slots[0] = { ...slots[0], baseGfn, pages, userspacePage: slots[0].userspacePage + baseGfn };
    Object.assign(alone.kvm, { slots });
    expect(faultOn(alone, gfn)).toBe(RetPf.Fixed);
    expect(isTable(alone.mem[entryCellOf(alone, gfn, 2)])).toBe(true);
    expect(frameOf(alone.mem[entryCellOf(alone, gfn)])).toBe(pfnOf(alone, gfn));
  });

  it('one that replaces a table: what the table mapped is flushed, and the table freed', () => {
    const alone = huge();
    const { mem, kvm, t } = alone;
    mem[kvm.slots[0].flags] |= SlotFlag.LogDirty;
    for (const gfn of [3, 4, 5]) faultOn(alone, gfn);
    mem[kvm.slots[0].flags] &= ~SlotFlag.LogDirty;
    const used = mem[kvm.tables.used];
    expect(faultOn(alone, 6)).toBe(RetPf.Fixed);
    expect(isLeaf(mem[entryCellOf(alone, 6, 2)])).toBe(true);
    expect(mem[kvm.tables.used]).toBe(used - 1);
    expect(t.all(Tracepoint.probeSpteZapped).map(([, gfn]) => gfn)).toEqual([3, 4, 5]);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(1);
  });
});

describe('a huge page must make way for a small one', () => {
  /** Gfns 0 to 511 are mapped by one entry, when dirty logging begins. */
  function logging(change: PolicyChange = {}): TdpMachine {
    const alone = huge(change);
    faultOn(alone, 0);
    alone.mem[alone.kvm.slots[0].flags] |= SlotFlag.LogDirty;
    alone.t.emitted.length = 0;
    // What write-protecting the slot did: the huge page is mapped for reading.
    alone.mem[entryCellOf(alone, 0, 2)] &= ~(Spte.Writable | Spte.Dirty);
    return alone;
  }

  it('6.2 and newer: a table that maps the same takes its place in one exchange, without a flush', () => {
    const alone = logging();
    const { mem, t } = alone;
    expect(faultOn(alone, 7)).toBe(RetPf.Fixed);
    expect(isTable(mem[entryCellOf(alone, 0, 2)])).toBe(true);
    for (const gfn of [0, 6, 8, 511]) {
      const spte = mem[entryCellOf(alone, gfn)];
      expect(isLeaf(spte)).toBe(true);
      expect(spte & (Spte.Huge | Spte.Writable)).toBe(0);
      expect(frameOf(spte)).toBe(pfnOf(alone, gfn));
    }
    expect(mem[entryCellOf(alone, 7)] & Spte.Writable).toBe(Spte.Writable);
    expect(t.all(Tracepoint.remoteFlush)).toEqual([]);
    expect(t.all(Tracepoint.kvmMmuSplitHugePage)).toHaveLength(1);
  });

  it('6.1: frozen, flushed, gone, and then an empty table', () => {
    const alone = logging({ hugeSplit: 'zap-first' });
    const { mem, t, vcpu } = alone;
    const cell = entryCellOf(alone, 0, 2);
    const during: number[] = [];
    t.onAccess = (touched) => {
      if (touched === vcpu.requests) during.push(mem[cell]);
    };
    expect(faultOn(alone, 7)).toBe(RetPf.Fixed);
    // While the flush goes on nobody may use the entry.
    expect(during).toEqual([FROZEN_SPTE]);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(1);
    expect(isTable(mem[cell])).toBe(true);
    const mapped = Array.from({ length: 512 }, (_, gfn) => isPresent(mem[entryCellOf(alone, gfn)]));
    expect(mapped.filter(Boolean)).toHaveLength(1);
    expect(mapped[7]).toBe(true);
  });

  it('unfreeze before-flush (a mutant): the entry is free while TLBs may hold the huge page', () => {
    const alone = logging({ hugeSplit: 'zap-first', unfreeze: 'before-flush' });
    const cell = entryCellOf(alone, 0, 2);
    const during: number[] = [];
    alone.t.onAccess = (touched) => {
      if (touched === alone.vcpu.requests) during.push(alone.mem[cell]);
    };
    faultOn(alone, 7);
    expect(during).toEqual([NONPRESENT_SPTE]);
  });

  it('zapped meanwhile: the exchange fails, the table goes back, retry', () => {
    for (const hugeSplit of ['prefilled-table', 'zap-first'] as const) {
      const alone = logging({ hugeSplit });
      const { mem, kvm } = alone;
      const used = mem[kvm.tables.used];
      const cell = entryCellOf(alone, 0, 2);
      atExchange(alone, cell, NONPRESENT_SPTE);
      expect(faultOn(alone, 7)).toBe(RetPf.Retry);
      expect(reasons(alone)).toEqual([Detection.LostRace]);
      expect(mem[cell]).toBe(NONPRESENT_SPTE);
      expect(mem[kvm.tables.used]).toBe(used);
      expect(unaccounted(alone)).toEqual([]);
    }
  });
});
