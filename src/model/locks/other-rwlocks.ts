'use coroutines';
/**
 * Locks that mmu_lock is not: a rwlock in strict order, PREEMPT_RT's sleeping rwlock.
 */
import type { Kvm } from '../kvm.js';
import { Order, type Step, type Thread } from '../operations.js';
import { Tracepoint } from '../tracepoints.js';
import { LCB_F_READ, LCB_F_RT, LCB_F_SPIN, LCB_F_WRITE } from './flags.js';

const PLACES = 0xffff;

// Strict order: everyone draws a place; a reader whose turn it is lets the next one look, a writer does not.

export function* fairReadLock(t: Thread, kvm: Kvm): Step<void> {
  const { waitLock } = kvm.mmuLock;
  yield* fairTurn(t, kvm, LCB_F_SPIN | LCB_F_READ);
  yield* t.fetchAdd(kvm.mmuLock.cnts, 1, Order.Acquire);
  yield* t.storeRelease(waitLock.head, (t.mem[waitLock.head] + 1) & PLACES);
}

export function* fairReadUnlock(t: Thread, kvm: Kvm): Step<void> {
  yield* t.fetchAdd(kvm.mmuLock.cnts, -1, Order.Release);
}

export function* fairWriteLock(t: Thread, kvm: Kvm): Step<void> {
  yield* fairTurn(t, kvm, LCB_F_SPIN | LCB_F_WRITE);
  yield* t.spinUntil(kvm.mmuLock.cnts, -1, 0);
}

export function* fairWriteUnlock(t: Thread, kvm: Kvm): Step<void> {
  const { head } = kvm.mmuLock.waitLock;
  yield* t.storeRelease(head, (t.mem[head] + 1) & PLACES);
}

/** Whether someone waits, seen from a holder. A writer holds its own place, a reader does not. */
export function* fairIsContended(t: Thread, kvm: Kvm): Step<boolean> {
  const { waitLock } = kvm.mmuLock;
  const waiting = ((yield* t.load(waitLock.tail)) - t.mem[waitLock.head]) & PLACES;
  return waiting > ((yield* t.load(kvm.mmuLock.cnts)) === 0 ? 1 : 0);
}

function* fairTurn(t: Thread, kvm: Kvm, flags: number): Step<void> {
  const { waitLock, address } = kvm.mmuLock;
  const place = (yield* t.fetchAdd(waitLock.tail, 1, Order.Acquire)) & PLACES;
  if (((yield* t.load(waitLock.head)) & PLACES) === place) return;
  t.emit(Tracepoint.contentionBegin, address, flags);
  yield* t.spinUntil(waitLock.head, PLACES, place);
  t.emit(Tracepoint.contentionEnd, address, 0);
}

// rwbase_rt, kernel/locking/rwbase_rt.c: `cnts` counts readers, `extra` is 1 while a writer has taken the
// reader bias away, waitLock is the rtmutex. Waiters sleep, holders can be preempted.

/** rwbase_read_lock() */
export function* rtReadLock(t: Thread, kvm: Kvm): Step<void> {
  const lock = kvm.mmuLock;
  if ((yield* t.load(lock.extra)) === 0) {
    yield* t.fetchAdd(lock.cnts, 1, Order.Acquire);
    if ((yield* t.load(lock.extra)) === 0) return;
    yield* t.fetchAdd(lock.cnts, -1, Order.Release);
  }
  yield* rtMutexLock(t, kvm, LCB_F_RT | LCB_F_READ);
  yield* t.fetchAdd(lock.cnts, 1, Order.Acquire);
  yield* rtMutexUnlock(t, kvm);
}

/** rwbase_read_unlock() */
export function* rtReadUnlock(t: Thread, kvm: Kvm): Step<void> {
  yield* t.fetchAdd(kvm.mmuLock.cnts, -1, Order.Release);
}

/** rwbase_write_lock(): the rtmutex, then the bias away, then no reader left. */
export function* rtWriteLock(t: Thread, kvm: Kvm): Step<void> {
  const lock = kvm.mmuLock;
  yield* rtMutexLock(t, kvm, LCB_F_RT | LCB_F_WRITE);
  yield* t.store(lock.extra, 1);
  yield* t.smpMb();
  if ((yield* t.load(lock.cnts)) === 0) return;
  t.emit(Tracepoint.contentionBegin, lock.address, LCB_F_RT | LCB_F_WRITE);
  yield* t.waitUntil(lock.cnts, -1, 0);
  t.emit(Tracepoint.contentionEnd, lock.address, 0);
}

/** rwbase_write_unlock() */
export function* rtWriteUnlock(t: Thread, kvm: Kvm): Step<void> {
  yield* t.storeRelease(kvm.mmuLock.extra, 0);
  yield* rtMutexUnlock(t, kvm);
}

function* rtMutexLock(t: Thread, kvm: Kvm, flags: number): Step<void> {
  const { waitLock, address } = kvm.mmuLock;
  const place = (yield* t.fetchAdd(waitLock.tail, 1, Order.Acquire)) & PLACES;
  if (((yield* t.load(waitLock.head)) & PLACES) === place) return;
  t.emit(Tracepoint.contentionBegin, address, flags);
  yield* t.waitUntil(waitLock.head, PLACES, place);
  t.emit(Tracepoint.contentionEnd, address, 0);
}

function* rtMutexUnlock(t: Thread, kvm: Kvm): Step<void> {
  const { head } = kvm.mmuLock.waitLock;
  yield* t.storeRelease(head, (t.mem[head] + 1) & PLACES);
}
