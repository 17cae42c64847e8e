import { describe, expect, it } from 'vitest';
import { SlotFlag, type Memslot } from './kvm.js';
import { kvmSetMemslot, MemslotChange, srcuReadLock, srcuReadUnlock, synchronizeSrcu } from './memslots.js';
import type { Cell } from './operations.js';
import { isPresent } from './spte.js';
import type { Alone } from './testing/host-machine.js';
import { SequentialThread } from './testing/sequential-thread.js';
import { reload, run, shadowFaults, shadowOn, touch, translationOf } from './testing/shadow-machine.js';
import { Tracepoint } from './tracepoints.js';

function slotsOf({ kvm }: Alone): [Memslot, Memslot] {
  const [first, second] = kvm.slots;
  if (first === undefined || second === undefined) throw new Error('two slots');
  return [first, second];
}

/** A second thread of the same machine. */
function otherThread({ mem, t }: Alone): SequentialThread {
  return new SequentialThread(mem, 2, t.scratch + 32);
}

describe('srcu', () => {
  it('a grace period awaits readers of before, not those that come meanwhile', () => {
    const { kvm, t, mem } = shadowOn({ memslotsChange: true });
    const early = run(srcuReadLock(t, kvm));
    expect(early).toBe(0);
    const waits: Cell[] = [];
    t.onWait = (cell) => {
      waits.push(cell - kvm.srcu);
      // Somebody begins to read while the first still does; only the first ends.
      expect(run(srcuReadLock(t, kvm))).toBe(1);
      run(srcuReadUnlock(t, kvm, early));
    };
    run(synchronizeSrcu(t, kvm));
    expect(waits).toEqual([1]);
    expect([...mem.subarray(kvm.srcu, kvm.srcu + 3)]).toEqual([1, 0, 1]);
    // The next one waits for the second.
    t.onWait = (cell) => {
      waits.push(cell - kvm.srcu);
      run(srcuReadUnlock(t, kvm, 1));
    };
    run(synchronizeSrcu(t, kvm));
    expect(waits).toEqual([1, 2]);
  });

  it('awaits a reader that read the index before a flip and counts itself after it', () => {
    const { kvm, t, mem } = shadowOn({ memslotsChange: true });
    // It took index 0, and was away for a whole grace period: index 1 is current when it counts.
    run(synchronizeSrcu(t, kvm));
    mem[kvm.srcu + 1] = 1;
    const waits: Cell[] = [];
    t.onWait = (cell) => {
      waits.push(cell - kvm.srcu);
      mem[cell] = 0;
    };
    run(synchronizeSrcu(t, kvm));
    expect(waits).toEqual([1]);
  });

  it('costs nothing where memslots never change', () => {
    const { kvm, t, mem } = shadowOn({});
    let accesses = 0;
    t.onAccess = () => accesses++;
    run(srcuReadUnlock(t, kvm, run(srcuReadLock(t, kvm))));
    expect([accesses, mem[kvm.srcu + 1]]).toEqual([0, 0]);
  });
});

describe('kvmSetMemslot', () => {
  const config = { slots: [{ pages: 16 }, { pages: 16 }], memslotsChange: true, vcpus: 2 };

  it.each(['zap-after-srcu', 'zap-before-srcu'] as const)(
    'deletes: mark, grace period, zap (%s)',
    (memslotDelete) => {
      const alone = shadowOn({ ...config, change: { memslotDelete } });
      const { kvm, t, mem, vcpu } = alone;
      const [, slot] = slotsOf(alone);
      touch(alone, vcpu, 17);
      const reader = run(srcuReadLock(t, kvm));
      const steps: string[] = [];
      t.onWait = (cell) => {
        steps.push(`waits for ${cell - kvm.srcu} with flags ${mem[slot.flags]}`);
        steps.push(`zapped ${t.all(Tracepoint.kvmMmuZapAllFast).length}`);
        run(srcuReadUnlock(t, kvm, reader));
      };
      run(kvmSetMemslot(t, kvm, MemslotChange.Delete, slot, undefined, 0));
      expect(steps).toEqual([
        `waits for 1 with flags ${SlotFlag.Valid | SlotFlag.Invalid}`,
        memslotDelete === 'zap-after-srcu' ? 'zapped 0' : 'zapped 1',
      ]);
      expect(mem[slot.flags]).toBe(0);
      expect(mem[kvm.slotsLock.tail]).toBe(0);
      expect(mem[kvm.slotsGeneration]).toBe(2);
      for (const each of kvm.vcpus) reload(alone, each);
      expect(isPresent(translationOf(mem, kvm, vcpu, 17))).toBe(false);
      expect(shadowFaults(alone)).toEqual([]);
      expect([t.preemptCount, t.irqCount]).toEqual([0, 0]);
    },
  );

  it.each([
    ['all-fast', [1, 0]],
    ['slot-only', [0, 1]],
  ] as const)('memslotZap %s', (memslotZap, [zapsAll, leaves]) => {
    const alone = shadowOn({ ...config, change: { memslotZap } });
    const { kvm, t, mem, vcpu } = alone;
    const [, slot] = slotsOf(alone);
    touch(alone, vcpu, 1);
    touch(alone, vcpu, 17);
    run(kvmSetMemslot(t, kvm, MemslotChange.Delete, slot, undefined, 0));
    expect(t.all(Tracepoint.kvmMmuZapAllFast)).toHaveLength(zapsAll);
    for (const each of kvm.vcpus) reload(alone, each);
    expect(isPresent(translationOf(mem, kvm, vcpu, 17))).toBe(false);
    expect(isPresent(translationOf(mem, kvm, vcpu, 1))).toBe(leaves === 1);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('moves: the old slot goes and the new one comes in one swap; makes; changes flags', () => {
    const alone = shadowOn(config);
    const { kvm, t, mem } = alone;
    const [first, second] = slotsOf(alone);
    run(kvmSetMemslot(t, kvm, MemslotChange.Delete, second, undefined, 0));
    run(kvmSetMemslot(t, kvm, MemslotChange.Move, first, second, 0));
    expect([mem[first.flags], mem[second.flags]]).toEqual([0, SlotFlag.Valid]);
    run(kvmSetMemslot(t, kvm, MemslotChange.Create, first, undefined, 0));
    expect(mem[first.flags]).toBe(SlotFlag.Valid);
    run(kvmSetMemslot(t, kvm, MemslotChange.FlagsOnly, first, undefined, SlotFlag.LogDirty));
    expect(mem[first.flags]).toBe(SlotFlag.Valid | SlotFlag.LogDirty);
    // Two swaps for what goes away, one for the others.
    expect(mem[kvm.slotsGeneration]).toBe(6);
  });

  it.each([
    ['always', 2],
    ['not-awaited', 0],
  ] as const)('swaps only while no invalidation is active (activeCount %s)', (activeCount, waits) => {
    const alone = shadowOn({ ...config, change: { activeCount } });
    const { kvm, t, mem } = alone;
    const [, slot] = slotsOf(alone);
    mem[kvm.mnActiveInvalidateCount] = 1;
    const seen: (number | undefined)[] = [];
    t.onWait = (cell) => {
      expect(cell).toBe(kvm.mnActiveInvalidateCount);
      // The lock of the count is free while the update sleeps, or no invalidation could end.
      expect(mem[kvm.mnInvalidateLock.tail]).toBe(mem[kvm.mnInvalidateLock.head]);
      seen.push(mem[slot.flags]);
      mem[cell] = 0;
      // Another one begins before the update is awake.
      if (seen.length === 1)
        t.onAccess = (accessed) => {
          if (accessed !== kvm.mnInvalidateLock.tail) return;
          t.onAccess = undefined;
          mem[kvm.mnActiveInvalidateCount] = 1;
        };
    };
    run(kvmSetMemslot(t, kvm, MemslotChange.Delete, slot, undefined, 0));
    expect(seen).toEqual(Array.from({ length: waits }, () => SlotFlag.Valid));
  });

  it('one update at a time', () => {
    const alone = shadowOn(config);
    const { kvm, t, mem } = alone;
    const [first, second] = slotsOf(alone);
    mem[kvm.slotsLock.tail] = 1;
    const other = otherThread(alone);
    t.onWait = (cell) => {
      expect(cell).toBe(kvm.slotsLock.tail);
      mem[cell] = 0;
      run(kvmSetMemslot(other, kvm, MemslotChange.Delete, second, undefined, 0));
    };
    run(kvmSetMemslot(t, kvm, MemslotChange.Delete, first, undefined, 0));
    expect([mem[first.flags], mem[second.flags]]).toEqual([0, 0]);
  });
});
