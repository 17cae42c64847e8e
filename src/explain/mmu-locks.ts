/**
 * Which locks are a VM's mmu_lock. The trace gives addresses only, so this weighs what each lock is used for.
 *
 * mmu_lock is a qrwlock (a sleeping rwlock under PREEMPT_RT), the first member of `struct kvm`, which is
 * vmalloc'ed: its address is a multiple of the page size. vCPUs wait for it inside faults, invalidating tasks
 * inside notifiers.
 */
import type { Trace } from '../trace/store/trace.js';
import type { Joins } from './joins.js';
import { NONE } from './tables.js';
import type { MmuLockGuess } from './types-lock.js';
import { LockFlag, WaitState, type Waits } from './waits.js';

/** From this score on a lock counts as an mmu_lock: use inside faults or notifiers must speak for it. */
const LIKELY = 0.5;

interface Use {
  waits: number;
  readers: number;
  writers: number;
  inFaults: number;
  inInvalidations: number;
}

/** A guess per lock, by number of the lock. */
export function guessMmuLocks(trace: Trace, waits: Waits, joins: Joins): MmuLockGuess[] {
  const uses: Use[] = waits.locks.addresses.map(() => ({
    waits: 0,
    readers: 0,
    writers: 0,
    inFaults: 0,
    inInvalidations: 0,
  }));
  for (let wait = 0; wait < waits.count; wait++) {
    if (waits.state[wait] === WaitState.unmatched) continue;
    const use = uses[waits.lock[wait]];
    const flags = waits.flags[wait];
    const isRwlock =
      (flags & (LockFlag.spin | LockFlag.rt)) !== 0 && (flags & (LockFlag.mutex | LockFlag.percpu)) === 0;
    use.waits++;
    if (isRwlock && flags & LockFlag.read) use.readers++;
    if (isRwlock && flags & LockFlag.write) use.writers++;
    if (joins.attemptOfWait[wait] !== NONE) use.inFaults++;
    if (joins.invalidationOfWait[wait] !== NONE) use.inInvalidations++;
  }
  const hashed = trace.meta.hashedPointers === true;
  return uses.map((use, lock) => guess(use, waits.locks.addresses[lock], hashed));
}

function guess(use: Use, address: bigint, hashed: boolean): MmuLockGuess {
  const why: string[] = [];
  let score = 0;
  if (use.readers + use.writers === 0) {
    return {
      likely: false,
      confidence: 'high',
      score: 0,
      why: ['nobody waited for it as for a reader-writer lock'],
    };
  }
  score += 0.2;
  why.push(
    `a reader-writer lock: ${count(use.readers, 'wait')} as reader, ${count(use.writers, 'wait')} as writer`,
  );
  const kvm = (use.inFaults + use.inInvalidations) / Math.max(1, use.waits);
  if (use.inFaults > 0) {
    score += 0.3 * Math.min(1, 2 * kvm);
    why.push(`${use.inFaults} of its ${count(use.waits, 'wait')} began inside a page fault of a vCPU`);
  }
  if (use.inInvalidations > 0) {
    score += 0.3 * Math.min(1, 2 * kvm);
    why.push(`${use.inInvalidations} began inside an invalidation`);
  }
  if (use.inFaults + use.inInvalidations === 0)
    why.push('no wait for it began inside a fault or an invalidation');
  if (hashed) why.push('its address is a hash, so alignment says nothing');
  else if (address % 4096n === 0n) {
    score += 0.2;
    why.push('its address is page-aligned, as the first member of struct kvm is');
  } else {
    score -= 0.4;
    why.push('its address is not page-aligned, which the first member of struct kvm would be');
  }
  const bounded = Math.max(0, Math.min(1, Math.round(score * 100) / 100));
  const distance = Math.abs(bounded - LIKELY);
  const confidence = distance >= 0.3 ? 'high' : distance >= 0.15 ? 'medium' : 'low';
  return { likely: bounded >= LIKELY, confidence, score: bounded, why };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/**
 * The mmu_lock that each thread is to be judged by: the likely one that it waited for most, else the most
 * waited-for likely one; NONE when there is no likely one.
 */
export function mmuLockOfThreads(
  waits: Waits,
  guesses: readonly MmuLockGuess[],
  threads: number,
): Uint32Array {
  const counts = new Map<number, Uint32Array>();
  guesses.forEach((guessed, lock) => {
    if (guessed.likely) counts.set(lock, new Uint32Array(threads));
  });
  for (let wait = 0; wait < waits.count; wait++) {
    const perThread = counts.get(waits.lock[wait]);
    if (perThread) perThread[waits.thread[wait]]++;
  }
  const totals = [...counts].map(([lock, perThread]) => ({
    lock,
    perThread,
    total: perThread.reduce((a, b) => a + b, 0),
  }));
  totals.sort((a, b) => b.total - a.total);
  return Uint32Array.from({ length: threads }, (_, thread) => {
    let best = totals[0];
    for (const candidate of totals)
      if (candidate.perThread[thread] > best.perThread[thread]) best = candidate;
    return best?.lock ?? NONE;
  });
}
