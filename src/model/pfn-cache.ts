'use coroutines';
/**
 * Caches of one host page for KVM's own use (pvclock, Xen, nested pages): virt/kvm/pfncache.c, v5.17 to v7.3.
 */
import { getUserPage } from './host/gup.js';
import { putPage } from './host/folios.js';
import type { Kvm, PfnCache } from './kvm.js';
import { spinLock, spinUnlock } from './locks/spinlock.js';
import { mutexLock, mutexUnlock } from './memslots.js';
import type { Step, Thread } from './operations.js';
import { Tracepoint } from './tracepoints.js';

/** gfn_to_pfn_cache_invalidate_start(): before and outside mmu_lock, whether or not a memslot is hit. */
export function* gfnToPfnCacheInvalidateStart(
  t: Thread,
  kvm: Kvm,
  startPage: number,
  endPage: number,
): Step<void> {
  const { pfnCaches } = kvm;
  const count = pfnCaches.length;
  for (let index = 0; index < count; index++) {
    const cache = pfnCaches[index];
    yield* spinLock(t, cache.lock);
    const hit = cache.userspacePage >= startPage && cache.userspacePage < endPage;
    if (hit && (yield* t.load(cache.valid)) !== 0) yield* t.store(cache.valid, 0);
    yield* spinUnlock(t, cache.lock);
  }
}

/**
 * __kvm_gpc_refresh() of a cache that is no longer valid.
 *
 * @returns false when the host has no memory for the page
 */
export function* kvmGpcRefresh(t: Thread, kvm: Kvm, cache: PfnCache): Step<boolean> {
  yield* mutexLock(t, cache.refreshLock);
  yield* spinLock(t, cache.lock);
  const valid = yield* t.load(cache.valid);
  const done = valid !== 0 || (yield* hvaToPfnRetry(t, kvm, cache));
  yield* spinUnlock(t, cache.lock);
  yield* mutexUnlock(t, cache.refreshLock);
  return done;
}

/** hva_to_pfn_retry(): the cache's lock is held, and dropped while the page is looked up. */
function* hvaToPfnRetry(t: Thread, kvm: Kvm, cache: PfnCache): Step<boolean> {
  const seqCell = kvm.policy.pfnCache === 'own-seq' ? kvm.gpcInvalidateSeq : kvm.mmuInvalidateSeq;
  let pfn = 0;
  let retry = true;
  yield* t.store(cache.valid, 0);
  while (retry) {
    const seq = yield* t.loadPlain(seqCell);
    yield* t.smpRmb();
    yield* spinUnlock(t, cache.lock);
    if (pfn !== 0) {
      yield* putPage(t, kvm.mm, pfn);
      yield* t.condResched();
    }
    pfn = yield* getUserPage(t, kvm.mm, cache.userspacePage, 1);
    yield* spinLock(t, cache.lock);
    if (pfn === 0) return false;
    retry = yield* mmuNotifierRetryCache(t, kvm, seqCell, seq);
    if (retry && (yield* t.stopped())) break;
  }
  if (!retry) {
    yield* t.store(cache.valid, 1);
    yield* t.store(cache.pfn, pfn);
    t.emit(Tracepoint.probePfnCache, cache.index, pfn);
  }
  // From here on the notifier keeps the cache from the page, not a reference.
  yield* putPage(t, kvm.mm, pfn);
  return !retry;
}

/**
 * mmu_notifier_retry_cache(): any invalidation in progress, of whatever range; then the sequence.
 *
 * The count covers the time before the cache is told, which mmu_invalidate_in_progress does not.
 * mmu_invalidate_seq, as kernels until 6.12 compare, moves only when a memslot was hit; a cache need not lie
 * in one.
 */
function* mmuNotifierRetryCache(t: Thread, kvm: Kvm, seqCell: number, seq: number): Step<boolean> {
  if ((yield* t.loadPlain(kvm.mnActiveInvalidateCount)) !== 0) return true;
  yield* t.smpRmb();
  return (yield* t.loadPlain(seqCell)) !== seq;
}
