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

/** Ranges in progress that can be told apart; what is more shares one hull. */
const RECORDS = 64;
/**
 * Per record: start and end of the range (0, 0: none yet), and whose it is: the thread, and the range of
 * host pages that it announced. A thread may begin a second one before it ends the first (a huge page that
 * is split within a range), so that the thread alone does not tell.
 */
const RECORD_CELLS = 5;
/** Behind the records, for what they do not hold: start and end of its hull, and how many share it. */
const SHARED = RECORDS * RECORD_CELLS;
/** Ended ranges that are remembered; a fault that is older retries. Per entry: start, end, sequence. */
const LOG = 256;
const LOG_AT = SHARED + 3;
export const EXACT_RANGE_CELLS = LOG_AT + LOG * 3;

/** Takes a record for the invalidation of host pages [start, end) that the running thread begins. */
export function exactRangeBegin(t: Thread, kvm: Kvm, start: number, end: number): void {
  const { mem } = t;
  const record = findRecord(mem, kvm, 0, 0, 0);
  mem[t.scratch + SCRATCH_RECORD] = record;
  const cell = kvm.exactRanges + record * RECORD_CELLS;
  if (record === RECORDS) {
    mem[cell + 2] += 1;
    return;
  }
  mem[cell + 2] = t.tid;
  mem[cell + 3] = start;
  mem[cell + 4] = end;
}

/** The record of a thread's invalidation of host pages [start, end), or RECORDS: the shared one. */
function findRecord(mem: Int32Array, kvm: Kvm, tid: number, start: number, end: number): number {
  let record = 0;
  for (; record < RECORDS; record++) {
    const cell = kvm.exactRanges + record * RECORD_CELLS;
    if (mem[cell + 2] === tid && mem[cell + 3] === start && mem[cell + 4] === end) break;
  }
  return record;
}

/** Adds [start, end) to the record of the invalidation that the running thread has just begun. */
export function exactRangeAdd(t: Thread, kvm: Kvm, start: number, end: number): void {
  const { mem } = t;
  const cell = kvm.exactRanges + mem[t.scratch + SCRATCH_RECORD] * RECORD_CELLS;
  const fresh = mem[cell + 1] === 0;
  mem[cell] = fresh ? start : Math.min(mem[cell], start);
  mem[cell + 1] = fresh ? end : Math.max(mem[cell + 1], end);
}

/**
 * Moves the record of the running thread's invalidation of host pages [start, end) to the log, under the
 * sequence that is about to be.
 */
export function exactRangeEnd(t: Thread, kvm: Kvm, start: number, end: number): void {
  const { mem } = t;
  const record = findRecord(mem, kvm, t.tid, start, end);
  const cell = kvm.exactRanges + record * RECORD_CELLS;
  const seq = mem[kvm.mmuInvalidateSeq] + 1;
  const entry = kvm.exactRanges + LOG_AT + (seq % LOG) * 3;
  mem[entry] = mem[cell];
  mem[entry + 1] = mem[cell + 1];
  mem[entry + 2] = seq;
  if (record < RECORDS) mem.fill(0, cell, cell + RECORD_CELLS);
  else if (--mem[cell + 2] === 0) mem.fill(0, cell, cell + 2);
}

/** Whether a range in progress holds `key`. */
export function exactRangeHolds(t: Thread, kvm: Kvm, key: number): boolean {
  const { mem } = t;
  for (let record = 0; record <= RECORDS; record++) {
    const cell = kvm.exactRanges + record * RECORD_CELLS;
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
    const entry = kvm.exactRanges + LOG_AT + (each % LOG) * 3;
    if (mem[entry + 2] !== each || (key >= mem[entry] && key < mem[entry + 1])) return true;
  }
  return false;
}
