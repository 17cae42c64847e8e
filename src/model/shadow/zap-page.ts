'use coroutines';
/**
 * Shadow pages on their way out: prepared (nothing leads to them or from them any more), committed (freed
 * once no vCPU and no lockless walk can be inside). arch/x86/kvm/mmu/mmu.c, v5.10 to v7.3. mmu_lock is held
 * for write.
 */
import { Cost } from '../costs.js';
import { Request, type Kvm } from '../kvm.js';
import type { Cell, Step, Thread } from '../operations.js';
import { freeUnusedTable, tableCell } from '../page-tables.js';
import { frameOf, isLeaf, isPresent, NONPRESENT_SPTE } from '../spte.js';
import { kvmFlushRemoteTlbs, kvmMakeAllCpusRequest } from '../tlb-flush.js';
import { Tracepoint } from '../tracepoints.js';
import { isObsoleteSp, levelOf, Role, Sp } from './layout.js';
import { activeDel, hashDel, hasGptes, popPage, pushPage } from './lists.js';
import { listWithout, rmapFirst } from './rmap-chain.js';
import { dropSpte } from './rmap.js';
import { mmuUnsyncWalk, unsyncPageAt } from './unsync.js';

/** KVM_MIN_FREE_MMU_PAGES */
const MIN_FREE_MMU_PAGES = 5;
/** KVM_REFILL_PAGES */
const REFILL_PAGES = 25;

/** nr_zapped of a result of `kvmMmuPrepareZapPage`. */
export function zappedCount(result: number): number {
  return (result >> 1) + (result & 1);
}

/** Whether other pages were zapped too, so that active_mmu_pages must be walked from its end again. */
export function listUnstable(result: number): boolean {
  return result >> 1 !== 0;
}

/**
 * __kvm_mmu_prepare_zap_page(): takes a page out of use and puts it on an invalid list; a root that vCPUs
 * still hold only becomes invalid, and is put there when the last one lets go.
 *
 * @param list cell that holds the first page of the invalid list
 * @returns 2 for each other page that was zapped, and 1 for this one: see zappedCount and listUnstable
 */
export function* kvmMmuPrepareZapPage(t: Thread, kvm: Kvm, sp: Cell, list: Cell): Step<number> {
  const { mem } = t;
  const rootCount = mem[sp + Sp.rootCount];
  t.emit(Tracepoint.kvmMmuPrepareZapPage, mem[sp + Sp.gfn], mem[sp + Sp.role], rootCount);
  yield* t.spend(Cost.prepareZapPage, 1);
  let result = 2 * (yield* mmuZapUnsyncChildren(t, kvm, sp, list));
  yield* unlinkChildren(t, kvm, sp);
  yield* unlinkParents(t, kvm, sp);
  const wasInvalid = (t.mem[sp + Sp.role] & Role.Invalid) !== 0;
  if (!wasInvalid && hasGptes(t, sp)) unaccountShadowed(t, kvm, sp);
  // kvm_unlink_unsync_page()
  t.mem[sp + Sp.unsync] = 0;
  let zappedRoot = false;
  if (rootCount === 0) {
    result += 1;
    if (!wasInvalid) activeDel(t, kvm, sp);
    pushPage(t, list, sp);
    t.mem[kvm.shadow.usedPages]--;
  } else {
    activeDel(t, kvm, sp);
    // Obsolete pages are on no vCPU any more: kvm_mmu_zap_all_fast() has made the request.
    zappedRoot = !isObsoleteSp(t, kvm, sp);
    yield* t.store(kvm.roots[t.mem[sp + Sp.root] - 1].invalid, 1);
  }
  t.mem[sp + Sp.role] |= Role.Invalid;
  if (zappedRoot) {
    const wait = kvm.policy.rootInvalidation === 'wait';
    yield* kvmMakeAllCpusRequest(t, kvm, Request.MmuFreeObsoleteRoots, wait);
  }
  return result;
}

/** mmu_zap_unsync_children(): how many. */
function* mmuZapUnsyncChildren(t: Thread, kvm: Kvm, parent: Cell, list: Cell): Step<number> {
  if (levelOf(t, parent) === 1) return 0;
  let zapped = 0;
  let count = yield* mmuUnsyncWalk(t, kvm, parent);
  while (count > 0) {
    // These are of the lowest level, so zapping one does not walk again.
    for (let index = 0; index < count; index++) {
      yield* kvmMmuPrepareZapPage(t, kvm, unsyncPageAt(t, kvm, index), list);
      zapped++;
    }
    count = yield* mmuUnsyncWalk(t, kvm, parent);
  }
  return zapped;
}

/** kvm_mmu_page_unlink_children() */
function* unlinkChildren(t: Thread, kvm: Kvm, sp: Cell): Step<void> {
  const entries = 1 << kvm.geometry.bits;
  const first = tableCell(kvm, t.mem[sp + Sp.table]);
  for (let index = 0; index < entries; index++) yield* mmuPageZapPte(t, kvm, first + index);
}

/**
 * mmu_page_zap_pte(): whether the entry was present. Pages below stay; they are found by hash, or zapped
 * later.
 */
export function* mmuPageZapPte(t: Thread, kvm: Kvm, sptep: Cell): Step<boolean> {
  const spte = yield* t.loadPlain(sptep);
  if (spte === NONPRESENT_SPTE) return false;
  if (!isPresent(spte)) {
    yield* t.store(sptep, NONPRESENT_SPTE);
    return false;
  }
  if (isLeaf(spte)) yield* dropSpte(t, kvm, sptep);
  else yield* dropParentPte(t, kvm, t.mem[kvm.shadow.tableOwners + frameOf(spte)], sptep);
  return true;
}

/** drop_parent_pte(): an entry no longer points to the page below it. */
export function* dropParentPte(t: Thread, kvm: Kvm, sp: Cell, sptep: Cell): Step<void> {
  yield* t.spend(Cost.rmapChange, 1);
  t.mem[sp + Sp.parentPtes] = listWithout(t, kvm, t.mem[sp + Sp.parentPtes], sptep);
  yield* t.store(sptep, NONPRESENT_SPTE);
}

/** kvm_mmu_unlink_parents() */
function* unlinkParents(t: Thread, kvm: Kvm, sp: Cell): Step<void> {
  while (t.mem[sp + Sp.parentPtes] !== 0) {
    yield* dropParentPte(t, kvm, sp, rmapFirst(t, t.mem[sp + Sp.parentPtes]));
  }
}

/** unaccount_shadowed() */
function unaccountShadowed(t: Thread, kvm: Kvm, sp: Cell): void {
  t.mem[kvm.shadow.indirectPages]--;
  if (levelOf(t, sp) === 1) return;
  t.mem[kvm.shadow.writeTracked + t.mem[sp + Sp.gfn] - kvm.shadow.guestTableGfn]--;
}

/**
 * kvm_mmu_commit_zap_page(): the flush makes every vCPU leave the guest and every lockless walk end; then the
 * pages are freed. Their tables are not protected by RCU.
 */
export function* kvmMmuCommitZapPage(t: Thread, kvm: Kvm, list: Cell): Step<void> {
  if (t.mem[list] === 0) return;
  yield* kvmFlushRemoteTlbs(t, kvm);
  let sp = popPage(t, list);
  while (sp !== 0) {
    hashDel(t, kvm, sp);
    freeUnusedTable(t, kvm, t.mem[sp + Sp.table]);
    yield* t.spend(Cost.freePage, 1);
    pushPage(t, kvm.shadow.freeHead, sp);
    sp = popPage(t, list);
  }
}

/** kvm_mmu_remote_flush_or_zap() */
export function* kvmMmuRemoteFlushOrZap(t: Thread, kvm: Kvm, list: Cell, flush: boolean): Step<void> {
  if (t.mem[list] !== 0) yield* kvmMmuCommitZapPage(t, kvm, list);
  else if (flush) yield* kvmFlushRemoteTlbs(t, kvm);
}

/** kvm_mmu_available_pages() */
function availablePages(t: Thread, kvm: Kvm): number {
  return Math.max(0, kvm.shadow.maxPages - t.mem[kvm.shadow.usedPages]);
}

/**
 * make_mmu_pages_available(): the soft limit on shadow pages. The oldest go, whoever uses them.
 *
 * @returns false for -ENOSPC
 */
export function* makeMmuPagesAvailable(t: Thread, kvm: Kvm): Step<boolean> {
  const available = availablePages(t, kvm);
  if (available >= MIN_FREE_MMU_PAGES) return true;
  yield* kvmMmuZapOldestMmuPages(t, kvm, REFILL_PAGES - available);
  return availablePages(t, kvm) > 0;
}

/** kvm_mmu_zap_oldest_mmu_pages() */
function* kvmMmuZapOldestMmuPages(t: Thread, kvm: Kvm, toZap: number): Step<void> {
  const { activeTail, invalidList } = kvm.shadow;
  let zapped = 0;
  let sp = t.mem[activeTail];
  while (sp !== 0 && zapped < toZap) {
    const newer = t.mem[sp + Sp.prev];
    // Active roots stay: zapping one would only make vCPUs load it again.
    if (t.mem[sp + Sp.rootCount] !== 0) {
      sp = newer;
      continue;
    }
    const result = yield* kvmMmuPrepareZapPage(t, kvm, sp, invalidList);
    zapped += zappedCount(result);
    sp = listUnstable(result) ? t.mem[activeTail] : newer;
  }
  yield* kvmMmuCommitZapPage(t, kvm, invalidList);
}
