import { describe, expect, it } from 'vitest';
import { kvmMmuNotifierClearFlushYoung, kvmMmuNotifierClearYoung, kvmMmuNotifierTestYoung } from './aging.js';
import { resolvePolicy } from './resolve-policy.js';
import { isPresent, Spte } from './spte.js';
import { aloneOn, type Alone } from './testing/host-machine.js';
import { run, shadowFaults, shadowOn, touch, translationOf } from './testing/shadow-machine.js';
import { kvmTdpMmuAllocRoot } from './tdp-roots.js';
import { Tracepoint } from './tracepoints.js';
import type { Vcpu } from './kvm.js';

type Young = Alone & { vcpu: Vcpu };

/** Both MMUs, with pages 4 to 7 of 32 mapped and page 5 used. */
const machines: Record<string, (change: Record<string, string>) => Young> = {
  tdp: (change) => {
    const policy = resolvePolicy('v7.3', change);
    const alone = aloneOn({
      pages: 32,
      policy,
      geometry: { bits: 2, levels: 3 },
      populated: { huge: false, nodeOf: () => 0 },
    });
    const [vcpu] = alone.kvm.vcpus;
    if (vcpu === undefined) throw new Error('no vCPU');
    run(kvmTdpMmuAllocRoot(alone.t, vcpu));
    const young = { ...alone, vcpu };
    touch(young, vcpu, 5);
    return young;
  },
  shadow: (change) => {
    const young = shadowOn({ change });
    touch(young, young.vcpu, 5);
    return young;
  },
};

const isYoung = ({ mem, kvm, vcpu }: Young, gfn: number): boolean =>
  (translationOf(mem, kvm, vcpu, gfn) & Spte.Accessed) !== 0;

describe.each(Object.keys(machines))('%s', (name) => {
  const build = (change: Record<string, string> = {}): Young => {
    const machine = machines[name];
    if (machine === undefined) throw new Error('no such MMU');
    return machine(change);
  };

  it.each(['lockless', 'write'])('finds a page young, once; test_young changes nothing (%s)', (agingLock) => {
    const alone = build({ agingLock });
    const { t, kvm, first } = alone;
    const locks = t.all(Tracepoint.lockAcquired).length;
    expect(run(kvmMmuNotifierTestYoung(t, kvm, first + 5))).toBe(true);
    expect(isYoung(alone, 5)).toBe(true);
    expect(run(kvmMmuNotifierClearYoung(t, kvm, first, first + 32))).toBe(true);
    expect(isPresent(translationOf(alone.mem, kvm, alone.vcpu, 5))).toBe(true);
    expect(isYoung(alone, 5)).toBe(false);
    expect(run(kvmMmuNotifierTestYoung(t, kvm, first + 5))).toBe(false);
    expect(run(kvmMmuNotifierClearYoung(t, kvm, first, first + 32))).toBe(false);
    expect(t.all(Tracepoint.lockAcquired).length - locks).toBe(agingLock === 'write' ? 4 : 0);
    expect(t.all(Tracepoint.remoteFlush)).toEqual([]);
    expect(t.all(Tracepoint.kvmTestAgeHva)).toEqual([[first + 5], [first + 5]]);
    expect([t.preemptCount, t.irqCount]).toEqual([0, 0]);
    expect(t.mem[kvm.mmuInvalidateSeq]).toBe(0);
  });

  it('ages its range alone', () => {
    const alone = build();
    const { t, kvm, first } = alone;
    expect(run(kvmMmuNotifierClearYoung(t, kvm, first, first + 5))).toBe(false);
    expect(run(kvmMmuNotifierClearYoung(t, kvm, first + 6, first + 32))).toBe(false);
    expect(isYoung(alone, 5)).toBe(true);
    // Host pages that no memslot has.
    expect(run(kvmMmuNotifierClearYoung(t, kvm, first + 32, first + 64))).toBe(false);
  });

  it.each([
    ['if-young', 1],
    ['never', 0],
  ] as const)('clear_flush_young flushes %s, under the lock', (agingFlush, flushes) => {
    const { t, kvm, first } = build({ agingLock: 'write', agingFlush });
    run(kvmMmuNotifierClearFlushYoung(t, kvm, first, first + 4));
    expect(t.all(Tracepoint.remoteFlush)).toEqual([]);
    expect(run(kvmMmuNotifierClearFlushYoung(t, kvm, first, first + 32))).toBe(true);
    expect(t.all(Tracepoint.remoteFlush)).toHaveLength(flushes);
    const order = t.emitted.map(([point]) => point);
    expect(order.lastIndexOf(Tracepoint.remoteFlush)).toBeLessThan(
      order.lastIndexOf(Tracepoint.lockReleased),
    );
  });

  it.each([
    ['cmpxchg', false],
    ['store', true],
  ] as const)('an entry that is zapped meanwhile: %s', (agingWrite, resurrects) => {
    const alone = build({ agingLock: 'lockless', agingWrite });
    const { t, kvm, mem, vcpu, first } = alone;
    // Zapped by another CPU between the read and the write.
    let reads = 0;
    const sptep = cellOf(alone, 5);
    t.onAccess = (cell) => {
      if (cell === sptep && ++reads === 2) mem[sptep] = 0;
    };
    expect(run(kvmMmuNotifierClearYoung(t, kvm, first + 5, first + 6))).toBe(true);
    t.onAccess = undefined;
    expect(isPresent(translationOf(mem, kvm, vcpu, 5))).toBe(resurrects);
  });
});

/** Cell of the entry that maps a page, found by its value. */
function cellOf({ mem, kvm, vcpu }: Young, gfn: number): number {
  return mem.indexOf(translationOf(mem, kvm, vcpu, gfn), kvm.tables.first);
}

describe('aging without mmu_lock', () => {
  it('holds the bit of an rmap’s head, with preemption off, and leaves the chain as it was', () => {
    const alone = shadowOn({});
    const { t, kvm, mem, vcpu, first } = alone;
    touch(alone, vcpu, 5);
    const [slot] = kvm.slots;
    const head = (slot?.rmap[0] ?? 0) + 5;
    const before = mem[head];
    const seen = new Set<string>();
    const sptep = cellOf({ ...alone }, 5);
    t.onAccess = (cell) => {
      if (cell === sptep) seen.add(`locked ${(mem[head] ?? 0) & 2}, preempt_count ${t.preemptCount}`);
    };
    run(kvmMmuNotifierClearYoung(t, kvm, first + 5, first + 6));
    t.onAccess = undefined;
    expect([...seen]).toEqual(['locked 2, preempt_count 1']);
    expect(mem[head]).toBe(before);
    expect(shadowFaults(alone)).toEqual([]);
  });

  it('waits for a head that is locked, and finds it empty afterwards', () => {
    const alone = shadowOn({});
    const { t, kvm, mem, vcpu, first } = alone;
    touch(alone, vcpu, 5);
    const [slot] = kvm.slots;
    const head = (slot?.rmap[0] ?? 0) + 5;
    mem[head] = (mem[head] ?? 0) | 2;
    t.onWait = (cell) => {
      expect(cell).toBe(head);
      mem[head] = 0;
    };
    expect(run(kvmMmuNotifierClearYoung(t, kvm, first + 5, first + 6))).toBe(false);
    expect(t.preemptCount).toBe(0);
  });
});
