'use coroutines';
/**
 * Walks of shadow pages without mmu_lock: walk_shadow_page_lockless_begin() and _end(),
 * arch/x86/kvm/mmu/mmu.c, v5.10 to v7.3. Whoever frees shadow pages first flushes all vCPUs, and waits for
 * those that walk: they answer no interrupt.
 */
import { VcpuMode, type Vcpu } from '../kvm.js';
import type { Step, Thread } from '../operations.js';

export function* walkShadowPageLocklessBegin(t: Thread, vcpu: Vcpu): Step<void> {
  yield* t.irqDisable();
  // kvm_sched_in() wrote it when this thread came here; whoever waits for the walk asks this CPU.
  t.mem[vcpu.cpu] = t.smpProcessorId() + 1;
  // smp_store_mb(): no entry may be read before the mode is seen.
  yield* t.store(vcpu.mode, VcpuMode.ReadingShadowPageTables);
  yield* t.smpMb();
  // What a store that is no release may do: be seen before the last read of an entry.
  if (vcpu.kvm.policy.shadowWalkEnd === 'early') yield* t.store(vcpu.mode, VcpuMode.OutsideGuest);
}

export function* walkShadowPageLocklessEnd(t: Thread, vcpu: Vcpu): Step<void> {
  if (vcpu.kvm.policy.shadowWalkEnd === 'release') {
    yield* t.storeRelease(vcpu.mode, VcpuMode.OutsideGuest);
  }
  yield* t.irqEnable();
}
