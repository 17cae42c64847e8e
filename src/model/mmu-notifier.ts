'use coroutines';
/**
 * KVM's mmu notifier: virt/kvm/kvm_main.c, v5.10 to v7.3.
 *
 * The primary MMU calls start before it changes a page table and end after. In between, and for as long as
 * any other invalidation overlaps, a fault in the range must not map what it found.
 */
import { Cost } from './costs.js';
import { SlotFlag, type Kvm, type Memslot } from './kvm.js';
import { writeLock, writeUnlock } from './locks/rwlock.js';
import { spinLock, spinUnlock } from './locks/spinlock.js';
import { kvmMmuInvalidateBegin, kvmMmuInvalidateEnd, kvmMmuInvalidateRangeAdd } from './mmu-invalidate.js';
import type { Step, Thread } from './operations.js';
import { gfnToPfnCacheInvalidateStart } from './pfn-cache.js';
import { SCRATCH_FOUND, SCRATCH_ZAPPED } from './scratch.js';
import { srcuReadLock, srcuReadUnlock } from './memslots.js';
import { kvmArchUnmapGfnRange } from './unmap-gfn-range.js';
import { kvmFlushRemoteTlbs } from './tlb-flush.js';
import { Tracepoint } from './tracepoints.js';

/**
 * kvm_mmu_notifier_invalidate_range_start()
 *
 * @param start first host page of the range
 * @param end host page after its last
 * @param blockable mmu_notifier_range_blockable(): whether the caller may wait; false for the OOM reaper only
 */
export function* kvmMmuNotifierInvalidateRangeStart(
  t: Thread,
  kvm: Kvm,
  start: number,
  end: number,
  blockable: boolean,
): Step<void> {
  t.emit(Tracepoint.kvmUnmapHvaRange, start, end);
  t.emit(Tracepoint.probeStartEntered, start, end, blockable ? 1 : 0);
  if (kvm.policy.activeCount !== 'on-memslot-hit' || hitsMemslot(t, kvm, start, end)) {
    yield* spinLock(t, kvm.mnInvalidateLock);
    yield* t.store(kvm.mnActiveInvalidateCount, t.mem[kvm.mnActiveInvalidateCount] + 1);
    yield* spinUnlock(t, kvm.mnInvalidateLock);
  }
  if (kvm.pfnCaches.length > 0) yield* gfnToPfnCacheInvalidateStart(t, kvm, start, end);
  const mayBlock = kvm.policy.notifierYield === 'always' || blockable;
  yield* kvmHandleHvaRangeUnmap(t, kvm, start, end, mayBlock);
  t.emit(Tracepoint.probeStartReturned, start, end, t.mem[t.scratch + SCRATCH_FOUND]);
}

/** kvm_mmu_notifier_invalidate_range_end() */
export function* kvmMmuNotifierInvalidateRangeEnd(
  t: Thread,
  kvm: Kvm,
  start: number,
  end: number,
): Step<void> {
  t.emit(Tracepoint.probeEndEntered, start, end);
  yield* kvmHandleHvaRangeEnd(t, kvm, start, end);
  const elided = kvm.policy.activeCount === 'on-memslot-hit' || kvm.policy.endElision === 'no-memslot';
  if (elided && !hitsMemslot(t, kvm, start, end)) return;
  yield* spinLock(t, kvm.mnInvalidateLock);
  if (kvm.policy.pfnCache === 'own-seq') {
    yield* t.store(kvm.gpcInvalidateSeq, t.mem[kvm.gpcInvalidateSeq] + 1);
    yield* t.smpWmb();
  }
  // Memslot updates sleep on this count (mn_memslots_update_rcuwait).
  yield* t.store(kvm.mnActiveInvalidateCount, t.mem[kvm.mnActiveInvalidateCount] - 1);
  yield* spinUnlock(t, kvm.mnInvalidateLock);
}

/**
 * kvm_handle_hva_range(), __kvm_handle_hva_range() until 6.12, as start() uses it: the lock is taken at the
 * first memslot that is hit, held across all of them, and the flush at the end happens under it.
 */
function* kvmHandleHvaRangeUnmap(
  t: Thread,
  kvm: Kvm,
  start: number,
  end: number,
  mayBlock: boolean,
): Step<void> {
  yield* t.spend(Cost.hvaRangeSetup, 1);
  const srcu = yield* srcuReadLock(t, kvm);
  let locked = false;
  let flush = false;
  const count = kvm.slots.length;
  for (let index = 0; index < count; index++) {
    const slot = kvm.slots[index];
    const first = Math.max(start, slot.userspacePage);
    const last = Math.min(end, slot.userspacePage + slot.pages);
    if (first >= last || ((yield* t.load(slot.flags)) & SlotFlag.Valid) === 0) continue;
    if (!locked) {
      locked = true;
      yield* writeLock(t, kvm);
      t.mem[t.scratch + SCRATCH_ZAPPED] = 0;
      if (kvm.policy.beginOrder !== 'count-after-zap') yield* kvmMmuInvalidateBegin(t, kvm, start, end);
    }
    const startGfn = first - slot.userspacePage + slot.baseGfn;
    const endGfn = last - slot.userspacePage + slot.baseGfn;
    const needs = yield* kvmMmuUnmapGfnRange(t, kvm, slot, startGfn, endGfn, mayBlock);
    flush = kvm.policy.flushAcrossRoots === 'last-only' ? needs : flush || needs;
  }
  t.mem[t.scratch + SCRATCH_FOUND] = locked ? 1 : 0;
  if (locked) {
    if (kvm.policy.beginOrder === 'count-after-zap') {
      yield* kvmMmuInvalidateBegin(t, kvm, start, end);
      yield* kvmMmuInvalidateRangeAdd(t, kvm, hullGfn(kvm, start), hullGfn(kvm, end), start, end);
    }
    const late = kvm.policy.flushAtEnd === 'after-unlock';
    if (flush && !late) yield* kvmFlushRemoteTlbs(t, kvm);
    yield* writeUnlock(t, kvm);
    if (flush && late) yield* kvmFlushRemoteTlbs(t, kvm);
  }
  yield* srcuReadUnlock(t, kvm, srcu);
}

/** The same as end() uses it: no handler, so the lock is taken for the first memslot that is hit, if any. */
function* kvmHandleHvaRangeEnd(t: Thread, kvm: Kvm, start: number, end: number): Step<void> {
  yield* t.spend(Cost.hvaRangeSetup, 1);
  const srcu = yield* srcuReadLock(t, kvm);
  if (hitsMemslot(t, kvm, start, end)) {
    if (kvm.policy.endLock === 'write') {
      yield* writeLock(t, kvm);
      yield* kvmMmuInvalidateEnd(t, kvm, start, end);
      yield* writeUnlock(t, kvm);
    } else {
      yield* kvmMmuInvalidateEnd(t, kvm, start, end);
    }
  }
  yield* srcuReadUnlock(t, kvm, srcu);
}

/** kvm_mmu_unmap_gfn_range(): announce the range, then zap it. */
function* kvmMmuUnmapGfnRange(
  t: Thread,
  kvm: Kvm,
  slot: Memslot,
  startGfn: number,
  endGfn: number,
  mayBlock: boolean,
): Step<boolean> {
  const startPage = startGfn - slot.baseGfn + slot.userspacePage;
  const endPage = endGfn - slot.baseGfn + slot.userspacePage;
  if (kvm.policy.beginOrder === 'before-zap') {
    yield* kvmMmuInvalidateRangeAdd(t, kvm, startGfn, endGfn, startPage, endPage);
  }
  const flush = yield* kvmArchUnmapGfnRange(t, kvm, slot, startGfn, endGfn, mayBlock);
  if (kvm.policy.beginOrder === 'range-after-zap') {
    yield* kvmMmuInvalidateRangeAdd(t, kvm, startGfn, endGfn, startPage, endPage);
  }
  return flush;
}

/**
 * kvm_mmu_notifier_change_pte(), until 6.9: KSM and copy on write told KVM the new page. It comes inside an
 * invalidation, which has removed the SPTE before, so it finds nothing to change; what it costs is one more
 * mmu_lock for write.
 */
export function* kvmMmuNotifierChangePte(t: Thread, kvm: Kvm): Step<void> {
  if ((yield* t.load(kvm.mmuInvalidateInProgress)) === 0) return;
  yield* writeLock(t, kvm);
  yield* t.spend(Cost.tdpIterStep, kvm.geometry.levels);
  yield* writeUnlock(t, kvm);
}

/** Whether a range of host pages overlaps an active memslot. Memslots do not change under an invalidation. */
function hitsMemslot(t: Thread, kvm: Kvm, start: number, end: number): boolean {
  const count = kvm.slots.length;
  for (let index = 0; index < count; index++) {
    const slot = kvm.slots[index];
    if (end <= slot.userspacePage || start >= slot.userspacePage + slot.pages) continue;
    if ((t.mem[slot.flags] & SlotFlag.Valid) !== 0) return true;
  }
  return false;
}

/** First gfn of the host page `page` in whichever slot has it, or its distance from the first slot. */
function hullGfn(kvm: Kvm, page: number): number {
  const count = kvm.slots.length;
  for (let index = 0; index < count; index++) {
    const slot = kvm.slots[index];
    if (page >= slot.userspacePage && page <= slot.userspacePage + slot.pages) {
      return page - slot.userspacePage + slot.baseGfn;
    }
  }
  return 0;
}

/**
 * kvm_zap_gfn_range(), arch/x86/kvm/mmu/mmu.c: APICv inhibits and the like; start and end in one lock
 * section. The range is exactly that of the call, before 6.8 everything.
 *
 * @internal for tests
 */
export function* kvmZapGfnRange(t: Thread, kvm: Kvm, startGfn: number, endGfn: number): Step<void> {
  yield* writeLock(t, kvm);
  const whole = kvm.policy.rangeUnit === 'hva';
  const count = kvm.slots.length;
  let flush = false;
  yield* kvmMmuInvalidateBegin(t, kvm, 0, 0x7fffffff);
  if (!whole) yield* kvmMmuInvalidateRangeAdd(t, kvm, startGfn, endGfn, 0, 0);
  for (let index = 0; index < count; index++) {
    const slot = kvm.slots[index];
    const first = Math.max(startGfn, slot.baseGfn);
    const last = Math.min(endGfn, slot.baseGfn + slot.pages);
    if (first >= last || slot.isPrivate) continue;
    if (yield* kvmArchUnmapGfnRange(t, kvm, slot, first, last, true)) flush = true;
  }
  if (flush) yield* kvmFlushRemoteTlbs(t, kvm);
  yield* kvmMmuInvalidateEnd(t, kvm, 0, 0x7fffffff);
  yield* writeUnlock(t, kvm);
}
