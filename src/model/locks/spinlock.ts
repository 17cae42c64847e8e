'use coroutines';
/**
 * qspinlock, reduced to what its users can notice: it is taken in the order of arrival, a waiter spins on a
 * word of its own, and it is contended when somebody waits.
 *
 * Two cells, a tail that hands out places and a head that says whose turn it is, stand for the MCS queue.
 */
import type { SpinLock } from '../kvm.js';
import { Order, type Step, type Thread } from '../operations.js';
import { Tracepoint } from '../tracepoints.js';
import { LCB_F_SPIN } from './flags.js';

const PLACES = 0xffff;

/** spin_lock(), include/linux/spinlock.h. */
export function* spinLock(t: Thread, lock: SpinLock): Step<void> {
  yield* t.preemptDisable();
  yield* queuedSpinLock(t, lock);
}

/** spin_unlock() */
export function* spinUnlock(t: Thread, lock: SpinLock): Step<void> {
  yield* queuedSpinUnlock(t, lock);
  yield* t.preemptEnable();
}

/**
 * queued_spin_lock(), kernel/locking/qspinlock.c: without the preemption count, as the rwlock takes its
 * wait_lock.
 */
export function* queuedSpinLock(t: Thread, lock: SpinLock): Step<void> {
  if (lock.isContract) return yield* t.acquireWhen(lock.tail, -1, 0, 1, true);
  const place = (yield* t.fetchAdd(lock.tail, 1, Order.Acquire)) & PLACES;
  if (((yield* t.load(lock.head)) & PLACES) === place) return;
  t.emit(Tracepoint.contentionBegin, lock.address, LCB_F_SPIN);
  yield* t.spinUntil(lock.head, PLACES, place);
  t.emit(Tracepoint.contentionEnd, lock.address, 0);
}

/** queued_spin_unlock(). Only the owner writes the head. */
export function* queuedSpinUnlock(t: Thread, lock: SpinLock): Step<void> {
  if (lock.isContract) return yield* t.releaseBy(lock.tail, -1);
  yield* t.storeRelease(lock.head, (t.mem[lock.head] + 1) & PLACES);
}

/** spin_is_locked() */
export function* spinIsLocked(t: Thread, lock: SpinLock): Step<boolean> {
  return ((yield* t.load(lock.tail)) & PLACES) !== (t.mem[lock.head] & PLACES);
}

/** spin_is_contended(): somebody waits behind the owner. */
export function* spinIsContended(t: Thread, lock: SpinLock): Step<boolean> {
  return (((yield* t.load(lock.tail)) - t.mem[lock.head]) & PLACES) > 1;
}

/** virt_spin_lock(), arch/x86/include/asm/qspinlock.h: test and set, whoever comes first. */
export function* virtSpinLock(t: Thread, lock: SpinLock): Step<void> {
  if ((yield* t.cmpxchg(lock.tail, 0, 1, Order.Acquire)) === 0) return;
  t.emit(Tracepoint.contentionBegin, lock.address, LCB_F_SPIN);
  do {
    yield* t.spinUntil(lock.tail, -1, 0);
  } while ((yield* t.cmpxchg(lock.tail, 0, 1, Order.Acquire)) !== 0);
  t.emit(Tracepoint.contentionEnd, lock.address, 0);
}

export function* virtSpinUnlock(t: Thread, lock: SpinLock): Step<void> {
  yield* t.storeRelease(lock.tail, 0);
}
