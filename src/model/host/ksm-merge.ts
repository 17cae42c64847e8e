'use coroutines';
/**
 * Merging two pages: mm/ksm.c, v5.10 to v7.3. Every step that touches a page table is an invalidation of
 * one page; a huge page is split first, with one of 2 MiB.
 */
import { Cost } from '../costs.js';
import type { KsmState, Mm } from '../kvm.js';
import type { Step, Thread } from '../operations.js';
import { frameOf, makeEntry, Pte } from '../spte.js';
import { Tracepoint } from '../tracepoints.js';
import {
  FolioFlag,
  folioTrylock,
  folioUnlock,
  getPage,
  isLarge,
  KSM_CLASS_SHIFT,
  pageFolio,
  putPage,
} from './folios.js';
import { handleMmFault } from './handle-mm-fault.js';
import { flushTlbMmRange } from './host-tlb.js';
import { splitHugePage } from './huge-pages.js';
import { mmapReadLock, mmapReadUnlock } from './mmap-lock.js';
import {
  mmuNotifierChangePte,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  pmdCell,
  PMD_TABLE,
  ptLock,
  ptUnlock,
  pteCell,
} from './primary-mmu.js';

const EFAULT = 14;

/** folio_test_ksm() */
export function isKsmPage(t: Thread, mm: Mm, pfn: number): boolean {
  return (t.mem[mm.pfnFlags + pageFolio(t, mm, pfn)] & FolioFlag.Ksm) !== 0;
}

/**
 * try_to_merge_with_ksm_page(): merges a page with one that KSM shares, or makes it one.
 *
 * @param pfn the frame that `page` had; the caller holds a reference
 * @param kpage the frame of the shared page, with a reference; 0 to make `pfn` one of class `contents`
 */
export function* tryToMergeWithKsmPage(
  t: Thread,
  mm: Mm,
  page: number,
  pfn: number,
  kpage: number,
  contents: number,
): Step<boolean> {
  yield* mmapReadLock(t, mm);
  const merged = yield* tryToMergeOnePage(t, mm, page, pfn, kpage, contents);
  yield* mmapReadUnlock(t, mm);
  t.emit(Tracepoint.ksmMergeWithKsmPage, kpage === 0 ? pfn : kpage, pfn, merged ? 0 : -EFAULT);
  return merged;
}

/**
 * try_to_merge_two_pages(): the first becomes a shared page, the second is merged with it. If that fails,
 * the first is unshared again (break_cow()).
 */
export function* tryToMergeTwoPages(
  t: Thread,
  mm: Mm,
  page: number,
  pfn: number,
  otherPage: number,
  otherPfn: number,
  contents: number,
): Step<boolean> {
  if (!(yield* tryToMergeWithKsmPage(t, mm, page, pfn, 0, contents))) return false;
  if (yield* tryToMergeWithKsmPage(t, mm, otherPage, otherPfn, pfn, contents)) return true;
  yield* mmapReadLock(t, mm);
  yield* handleMmFault(t, mm, page, 1);
  yield* mmapReadUnlock(t, mm);
  return false;
}

/** try_to_merge_one_page() */
function* tryToMergeOnePage(
  t: Thread,
  mm: Mm,
  page: number,
  pfn: number,
  kpage: number,
  contents: number,
): Step<boolean> {
  if (pfn === kpage) return true;
  const folio = pageFolio(t, mm, pfn);
  if (!(yield* folioTrylock(t, mm, folio))) return false;
  if (isLarge(t, mm, pfn) && !(yield* splitHugePage(t, mm, page, folio))) {
    yield* folioUnlock(t, mm, folio);
    return false;
  }
  let merged = false;
  const original = yield* writeProtectPage(t, mm, page, pfn);
  if (original !== 0) {
    if (kpage === 0) {
      // folio_set_stable_node(): nobody else changes the flags of a locked folio, apart from the node that
      // used it last.
      t.mem[mm.pfnFlags + pfn] |= FolioFlag.Ksm | (contents << KSM_CLASS_SHIFT);
      merged = true;
    } else {
      yield* t.spend(Cost.ksmCompare, 1);
      merged =
        (yield* holds(t, mm, page, contents)) && (yield* replacePage(t, mm, page, pfn, kpage, original));
    }
  }
  yield* folioUnlock(t, mm, pfn);
  return merged;
}

/** pages_identical(): whether a page still holds what was searched for. */
function* holds(t: Thread, mm: Mm, page: number, contents: number): Step<boolean> {
  const { ksm } = mm;
  return ksm !== undefined && (yield* t.load(contentsCell(mm, ksm, page))) === contents;
}

export function contentsCell(mm: Mm, ksm: KsmState, page: number): number {
  return ksm.contents + page - mm.firstPage;
}

/**
 * write_protect_page(): makes a page read-only, if nobody but its mapping and ksmd has a reference: a page
 * that KVM or a device holds is refused.
 *
 * @returns the PTE as it is now; 0 when the page was refused or is gone
 */
function* writeProtectPage(t: Thread, mm: Mm, page: number, pfn: number): Step<number> {
  const cell = pteCell(mm, page);
  let now = 0;
  yield* mmuNotifierInvalidateRangeStart(t, mm, page, page + 1, true);
  yield* ptLock(t, mm, page);
  const pte = yield* t.load(cell);
  if (t.mem[pmdCell(mm, page)] === PMD_TABLE && (pte & Pte.Present) !== 0 && frameOf(pte) === pfn) {
    if ((pte & (Pte.Write | Pte.Dirty)) === 0) {
      now = pte;
    } else {
      // ptep_clear_flush(): from here on get_user_pages_fast() finds nothing, and what it took before is
      // counted.
      yield* t.store(cell, 0);
      yield* flushTlbMmRange(t, mm, 1);
      yield* t.spend(Cost.changePte, 1);
      // page_mapcount() + 1 != page_count()
      const only = (yield* t.load(mm.refcounts + pfn)) === 2;
      if (only) now = pte & ~(Pte.Write | Pte.Dirty);
      yield* t.store(cell, only ? now : pte);
      yield* mmuNotifierChangePte(t, mm);
    }
  }
  yield* ptUnlock(t, mm, page);
  yield* mmuNotifierInvalidateRangeEnd(t, mm, page, page + 1);
  return now;
}

/** replace_page(): maps the shared page instead, unless the PTE changed since write_protect_page(). */
function* replacePage(
  t: Thread,
  mm: Mm,
  page: number,
  pfn: number,
  kpage: number,
  original: number,
): Step<boolean> {
  const cell = pteCell(mm, page);
  yield* mmuNotifierInvalidateRangeStart(t, mm, page, page + 1, true);
  yield* ptLock(t, mm, page);
  const same = t.mem[pmdCell(mm, page)] === PMD_TABLE && (yield* t.load(cell)) === original;
  if (same) {
    yield* getPage(t, mm, kpage);
    yield* t.store(cell, 0);
    yield* flushTlbMmRange(t, mm, 1);
    yield* t.spend(Cost.changePte, 1);
    yield* t.store(cell, makeEntry(kpage, Pte.Present | Pte.Accessed | Pte.Ksm));
    yield* mmuNotifierChangePte(t, mm);
    yield* putPage(t, mm, pfn);
  }
  yield* ptUnlock(t, mm, page);
  yield* mmuNotifierInvalidateRangeEnd(t, mm, page, page + 1);
  return same;
}
