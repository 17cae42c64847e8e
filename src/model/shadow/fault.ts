'use coroutines';
/** What faults of the rmap-based MMU have in common: how they take mmu_lock, and their memslot. */
import type { Kvm, Memslot, Vcpu } from '../kvm.js';
import { writeLock } from '../locks/rwlock.js';
import { Order, type Step, type Thread } from '../operations.js';
import { faultOf } from '../page-fault-struct.js';
import { isUncovered } from '../page-fault.js';

/**
 * write_lock(&kvm->mmu_lock); what the policy needBreak waiter-useful must know is counted, as for faults
 * that read.
 */
export function* faultWriteLock(t: Thread, kvm: Kvm, gfn: number): Step<void> {
  const announces = kvm.policy.needBreak === 'waiter-useful' && isUncovered(t, kvm, gfn);
  if (announces) yield* t.fetchAdd(kvm.usefulWaiters, 1, Order.Relaxed);
  yield* writeLock(t, kvm);
  if (announces) yield* t.fetchAdd(kvm.usefulWaiters, -1, Order.Relaxed);
}

/** fault->slot, as kvm_faultin_pfn() found it: undefined for MMIO, even if a slot has come or gone since. */
export function slotOfFault(t: Thread, vcpu: Vcpu): Memslot | undefined {
  const id = faultOf(t, vcpu).slot - 1;
  return id < 0 ? undefined : vcpu.kvm.slots[id];
}
