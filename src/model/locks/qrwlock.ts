'use coroutines';
/**
 * The queued read-write lock, kernel/locking/qrwlock.c and include/asm-generic/qrwlock.h, v5.10 to v7.3.
 *
 * One word: a byte for the writer, a bit that says that a writer waits, and the number of readers. Who does
 * not get in at once queues on wait_lock; who is at the head of that queue spins on the word. The policy
 * `lock` test-and-set makes wait_lock the unfair lock of a hypervisor's guest without PV spinlocks.
 */
import type { Kvm } from '../kvm.js';
import { Order, type Step, type Thread } from '../operations.js';
import { Tracepoint } from '../tracepoints.js';
import { LCB_F_READ, LCB_F_SPIN, LCB_F_WRITE } from './flags.js';
import { queuedSpinLock, queuedSpinUnlock, spinIsLocked, virtSpinLock, virtSpinUnlock } from './spinlock.js';

/** _QW_LOCKED: a writer holds the lock. */
export const QW_LOCKED = 0xff;
/** _QW_WAITING: a writer waits; new readers queue. */
export const QW_WAITING = 0x100;
/** _QR_BIAS: one reader. */
export const QR_BIAS = 0x200;
const QW_WMASK = QW_LOCKED | QW_WAITING;

/** queued_read_lock() */
export function* queuedReadLock(t: Thread, kvm: Kvm): Step<void> {
  const lock = kvm.mmuLock;
  const cnts = yield* t.fetchAdd(lock.cnts, QR_BIAS, Order.Acquire);
  if ((cnts & QW_WMASK) === 0) return;
  yield* queuedReadLockSlowpath(t, kvm);
}

/**
 * queued_read_lock_slowpath(). mmu_lock is never taken in an interrupt, so the branch for those is left
 * out.
 */
function* queuedReadLockSlowpath(t: Thread, kvm: Kvm): Step<void> {
  const lock = kvm.mmuLock;
  yield* t.fetchAdd(lock.cnts, -QR_BIAS, Order.Relaxed);
  t.emit(Tracepoint.contentionBegin, lock.address, LCB_F_SPIN | LCB_F_READ);
  // From here to the lock below the reader is visible to nobody: neither in cnts nor in the queue.
  yield* waitLock(t, kvm);
  yield* t.fetchAdd(lock.cnts, QR_BIAS, Order.Relaxed);
  // The head of the queue waits for a writer that holds the lock only; one that waits queues behind us.
  yield* t.spinUntil(lock.cnts, QW_LOCKED, 0);
  yield* waitUnlock(t, kvm);
  t.emit(Tracepoint.contentionEnd, lock.address, 0);
}

/** queued_read_trylock(): does not queue, does not spin. */
export function* queuedReadTrylock(t: Thread, kvm: Kvm): Step<boolean> {
  const lock = kvm.mmuLock;
  if (((yield* t.load(lock.cnts)) & QW_WMASK) !== 0) return false;
  const cnts = yield* t.fetchAdd(lock.cnts, QR_BIAS, Order.Acquire);
  if ((cnts & QW_WMASK) === 0) return true;
  yield* t.fetchAdd(lock.cnts, -QR_BIAS, Order.Relaxed);
  return false;
}

/** queued_read_unlock() */
export function* queuedReadUnlock(t: Thread, kvm: Kvm): Step<void> {
  yield* t.fetchAdd(kvm.mmuLock.cnts, -QR_BIAS, Order.Release);
}

/** queued_write_lock(). The fast path barges in whenever the word is 0, even if someone heads the queue. */
export function* queuedWriteLock(t: Thread, kvm: Kvm): Step<void> {
  if ((yield* t.cmpxchg(kvm.mmuLock.cnts, 0, QW_LOCKED, Order.Acquire)) === 0) return;
  yield* queuedWriteLockSlowpath(t, kvm);
}

/** queued_write_lock_slowpath() */
function* queuedWriteLockSlowpath(t: Thread, kvm: Kvm): Step<void> {
  const lock = kvm.mmuLock;
  t.emit(Tracepoint.contentionBegin, lock.address, LCB_F_SPIN | LCB_F_WRITE);
  yield* waitLock(t, kvm);
  const free = (yield* t.load(lock.cnts)) === 0;
  if (!free || (yield* t.cmpxchg(lock.cnts, 0, QW_LOCKED, Order.Acquire)) !== 0) {
    yield* t.fetchOr(lock.cnts, QW_WAITING, Order.Relaxed);
    do {
      yield* t.spinUntil(lock.cnts, -1, QW_WAITING);
    } while ((yield* t.cmpxchg(lock.cnts, QW_WAITING, QW_LOCKED, Order.Acquire)) !== QW_WAITING);
  }
  yield* waitUnlock(t, kvm);
  t.emit(Tracepoint.contentionEnd, lock.address, 0);
}

/** queued_write_unlock(): one byte, so that the other bits of the word stay as they are. */
export function* queuedWriteUnlock(t: Thread, kvm: Kvm): Step<void> {
  yield* t.fetchAnd(kvm.mmuLock.cnts, ~QW_LOCKED, Order.Release);
}

/** queued_rwlock_is_contended(): someone is at the head of the queue, reader or writer. */
export function* queuedRwlockIsContended(t: Thread, kvm: Kvm): Step<boolean> {
  if (kvm.policy.lock === 'test-and-set') return (yield* t.load(kvm.mmuLock.waitLock.tail)) !== 0;
  return yield* spinIsLocked(t, kvm.mmuLock.waitLock);
}

function* waitLock(t: Thread, kvm: Kvm): Step<void> {
  if (kvm.policy.lock === 'test-and-set') yield* virtSpinLock(t, kvm.mmuLock.waitLock);
  else yield* queuedSpinLock(t, kvm.mmuLock.waitLock);
}

function* waitUnlock(t: Thread, kvm: Kvm): Step<void> {
  if (kvm.policy.lock === 'test-and-set') yield* virtSpinUnlock(t, kvm.mmuLock.waitLock);
  else yield* queuedSpinUnlock(t, kvm.mmuLock.waitLock);
}
