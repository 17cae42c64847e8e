'use coroutines';
/**
 * Zapping everything: kvm_mmu_zap_all_fast() and what belongs to it. arch/x86/kvm/mmu/mmu.c, v5.10 to v7.3.
 * slots_lock is held by the caller.
 */
import { Request, type Kvm, type Memslot } from '../kvm.js';
import { writeLock, writeUnlock } from '../locks/rwlock.js';
import type { Step, Thread } from '../operations.js';
import { kvmTdpMmuInvalidateRoots, kvmTdpMmuZapInvalidatedRoots } from '../tdp-roots.js';
import { kvmMakeAllCpusRequest } from '../tlb-flush.js';
import { Tracepoint } from '../tracepoints.js';
import { kvmArchUnmapGfnRange } from '../unmap-gfn-range.js';
import { isGuestTable, isObsoleteSp, Sp } from './layout.js';
import { firstValidSp, hasGptes, nextValidSp } from './lists.js';
import { shadowNeedsYield, shadowYield } from './yield.js';
import {
  kvmMmuCommitZapPage,
  kvmMmuPrepareZapPage,
  kvmMmuRemoteFlushOrZap,
  listUnstable,
  zappedCount,
} from './zap-page.js';

/** BATCH_ZAP_PAGES, as the policy shadowBatch says. */
function batchZapPages(kvm: Kvm): number {
  return kvm.policy.shadowBatch === '10' ? 10 : 1;
}

/**
 * kvm_zap_obsolete_pages(): from the oldest page on, until one is of the current generation. After each batch
 * mmu_lock may be dropped; then the walk begins anew. Nothing is flushed before that, because vCPUs were made
 * to leave these pages; the flush at the end is for lockless walks.
 *
 * @internal for tests
 */
export function* kvmZapObsoletePages(t: Thread, kvm: Kvm): Step<void> {
  const { activeTail, obsoleteList } = kvm.shadow;
  const most = batchZapPages(kvm);
  let batch = 0;
  let sp = t.mem[activeTail];
  while (sp !== 0 && isObsoleteSp(t, kvm, sp)) {
    if (batch >= most && (yield* shadowNeedsYield(t, kvm))) {
      if (yield* shadowYield(t, kvm, t.mem[sp + Sp.gfn])) {
        batch = 0;
        sp = t.mem[activeTail];
        continue;
      }
    }
    const newer = t.mem[sp + Sp.prev];
    const result = yield* kvmMmuPrepareZapPage(t, kvm, sp, obsoleteList);
    batch += zappedCount(result);
    sp = listUnstable(result) ? t.mem[activeTail] : newer;
  }
  yield* kvmMmuCommitZapPage(t, kvm, obsoleteList);
}

/** kvm_mmu_zap_all_fast(): when it returns, no entry from before the call maps anything. */
export function* kvmMmuZapAllFast(t: Thread, kvm: Kvm): Step<void> {
  const tdp = kvm.policy.mmu === 'tdp';
  yield* writeLock(t, kvm);
  t.emit(Tracepoint.kvmMmuZapAllFast, t.mem[kvm.mmuValidGen], t.mem[kvm.shadow.usedPages]);
  t.mem[kvm.mmuValidGen] = t.mem[kvm.mmuValidGen] === 0 ? 1 : 0;
  // In the section of the request below, or a vCPU could load a root between the two.
  if (tdp) yield* kvmTdpMmuInvalidateRoots(t, kvm);
  else yield* invalidateShadowRoots(t, kvm);
  const wait = kvm.policy.rootInvalidation === 'wait';
  yield* kvmMakeAllCpusRequest(t, kvm, Request.MmuFreeObsoleteRoots, wait);
  yield* kvmZapObsoletePages(t, kvm);
  yield* writeUnlock(t, kvm);
  if (tdp) yield* kvmTdpMmuZapInvalidatedRoots(t, kvm);
}

/** The new generation makes every root obsolete: is_obsolete_root() is a cell of its own here. */
function* invalidateShadowRoots(t: Thread, kvm: Kvm): Step<void> {
  const count = kvm.roots.length;
  for (let index = 0; index < count; index++) {
    const root = kvm.roots[index];
    if ((yield* t.load(root.table)) !== 0) yield* t.store(root.invalid, 1);
  }
}

/**
 * kvm_mmu_zap_memslot(), since 6.12, when the quirk SLOT_ZAP_ALL is off: what a memslot maps, and the shadow
 * pages of guest tables in it.
 */
export function* kvmMmuZapMemslot(t: Thread, kvm: Kvm, slot: Memslot): Step<void> {
  const end = slot.baseGfn + slot.pages;
  yield* writeLock(t, kvm);
  let flush = yield* kvmArchUnmapGfnRange(t, kvm, slot, slot.baseGfn, end, true);
  if (t.mem[kvm.shadow.activeHead] !== 0) {
    // kvm_mmu_zap_memslot_pages_and_flush(): other frames hold no tables of the guest.
    for (let gfn = slot.baseGfn; gfn < end; gfn++) {
      if (isGuestTable(kvm, gfn)) yield* zapPagesOfTable(t, kvm, gfn);
      if (yield* shadowNeedsYield(t, kvm)) {
        yield* kvmMmuRemoteFlushOrZap(t, kvm, kvm.shadow.invalidList, flush);
        flush = false;
        yield* shadowYield(t, kvm, gfn);
      }
    }
  }
  yield* kvmMmuRemoteFlushOrZap(t, kvm, kvm.shadow.invalidList, flush);
  yield* writeUnlock(t, kvm);
}

function* zapPagesOfTable(t: Thread, kvm: Kvm, gfn: number): Step<void> {
  let sp = firstValidSp(t, kvm, gfn);
  while (sp !== 0) {
    if (hasGptes(t, sp)) yield* kvmMmuPrepareZapPage(t, kvm, sp, kvm.shadow.invalidList);
    sp = nextValidSp(t, kvm, sp);
  }
}
