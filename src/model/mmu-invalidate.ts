'use coroutines';
/**
 * What an invalidation in progress leaves for faults to see: count, range and sequence; and the three
 * questions that a fault asks. virt/kvm/kvm_main.c and include/linux/kvm_host.h, v5.10 to v7.3
 * (mmu_notifier_* before 6.1).
 */
import type { Kvm, Memslot } from './kvm.js';
import type { Step, Thread } from './operations.js';
import {
  exactRangeAdd,
  exactRangeBegin,
  exactRangeEnd,
  exactRangeHolds,
  rangeCompletedSince,
} from './range-records.js';
import { SCRATCH_ZAPPED } from './scratch.js';
import { Tracepoint } from './tracepoints.js';

/** INVALID_GPA: no range added yet. As a signed cell it is -1; gfns are compared unsigned. */
const INVALID = -1;

/**
 * kvm_mmu_invalidate_begin(), kvm_mmu_invalidate_start() since 7.3; mmu_lock is held for write.
 *
 * @param start first host page of the notifier's range: until 6.7 the range is recorded here
 */
export function* kvmMmuInvalidateBegin(t: Thread, kvm: Kvm, start: number, end: number): Step<void> {
  const { policy } = kvm;
  if (policy.seqBump === 'start') yield* bumpSeq(t, kvm);
  const inProgress = (yield* t.load(kvm.mmuInvalidateInProgress)) + 1;
  yield* t.store(kvm.mmuInvalidateInProgress, inProgress);
  t.emit(Tracepoint.probeInProgress, inProgress);
  if (policy.rangeTracking === 'exact' || policy.sequence === 'per-range')
    exactRangeBegin(t, kvm, start, end);
  const first = inProgress === 1 && policy.rangeTracking !== 'hull-never-reset';
  if (first || policy.rangeTracking === 'hull-reset-at-begin') {
    yield* t.store(kvm.mmuInvalidateRangeStart, INVALID);
    yield* t.store(kvm.mmuInvalidateRangeEnd, INVALID);
  }
  t.emit(Tracepoint.invalidateBegin, start, end, inProgress, t.mem[kvm.mmuInvalidateSeq]);
  if (policy.rangeUnit === 'hva') yield* addToRange(t, kvm, start, end);
}

/** kvm_mmu_invalidate_range_add(), since 6.8; before, begin() took the notifier's whole range. */
export function* kvmMmuInvalidateRangeAdd(
  t: Thread,
  kvm: Kvm,
  startGfn: number,
  endGfn: number,
  startPage: number,
  endPage: number,
): Step<void> {
  if (kvm.policy.rangeUnit === 'gfn') yield* addToRange(t, kvm, startGfn, endGfn);
  else if (kvm.policy.beginOrder !== 'before-zap') yield* addToRange(t, kvm, startPage, endPage);
}

/** The hull of all ranges in progress; it shrinks only when none is left. */
function* addToRange(t: Thread, kvm: Kvm, from: number, to: number): Step<void> {
  const { policy } = kvm;
  const end = policy.rangeEnd === 'off-by-one' ? to - 1 : to;
  if (policy.rangeTracking === 'exact' || policy.sequence === 'per-range') exactRangeAdd(t, kvm, from, end);
  const oldStart = yield* t.load(kvm.mmuInvalidateRangeStart);
  const oldEnd = yield* t.load(kvm.mmuInvalidateRangeEnd);
  const fresh = oldStart === INVALID || policy.rangeTracking === 'overwrite';
  yield* t.store(kvm.mmuInvalidateRangeStart, fresh ? from : Math.min(oldStart, from));
  yield* t.store(kvm.mmuInvalidateRangeEnd, fresh ? end : Math.max(oldEnd, end));
}

/** kvm_mmu_invalidate_end(); mmu_lock is held for write. */
export function* kvmMmuInvalidateEnd(t: Thread, kvm: Kvm, start: number, end: number): Step<void> {
  const { policy } = kvm;
  const bumps =
    policy.seqBump === 'end' ||
    (policy.seqBump === 'end-if-zapped' && t.mem[t.scratch + SCRATCH_ZAPPED] === 1);
  if (policy.rangeTracking === 'exact' || policy.sequence === 'per-range') exactRangeEnd(t, kvm, start, end);
  if (bumps && policy.endOrder === 'seq-then-count') yield* bumpSeq(t, kvm);
  if (policy.endBarrier === 'wmb') yield* t.smpWmb();
  const before = yield* t.load(kvm.mmuInvalidateInProgress);
  const inProgress = policy.endCount === 'zero' ? 0 : before - 1;
  yield* t.store(kvm.mmuInvalidateInProgress, inProgress);
  if (bumps && policy.endOrder === 'count-then-seq') yield* bumpSeq(t, kvm);
  if (policy.rangeTracking === 'hull-cleared-at-end') {
    yield* t.store(kvm.mmuInvalidateRangeStart, 0);
    yield* t.store(kvm.mmuInvalidateRangeEnd, 0);
  }
  t.emit(Tracepoint.probeInProgress, inProgress);
  t.emit(Tracepoint.invalidateEnd, start, end, t.mem[kvm.mmuInvalidateSeq], inProgress);
}

function* bumpSeq(t: Thread, kvm: Kvm): Step<void> {
  yield* t.store(kvm.mmuInvalidateSeq, (yield* t.load(kvm.mmuInvalidateSeq)) + 1);
}

/**
 * mmu_invalidate_retry(): no range, no lock; for users of the primary MMU outside faults.
 *
 * @internal for tests
 */
export function* mmuInvalidateRetry(t: Thread, kvm: Kvm, seq: number): Step<boolean> {
  if ((yield* t.load(kvm.mmuInvalidateInProgress)) !== 0) return true;
  yield* t.smpRmb();
  return (yield* t.load(kvm.mmuInvalidateSeq)) !== seq;
}

/**
 * mmu_invalidate_retry_gfn() since 6.8, mmu_invalidate_retry_hva() before: what the policy `recheck` leaves
 * of it. mmu_lock is held, for read or for write.
 */
export function* mmuInvalidateRetryGfn(t: Thread, kvm: Kvm, seq: number, gfn: number): Step<boolean> {
  const { recheck } = kvm.policy;
  if (recheck === 'none') return false;
  if (recheck !== 'seq-only' && (yield* t.loadPlain(kvm.mmuInvalidateInProgress)) !== 0) {
    if (yield* rangeHolds(t, kvm, gfn, recheck === 'gfn-against-hva', true)) return true;
  }
  if (recheck === 'in-progress-only') return false;
  if ((yield* t.loadPlain(kvm.mmuInvalidateSeq)) === seq) return false;
  return kvm.policy.sequence === 'global' || rangeCompletedSince(t, kvm, seq, keyOf(kvm, gfn, false));
}

/** mmu_invalidate_retry_gfn_unsafe(), d02c357e5bfa: no lock, no order; may err on either side. */
export function* mmuInvalidateRetryGfnUnsafe(t: Thread, kvm: Kvm, seq: number, gfn: number): Step<boolean> {
  const wrongUnit = kvm.policy.preCheck === 'gfn-against-hva';
  if ((yield* t.load(kvm.mmuInvalidateInProgress)) !== 0) {
    if (yield* rangeHolds(t, kvm, gfn, wrongUnit, false)) return true;
  }
  if ((yield* t.load(kvm.mmuInvalidateSeq)) === seq) return false;
  return kvm.policy.sequence === 'global' || rangeCompletedSince(t, kvm, seq, keyOf(kvm, gfn, wrongUnit));
}

/**
 * Whether the ranges in progress hold a gfn. The bounds are plain loads: a lockless caller may see a torn
 * pair, or none yet. Under the lock there is a range, or KVM has a bug: since 6.8 it warns, and retries.
 */
function* rangeHolds(t: Thread, kvm: Kvm, gfn: number, wrongUnit: boolean, locked: boolean): Step<boolean> {
  const { rangeTracking } = kvm.policy;
  if (rangeTracking === 'none') return true;
  const key = keyOf(kvm, gfn, wrongUnit);
  if (rangeTracking === 'exact') return exactRangeHolds(t, kvm, key);
  const start = yield* t.loadPlain(kvm.mmuInvalidateRangeStart);
  if (start === INVALID) return locked && kvm.policy.rangeUnit === 'gfn';
  if (key < start) return false;
  const end = yield* t.loadPlain(kvm.mmuInvalidateRangeEnd);
  return key < end;
}

/** A gfn in the unit of the range; `wrongUnit` compares the gfn itself, as v2 of the patch did on 6.7. */
function keyOf(kvm: Kvm, gfn: number, wrongUnit: boolean): number {
  if (kvm.policy.rangeUnit === 'gfn' || wrongUnit) return gfn;
  const slot = slotOfGfn(kvm, gfn);
  return slot === undefined ? gfn : gfn - slot.baseGfn + slot.userspacePage;
}

/** gfn_to_memslot(): the slot that holds a gfn, whatever its flags; address space 0. */
export function slotOfGfn(kvm: Kvm, gfn: number): Memslot | undefined {
  const { slots } = kvm;
  for (let index = 0; index < slots.length; index++) {
    const slot = slots[index];
    if (gfn >= slot.baseGfn && gfn < slot.baseGfn + slot.pages && slot.asId === 0) return slot;
  }
  return undefined;
}
