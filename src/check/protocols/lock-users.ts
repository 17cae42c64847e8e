'use coroutines';
/** Threads that do nothing but take mmu_lock and give it back, and say who is inside with them. */
import type { Kvm } from '../../model/kvm.js';
import { faultReadLock, readUnlock, writeLock, writeUnlock } from '../../model/locks/rwlock.js';
import type { Cell, Step, Thread } from '../../model/operations.js';

/** A thread whose own assertions are told. */
type Reports = Thread & { fail(name: string): void };

/** Who is inside: readers, and writers. */
export interface Inside {
  readonly readers: Cell;
  readonly writers: Cell;
}

/** As a fault takes the lock. */
export function* lockReader(t: Reports, kvm: Kvm, inside: Inside): Step<void> {
  const { readers, writers } = inside;
  while (yield* t.nextOperation()) {
    yield* faultReadLock(t, kvm, false);
    t.mem[readers]++;
    if (t.mem[writers] !== 0) t.fail('exclusion');
    // Somewhere in here others may come.
    yield* t.load(writers);
    t.mem[readers]--;
    yield* readUnlock(t, kvm);
  }
}

export function* lockWriter(t: Reports, kvm: Kvm, inside: Inside): Step<void> {
  const { readers, writers } = inside;
  while (yield* t.nextOperation()) {
    yield* writeLock(t, kvm);
    t.mem[writers]++;
    if (t.mem[readers] !== 0 || t.mem[writers] !== 1) t.fail('exclusion');
    yield* t.load(readers);
    t.mem[writers]--;
    yield* writeUnlock(t, kvm);
  }
}
