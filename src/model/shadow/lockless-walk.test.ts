import { describe, expect, it } from 'vitest';
import { VcpuMode } from '../kvm.js';
import { SequentialThread } from '../testing/sequential-thread.js';
import { run, shadowOn } from '../testing/shadow-machine.js';
import { kvmFlushRemoteTlbs } from '../tlb-flush.js';
import { walkShadowPageLocklessBegin, walkShadowPageLocklessEnd } from './lockless-walk.js';

describe('a walk without mmu_lock', () => {
  it.each([
    ['release', [[7]]],
    // It says that it is over before it is: nobody waits for it.
    ['early', []],
  ] as const)('is awaited by whoever frees pages (%s)', (shadowWalkEnd, kicks) => {
    const alone = shadowOn({ change: { shadowWalkEnd } });
    const { t, kvm, mem, vcpu } = alone;
    run(walkShadowPageLocklessBegin(t, vcpu));
    expect(t.irqCount).toBe(1);
    const mode = shadowWalkEnd === 'release' ? VcpuMode.ReadingShadowPageTables : VcpuMode.OutsideGuest;
    expect(mem[vcpu.mode]).toBe(mode);
    mem[vcpu.cpu] = 7 + 1;
    const other = new SequentialThread(mem, 2, t.scratch + 32);
    run(kvmFlushRemoteTlbs(other, kvm));
    expect(other.kicks).toEqual(kicks);
    run(walkShadowPageLocklessEnd(t, vcpu));
    expect([mem[vcpu.mode], t.irqCount]).toEqual([VcpuMode.OutsideGuest, 0]);
  });

  it('is awaited on the CPU that the thread is on now, not on that of its last entry', () => {
    const { t, kvm, mem, vcpu } = shadowOn({});
    mem[vcpu.cpu] = 2 + 1;
    t.currentCpu = 5;
    run(walkShadowPageLocklessBegin(t, vcpu));
    const other = new SequentialThread(mem, 2, t.scratch + 32);
    run(kvmFlushRemoteTlbs(other, kvm));
    expect(other.kicks).toEqual([[5]]);
    run(walkShadowPageLocklessEnd(t, vcpu));
  });
});
