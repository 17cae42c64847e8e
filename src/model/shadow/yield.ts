'use coroutines';
/**
 * How the rmap-based MMU gives mmu_lock away: `need_resched() || rwlock_needbreak()`, then
 * cond_resched_rwlock_write().
 */
import type { Kvm } from '../kvm.js';
import { condReschedRwlockWrite, LockMode, rwlockNeedbreak } from '../locks/rwlock.js';
import type { Step, Thread } from '../operations.js';
import { Tracepoint } from '../tracepoints.js';

/** need_resched() || rwlock_needbreak(&kvm->mmu_lock) */
export function* shadowNeedsYield(t: Thread, kvm: Kvm): Step<boolean> {
  if (yield* t.needResched()) return true;
  return yield* rwlockNeedbreak(t, kvm);
}

/**
 * cond_resched_rwlock_write(&kvm->mmu_lock): whether the lock was dropped.
 *
 * @param nextGfn where the walk stands
 */
export function* shadowYield(t: Thread, kvm: Kvm, nextGfn: number): Step<boolean> {
  const dropped = yield* condReschedRwlockWrite(t, kvm);
  if (dropped) t.emit(Tracepoint.yield, kvm.mmuLock.address, LockMode.Write, nextGfn);
  return dropped;
}
