'use coroutines';
/**
 * mmap_lock: a rwsem whose waiters sleep. kernel/locking/rwsem.c, without optimistic spinning.
 *
 * One cell, as sem->count: bit 0 a writer, bit 1 a writer
 * waits (new readers then wait too), readers from bit 8.
 */
import type { Mm } from '../kvm.js';
import { Order, type Step, type Thread } from '../operations.js';

const RWSEM_WRITER_LOCKED = 1;
const RWSEM_FLAG_WAITERS = 2;
const RWSEM_READER_BIAS = 0x100;
const RWSEM_READ_FAILED = RWSEM_WRITER_LOCKED | RWSEM_FLAG_WAITERS;

/** mmap_read_lock() */
export function* mmapReadLock(t: Thread, mm: Mm): Step<void> {
  yield* t.mightSleep();
  if (mm.policy.lock === 'contract') {
    return yield* t.acquireWhen(mm.mmapLock, RWSEM_WRITER_LOCKED, 0, RWSEM_READER_BIAS, false);
  }
  while (!(yield* mmapReadTrylock(t, mm))) yield* t.waitUntil(mm.mmapLock, RWSEM_READ_FAILED, 0);
}

/** mmap_read_trylock() */
export function* mmapReadTrylock(t: Thread, mm: Mm): Step<boolean> {
  for (;;) {
    const count = yield* t.load(mm.mmapLock);
    if ((count & RWSEM_READ_FAILED) !== 0) return false;
    const before = yield* t.cmpxchg(mm.mmapLock, count, count + RWSEM_READER_BIAS, Order.Acquire);
    if (before === count) return true;
  }
}

/** mmap_read_unlock() */
export function* mmapReadUnlock(t: Thread, mm: Mm): Step<void> {
  if (mm.policy.lock === 'contract') return yield* t.releaseBy(mm.mmapLock, -RWSEM_READER_BIAS);
  yield* t.fetchAdd(mm.mmapLock, -RWSEM_READER_BIAS, Order.Release);
}

/**
 * mmap_write_lock(). Who waits says so before it sleeps; who
 * gets it takes the flag along, and others raise it again.
 */
export function* mmapWriteLock(t: Thread, mm: Mm): Step<void> {
  yield* t.mightSleep();
  if (mm.policy.lock === 'contract') {
    return yield* t.acquireWhen(mm.mmapLock, -1, 0, RWSEM_WRITER_LOCKED, true);
  }
  for (;;) {
    const count = yield* t.load(mm.mmapLock);
    if ((count & ~RWSEM_FLAG_WAITERS) === 0) {
      if ((yield* t.cmpxchg(mm.mmapLock, count, RWSEM_WRITER_LOCKED, Order.Acquire)) === count) return;
      continue;
    }
    yield* t.fetchOr(mm.mmapLock, RWSEM_FLAG_WAITERS, Order.Relaxed);
    yield* t.waitUntil(mm.mmapLock, ~RWSEM_FLAG_WAITERS, 0);
  }
}

/** mmap_write_unlock() */
export function* mmapWriteUnlock(t: Thread, mm: Mm): Step<void> {
  if (mm.policy.lock === 'contract') return yield* t.releaseBy(mm.mmapLock, -RWSEM_WRITER_LOCKED);
  yield* t.fetchAnd(mm.mmapLock, ~RWSEM_WRITER_LOCKED, Order.Release);
}
