'use coroutines';
/** mmu_lock as a fault of the rmap-based MMU takes it. */
import type { Kvm } from '../kvm.js';
import { writeLock } from '../locks/rwlock.js';
import { Order, type Step, type Thread } from '../operations.js';
import { isUncovered } from '../page-fault.js';

/** write_lock(&kvm->mmu_lock); what the policy needBreak waiter-useful must know is counted, as for faults that read. */
export function* faultWriteLock(t: Thread, kvm: Kvm, gfn: number): Step<void> {
  const announces = kvm.policy.needBreak === 'waiter-useful' && isUncovered(t, kvm, gfn);
  if (announces) yield* t.fetchAdd(kvm.usefulWaiters, 1, Order.Relaxed);
  yield* writeLock(t, kvm);
  if (announces) yield* t.fetchAdd(kvm.usefulWaiters, -1, Order.Relaxed);
}
