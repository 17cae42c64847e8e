/**
 * fast_page_fault(): gives a write permission back without any lock, and does nothing else (fact sheet 1.6).
 */
import { describe, expect, it } from 'vitest';
import { SlotFlag } from './kvm.js';
import { RetPf } from './page-fault-struct.js';
import type { PolicyChange } from './policies.js';
import { frameOf, isLeaf, makeEntry, NONPRESENT_SPTE, Spte } from './spte.js';
import { shadowOn, touch, translationOf } from './testing/shadow-machine.js';
import { entryCellOf, faultOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { Tracepoint } from './tracepoints.js';

/** Gfn 2 is mapped, and was write-protected for dirty logging. */
function writeProtected(change: PolicyChange = {}, kernel = 'v7.3'): TdpMachine & { cell: number } {
  const geometry = { bits: 2, levels: 2 };
  const alone = tdpOn({ pages: 16, geometry, mapped: 4, change, kernel });
  const cell = entryCellOf(alone, 2);
  alone.mem[cell] &= ~(Spte.Writable | Spte.Dirty);
  return { ...alone, cell };
}

const locks = ({ t }: TdpMachine): number => t.all(Tracepoint.lockAcquired).length;
const refs = ({ t }: TdpMachine): number => t.all(Tracepoint.probeFaultRef).length;

describe('fast page fault', () => {
  it('a write to a write-protected page: fixed without lock, page lookup or sequence', () => {
    const alone = writeProtected();
    const { mem, cell, kvm, t } = alone;
    const before = mem[cell];
    const touched = new Set<number>();
    t.onAccess = (each) => touched.add(each);
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Fixed);
    expect(mem[cell]).toBe(before | Spte.Writable | Spte.Dirty);
    expect([locks(alone), refs(alone)]).toEqual([0, 0]);
    expect(touched.has(kvm.mmuInvalidateSeq)).toBe(false);
    expect(touched.has(kvm.mmuInvalidateInProgress)).toBe(false);
    expect(mem[kvm.rcuReaders]).toBe(0);
    expect(t.all(Tracepoint.fastPageFault)).toEqual([[0, 2, 7, before, mem[cell], RetPf.Fixed]]);
  });

  it('in the middle of an invalidation of the page, too, as long as it is mapped', () => {
    const alone = writeProtected();
    startOn(alone, 12, 13);
    alone.mem[alone.kvm.mmuInvalidateRangeStart] = 0;
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Fixed);
    startOn(alone, 2, 3);
    // Zapped: the slow path, which retries.
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Retry);
    expect(alone.mem[alone.cell]).toBe(NONPRESENT_SPTE);
  });

  it('somebody else was faster: spurious', () => {
    const alone = writeProtected();
    alone.mem[alone.cell] |= Spte.Writable;
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Spurious);
    expect(locks(alone)).toBe(0);
  });

  it('never the pfn: whatever the host maps by now, it writes the entry that it read', () => {
    const alone = writeProtected();
    const { mem, mm, cell } = alone;
    const frame = frameOf(mem[cell]);
    mem[mm.ptes + 2] = mem[mm.ptes + 9];
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Fixed);
    expect(frameOf(mem[cell])).toBe(frame);
  });

  it.each([
    ['not present', 1, 0],
    ['a read', 0, 1],
  ])('%s takes the slow path', (_, write, present) => {
    const alone = writeProtected();
    faultOn(alone, 2, write, present);
    expect(locks(alone)).toBe(1);
  });

  it('an entry that may not become writable takes the slow path', () => {
    const alone = writeProtected();
    alone.mem[alone.cell] &= ~Spte.MmuWritable;
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Fixed);
    expect(locks(alone)).toBe(1);
  });

  it('5.10 has none for the TDP MMU', () => {
    const alone = writeProtected({ fastPath: 'shadow-only' });
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Fixed);
    expect(locks(alone)).toBe(1);
  });

  it('a huge page under dirty logging is for the slow path, which splits it', () => {
    for (const [flag, taken] of [
      [0, 0],
      [SlotFlag.LogDirty, 1],
    ] as const) {
      const alone = tdpOn({ pages: 512, populated: { huge: true, nodeOf: () => 0 }, mapped: 1 });
      const cell = entryCellOf(alone, 0, 2);
      expect(isLeaf(alone.mem[cell])).toBe(true);
      alone.mem[cell] &= ~(Spte.Writable | Spte.Dirty);
      alone.mem[alone.kvm.slots[0].flags] |= flag;
      expect(faultOn(alone, 7, 1, 1)).toBe(RetPf.Fixed);
      expect(locks(alone)).toBe(taken);
      expect(isLeaf(alone.mem[cell])).toBe(taken === 0);
    }
  });
});

describe('against a zap between its read and its exchange', () => {
  /** The entry is gone at the second access to it in the last walk step: the exchange. */
  function zappedAtExchange(change: PolicyChange): TdpMachine & { cell: number } {
    const alone = writeProtected(change);
    let reads = 0;
    alone.t.onAccess = (cell) => {
      // lastSptep() reads it, the loop reads it again, and then it is exchanged.
      if (cell !== alone.cell || ++reads !== 3) return;
      alone.t.onAccess = undefined;
      startOn(alone, 2, 3, alone.others[0]);
    };
    return alone;
  }

  it('the exchange fails, and the fault retries', () => {
    const alone = zappedAtExchange({});
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Retry);
    expect(alone.mem[alone.cell]).toBe(NONPRESENT_SPTE);
    expect(alone.t.all(Tracepoint.fastPageFault)).toEqual([]);
  });

  it('a plain store (a mutant) brings the zapped page back', () => {
    const alone = zappedAtExchange({ fastPath: 'plain-store' });
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Fixed);
    expect(isLeaf(alone.mem[alone.cell])).toBe(true);
  });

  it('an entry that changes each time: five tries, then the slow path', () => {
    const alone = writeProtected();
    const { mem, cell, t } = alone;
    let reads = 0;
    t.onAccess = (touched) => {
      if (touched !== cell || locks(alone) > 0) return;
      reads++;
      // The processor sets and clears the accessed bit before each exchange.
      if (reads % 3 === 0) mem[cell] ^= Spte.Accessed;
    };
    expect(faultOn(alone, 2, 1, 1)).toBe(RetPf.Fixed);
    expect(reads).toBe(5 * 3);
    expect(locks(alone)).toBe(1);
  });
});

describe('the shadow MMU has it too', () => {
  it('fixed without mmu_lock, between the two ends of a lockless walk', () => {
    const alone = shadowOn({});
    const { mem, kvm, t, vcpu } = alone;
    touch(alone, vcpu, 3);
    const spte = translationOf(mem, kvm, vcpu, 3);
    expect(isLeaf(spte)).toBe(true);
    const cell = mem.lastIndexOf(spte);
    mem[cell] = makeEntry(frameOf(spte), spte & 0xff & ~(Spte.Writable | Spte.Dirty));
    const before = t.all(Tracepoint.lockAcquired).length;
    expect(touch(alone, vcpu, 3)).toBe(RetPf.Fixed);
    expect(t.all(Tracepoint.lockAcquired)).toHaveLength(before);
    expect(translationOf(mem, kvm, vcpu, 3)).toBe(spte | Spte.Writable | Spte.Dirty);
    expect([t.irqCount, mem[vcpu.mode]]).toEqual([0, 0]);
  });
});
