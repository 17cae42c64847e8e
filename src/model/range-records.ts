/**
 * Ranges kept one by one: the policies rangeTracking exact and sequence per-range, which are proposals.
 *
 * The kernel has nothing of the kind; a real version would keep an interval tree under mmu_lock. Here a
 * fixed array stands for it: ranges in progress, and a log of those that ended with the sequence at their
 * end. All of it is written under mmu_lock held for write.
 */
import type { Kvm } from './kvm.js';
import type { Thread } from './operations.js';
import { SCRATCH_RECORD } from './scratch.js';

/** Ranges in progress that can be told apart; more share the last record as a hull. */
const RECORDS = 64;
/** Ended ranges that are remembered; a fault that is older retries. */
const LOG = 256;
/** Per record: start, end (0, 0: free). Per log entry: start, end, sequence. */
export const EXACT_RANGE_CELLS = RECORDS * 2 + LOG * 3;

/** Takes a record for the invalidation that the running thread begins. */
export function exactRangeBegin(t: Thread, kvm: Kvm): void {
  const { mem } = t;
  let record = 0;
  while (record < RECORDS - 1 && mem[kvm.exactRanges + record * 2 + 1] !== 0) record++;
  t.mem[t.scratch + SCRATCH_RECORD] = record;
}

/** Adds [start, end) to the record of the running thread's invalidation. */
export function exactRangeAdd(t: Thread, kvm: Kvm, start: number, end: number): void {
  const { mem } = t;
  const cell = kvm.exactRanges + mem[t.scratch + SCRATCH_RECORD] * 2;
  const fresh = mem[cell + 1] === 0;
  mem[cell] = fresh ? start : Math.min(mem[cell], start);
  mem[cell + 1] = fresh ? end : Math.max(mem[cell + 1], end);
}

/**
 * Moves the record of the running thread's invalidation to the log, under the sequence that is about to be.
 */
export function exactRangeEnd(t: Thread, kvm: Kvm): void {
  const { mem } = t;
  const cell = kvm.exactRanges + mem[t.scratch + SCRATCH_RECORD] * 2;
  const seq = mem[kvm.mmuInvalidateSeq] + 1;
  const entry = kvm.exactRanges + RECORDS * 2 + (seq % LOG) * 3;
  mem[entry] = mem[cell];
  mem[entry + 1] = mem[cell + 1];
  mem[entry + 2] = seq;
  mem[cell] = 0;
  mem[cell + 1] = 0;
}

/** Whether a range in progress holds `key`. */
export function exactRangeHolds(t: Thread, kvm: Kvm, key: number): boolean {
  const { mem } = t;
  for (let record = 0; record < RECORDS; record++) {
    const cell = kvm.exactRanges + record * 2;
    if (key >= mem[cell] && key < mem[cell + 1]) return true;
  }
  return false;
}

/** Whether a range that holds `key` ended since the sequence was `seq`, as far as the log tells. */
export function rangeCompletedSince(t: Thread, kvm: Kvm, seq: number, key: number): boolean {
  const { mem } = t;
  const now = mem[kvm.mmuInvalidateSeq];
  if (now - seq > LOG) return true;
  for (let each = seq + 1; each <= now; each++) {
    const entry = kvm.exactRanges + RECORDS * 2 + (each % LOG) * 3;
    if (mem[entry + 2] !== each || (key >= mem[entry] && key < mem[entry + 1])) return true;
  }
  return false;
}
