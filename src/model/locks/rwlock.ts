'use coroutines';
/**
 * mmu_lock as KVM takes it: read_lock(), write_lock(), rwlock_needbreak(), cond_resched_rwlock_write().
 *
 * include/linux/rwlock.h, include/linux/sched.h (needbreak), kernel/sched/core.c (cond_resched_rwlock_*).
 */
import type { Kvm } from '../kvm.js';
import { Order, type Step, type Thread } from '../operations.js';
import { needBreakApplies } from '../preemption.js';
import { SCRATCH_STEPS, SCRATCH_UNFLUSHED } from '../scratch.js';
import { Tracepoint } from '../tracepoints.js';
import {
  QR_BIAS,
  QW_LOCKED,
  QW_WAITING,
  queuedReadLock,
  queuedReadTrylock,
  queuedReadUnlock,
  queuedRwlockIsContended,
  queuedWriteLock,
  queuedWriteUnlock,
} from './qrwlock.js';
import {
  fairIsContended,
  fairReadLock,
  fairReadUnlock,
  fairWriteLock,
  fairWriteUnlock,
  rtReadLock,
  rtReadUnlock,
  rtWriteLock,
  rtWriteUnlock,
} from './other-rwlocks.js';
import { queuedSpinLock, queuedSpinUnlock, spinIsContended } from './spinlock.js';

/** Modes as faultline:lock_acquired has them. */
export const LockMode = { Read: 1, Write: 2 } as const;

/** read_lock(&kvm->mmu_lock) */
export function* readLock(t: Thread, kvm: Kvm): Step<void> {
  const kind = kvm.policy.lock;
  if (kind !== 'rt') yield* t.preemptDisable();
  if (kind === 'qrwlock' || kind === 'test-and-set') yield* queuedReadLock(t, kvm);
  else if (kind === 'ticket') yield* queuedSpinLock(t, kvm.mmuLock.waitLock);
  else if (kind === 'fair') yield* fairReadLock(t, kvm);
  else if (kind === 'contract') yield* t.acquireWhen(kvm.mmuLock.cnts, QW_LOCKED, 0, QR_BIAS, false);
  else yield* rtReadLock(t, kvm);
  t.emit(Tracepoint.lockAcquired, kvm.mmuLock.address, LockMode.Read);
}

/** read_unlock(&kvm->mmu_lock) */
export function* readUnlock(t: Thread, kvm: Kvm): Step<void> {
  const kind = kvm.policy.lock;
  t.emit(Tracepoint.lockReleased, kvm.mmuLock.address, LockMode.Read);
  if (kind === 'qrwlock' || kind === 'test-and-set') yield* queuedReadUnlock(t, kvm);
  else if (kind === 'ticket') yield* queuedSpinUnlock(t, kvm.mmuLock.waitLock);
  else if (kind === 'fair') yield* fairReadUnlock(t, kvm);
  else if (kind === 'contract') yield* t.releaseBy(kvm.mmuLock.cnts, -QR_BIAS);
  else yield* rtReadUnlock(t, kvm);
  if (kind !== 'rt') yield* t.preemptEnable();
}

/** write_lock(&kvm->mmu_lock) */
export function* writeLock(t: Thread, kvm: Kvm): Step<void> {
  const kind = kvm.policy.lock;
  if (kind !== 'rt') yield* t.preemptDisable();
  if (kind === 'qrwlock' || kind === 'test-and-set') yield* queuedWriteLock(t, kvm);
  else if (kind === 'ticket') yield* queuedSpinLock(t, kvm.mmuLock.waitLock);
  else if (kind === 'fair') yield* fairWriteLock(t, kvm);
  else if (kind === 'contract') yield* t.acquireWhen(kvm.mmuLock.cnts, -1, 0, QW_LOCKED, true);
  else yield* rtWriteLock(t, kvm);
  t.mem[t.scratch + SCRATCH_UNFLUSHED] = 0;
  t.emit(Tracepoint.lockAcquired, kvm.mmuLock.address, LockMode.Write);
}

/** write_unlock(&kvm->mmu_lock) */
export function* writeUnlock(t: Thread, kvm: Kvm): Step<void> {
  const kind = kvm.policy.lock;
  t.emit(Tracepoint.probeUnlock, 1, t.mem[t.scratch + SCRATCH_UNFLUSHED]);
  t.emit(Tracepoint.lockReleased, kvm.mmuLock.address, LockMode.Write);
  if (kind === 'qrwlock' || kind === 'test-and-set') yield* queuedWriteUnlock(t, kvm);
  else if (kind === 'ticket') yield* queuedSpinUnlock(t, kvm.mmuLock.waitLock);
  else if (kind === 'fair') yield* fairWriteUnlock(t, kvm);
  else if (kind === 'contract') yield* t.releaseBy(kvm.mmuLock.cnts, -QW_LOCKED);
  else yield* rtWriteUnlock(t, kvm);
  if (kind !== 'rt') yield* t.preemptEnable();
}

/**
 * How a fault takes mmu_lock: the policy `faultLock`. trylock-spin is Xu Yilun's question in the thread,
 * `while (!read_trylock(...)) cpu_relax();`, which is invisible to rwlock_is_contended().
 *
 * @param useful whether the fault lies outside every invalidation, for the policy needBreak waiter-useful
 */
export function* faultReadLock(t: Thread, kvm: Kvm, useful: boolean): Step<void> {
  if (kvm.policy.faultLock === 'trylock-spin') {
    yield* t.preemptDisable();
    while (!(yield* queuedReadTrylock(t, kvm))) {
      t.emit(Tracepoint.probeLockSpin, kvm.mmuLock.address, LockMode.Read);
      yield* t.spinUntil(kvm.mmuLock.cnts, QW_LOCKED | QW_WAITING, 0);
    }
    t.emit(Tracepoint.lockAcquired, kvm.mmuLock.address, LockMode.Read);
    return;
  }
  const announces = useful && kvm.policy.needBreak === 'waiter-useful';
  if (announces) yield* t.fetchAdd(kvm.usefulWaiters, 1, Order.Relaxed);
  yield* readLock(t, kvm);
  if (announces) yield* t.fetchAdd(kvm.usefulWaiters, -1, Order.Relaxed);
}

/** rwlock_is_contended() */
function* rwlockIsContended(t: Thread, kvm: Kvm): Step<boolean> {
  const kind = kvm.policy.lock;
  if (kind === 'rt' || kind === 'contract') return false;
  if (kind === 'ticket') return yield* spinIsContended(t, kvm.mmuLock.waitLock);
  if (kind === 'fair') return yield* fairIsContended(t, kvm);
  return yield* queuedRwlockIsContended(t, kvm);
}

/** rwlock_needbreak(&kvm->mmu_lock), include/linux/sched.h; the policy `needBreak` has the variants. */
export function* rwlockNeedbreak(t: Thread, kvm: Kvm): Step<boolean> {
  const { policy } = kvm;
  if (!needBreakApplies(policy)) return false;
  if (!(yield* rwlockIsContended(t, kvm))) return false;
  switch (policy.needBreak) {
    case 'after-batch':
      return t.mem[t.scratch + SCRATCH_STEPS] >= policy.breakBatch;
    case 'waiter-useful':
      return (yield* t.load(kvm.usefulWaiters)) > 0;
    case 'time-slice':
      return yield* t.heldAtLeast(policy.breakSliceNs);
    case 'readers-waiting':
      // A reader at the head of the queue has already added itself to the count.
      return (yield* t.load(kvm.mmuLock.cnts)) >= QR_BIAS;
    default:
      return true;
  }
}

/**
 * PREEMPT_LOCK_OFFSET: the preemption count of a task that holds exactly this lock; PREEMPT_RT's does not
 * count.
 */
function preemptLockOffset(kvm: Kvm): number {
  return kvm.policy.lock === 'rt' ? 0 : 1;
}

/** __cond_resched_rwlock_write(): whether the lock was dropped. */
export function* condReschedRwlockWrite(t: Thread, kvm: Kvm): Step<boolean> {
  const resched = yield* t.shouldResched(preemptLockOffset(kvm));
  if (!(yield* rwlockNeedbreak(t, kvm)) && !resched) return false;
  if (kvm.policy.yieldDrops === 'nothing') {
    yield* t.cpuRelax();
    return true;
  }
  yield* writeUnlock(t, kvm);
  if (!(yield* t.condResched())) yield* t.cpuRelax();
  yield* writeLock(t, kvm);
  return true;
}

/** __cond_resched_rwlock_read() */
export function* condReschedRwlockRead(t: Thread, kvm: Kvm): Step<boolean> {
  const resched = yield* t.shouldResched(preemptLockOffset(kvm));
  if (!(yield* rwlockNeedbreak(t, kvm)) && !resched) return false;
  if (kvm.policy.yieldDrops === 'nothing') {
    yield* t.cpuRelax();
    return true;
  }
  yield* readUnlock(t, kvm);
  if (!(yield* t.condResched())) yield* t.cpuRelax();
  yield* readLock(t, kvm);
  return true;
}
