'use coroutines';
/**
 * ksmd, which looks for equal pages: mm/ksm.c, v5.10 to v7.3.
 *
 * Its two trees are tables by content class. The cells of KsmState are ksmd's own, except for the contents.
 */
import { Cost } from '../costs.js';
import type { KsmState, Mm } from '../kvm.js';
import type { Step, Thread } from '../operations.js';
import { Tracepoint } from '../tracepoints.js';
import {
  folioTrylock,
  folioUnlock,
  isLarge,
  KSM_CLASS_SHIFT,
  pageFolio,
  putPage,
  tryGetPage,
} from './folios.js';
import { followPage } from './gup.js';
import { splitHugePage } from './huge-pages.js';
import { RMAP_CHECKSUM_KNOWN } from './ksm-contents.js';
import { contentsCell, isKsmPage, tryToMergeTwoPages, tryToMergeWithKsmPage } from './ksm-merge.js';
import { mmapReadLock, mmapReadUnlock } from './mmap-lock.js';
import { pmdAddrEnd, pmdCell } from './primary-mmu.js';

/** ksm_rmap_item: age and remaining_skips, above RMAP_CHECKSUM_KNOWN. */
const AGE_SHIFT = 8;
const SKIPS_SHIFT = 16;
const BYTE = 0xff;

/** ksm_scan_thread() */
export function* ksmScanThread(t: Thread, mm: Mm, ksm: KsmState): Step<void> {
  while (yield* t.nextOperation()) {
    yield* ksmDoScan(t, mm, ksm);
    yield* t.sleep(ksm.settings.sleepNs);
  }
}

/**
 * ksm_do_scan(): up to pages_to_scan pages; less when a pass over all memory ends.
 *
 * @internal for tests
 */
export function* ksmDoScan(t: Thread, mm: Mm, ksm: KsmState): Step<void> {
  for (let left = ksm.settings.pagesToScan; left > 0; left--) {
    yield* t.condResched();
    const pfn = yield* scanGetNextRmapItem(t, mm, ksm);
    if (pfn === 0) return;
    yield* cmpAndMergePage(t, mm, ksm, t.mem[ksm.cursor] - 1, pfn);
    yield* putPage(t, mm, pfn);
  }
}

/**
 * scan_get_next_rmap_item(): the next page that is there, with a reference; the cursor stands behind it.
 *
 * @returns its frame; 0 at the end of a pass
 */
function* scanGetNextRmapItem(t: Thread, mm: Mm, ksm: KsmState): Step<number> {
  const end = mm.firstPage + mm.pages;
  let page = t.mem[ksm.cursor];
  if (page === 0) {
    page = mm.firstPage;
    t.emit(Tracepoint.ksmStartScan, t.mem[ksm.seqnr], mm.pages);
  }
  yield* mmapReadLock(t, mm);
  while (page < end) {
    if ((yield* t.load(pmdCell(mm, page))) === 0) {
      yield* t.spend(Cost.skipPmd, 1);
      page = pmdAddrEnd(page, end);
      continue;
    }
    const pfn = yield* followPage(t, mm, page, 0);
    page++;
    if (pfn !== 0) {
      if (!shouldSkipRmapItem(t, mm, ksm, page - 1, pfn)) {
        t.mem[ksm.cursor] = page;
        yield* mmapReadUnlock(t, mm);
        return pfn;
      }
      yield* putPage(t, mm, pfn);
    }
    yield* t.condResched();
  }
  yield* mmapReadUnlock(t, mm);
  t.emit(Tracepoint.ksmStopScan, t.mem[ksm.seqnr], mm.pages);
  t.mem[ksm.seqnr]++;
  t.mem[ksm.cursor] = 0;
  // root_unstable_tree = RB_ROOT
  t.mem.fill(0, ksm.unstable, ksm.unstable + ksm.classes + 1);
  return 0;
}

/**
 * should_skip_rmap_item(), since 6.7: the longer a page
 * has not been merged, the more scans it is left out of.
 */
function shouldSkipRmapItem(t: Thread, mm: Mm, ksm: KsmState, page: number, pfn: number): boolean {
  if (!ksm.settings.smartScan || isKsmPage(t, mm, pfn)) return false;
  const cell = ksm.rmapItems + page - mm.firstPage;
  const item = t.mem[cell];
  const age = (item >>> AGE_SHIFT) & BYTE;
  const skips = (item >>> SKIPS_SHIFT) & BYTE;
  const older = age === BYTE ? 0 : 1 << AGE_SHIFT;
  if (age < 3) t.mem[cell] = item + older;
  else if (skips === 0) t.mem[cell] = item + older + (skipAge(age) << SKIPS_SHIFT);
  else t.mem[cell] = item + older - (1 << SKIPS_SHIFT);
  return age >= 3 && skips > 0;
}

/** skip_age() */
function skipAge(age: number): number {
  if (age <= 3) return 1;
  if (age <= 5) return 2;
  return age <= 8 ? 4 : 8;
}

/** cmp_and_merge_page(): first the pages that are shared already, then those that were seen in this pass. */
function* cmpAndMergePage(t: Thread, mm: Mm, ksm: KsmState, page: number, pfn: number): Step<void> {
  yield* t.spend(Cost.ksmScanPage, 1);
  if (isKsmPage(t, mm, pfn)) return;
  const contents = yield* t.load(contentsCell(mm, ksm, page));
  if (contents !== 0) {
    const kpage = yield* stableTreeSearch(t, mm, ksm, contents);
    if (kpage !== 0) {
      if (yield* tryToMergeWithKsmPage(t, mm, page, pfn, kpage, contents)) forget(t, mm, ksm, page);
      yield* putPage(t, mm, kpage);
      return;
    }
  }
  const cell = ksm.rmapItems + page - mm.firstPage;
  if ((t.mem[cell] & RMAP_CHECKSUM_KNOWN) === 0) {
    // It may be a page that keeps changing: it must look the same in two passes.
    t.mem[cell] |= RMAP_CHECKSUM_KNOWN;
    return;
  }
  if (contents !== 0) yield* unstableTreeSearchInsert(t, mm, ksm, page, pfn, contents);
}

/**
 * stable_tree_search(): the shared page of a class, with
 * a reference, if it is still there and has room; else 0.
 */
function* stableTreeSearch(t: Thread, mm: Mm, ksm: KsmState, contents: number): Step<number> {
  const kpage = t.mem[ksm.stable + contents];
  if (kpage === 0) return 0;
  // ksm_get_folio(): the tree holds no reference, so the page may be gone, or be another one by now.
  if (!(yield* tryGetPage(t, mm, kpage))) return 0;
  const isOurs = isKsmPage(t, mm, kpage) && t.mem[mm.pfnFlags + kpage] >>> KSM_CLASS_SHIFT === contents;
  // One reference is ours, the others are its mappings'.
  const sharers = isOurs ? (yield* t.load(mm.refcounts + kpage)) - 1 : 0;
  if (sharers > 0 && sharers < ksm.settings.maxPageSharing) return kpage;
  yield* putPage(t, mm, kpage);
  return 0;
}

/**
 * unstable_tree_search_insert(), try_to_merge_two_pages(), stable_tree_insert(). A class that had a full
 * shared page gets a new one instead (the kernel chains them and fills gaps in the old ones, too).
 */
function* unstableTreeSearchInsert(
  t: Thread,
  mm: Mm,
  ksm: KsmState,
  page: number,
  pfn: number,
  contents: number,
): Step<void> {
  const cell = ksm.unstable + contents;
  const other = t.mem[cell] - 1;
  // get_mergeable_page()
  const otherPfn = other < 0 || other === page ? 0 : yield* getMergeablePage(t, mm, other);
  const equal = otherPfn !== 0 && (yield* t.load(contentsCell(mm, ksm, other))) === contents;
  let splits = false;
  if (!equal) {
    t.mem[cell] = page + 1;
  } else if (otherPfn !== pfn && !isKsmPage(t, mm, otherPfn)) {
    // Not the same frame, which would be a page that a fork shares.
    const sameFolio = isLarge(t, mm, pfn) && pageFolio(t, mm, pfn) === pageFolio(t, mm, otherPfn);
    const merged = yield* tryToMergeTwoPages(t, mm, page, pfn, other, otherPfn, contents);
    if (merged) {
      t.mem[ksm.stable + contents] = pfn;
      t.mem[cell] = 0;
      forget(t, mm, ksm, page);
      forget(t, mm, ksm, other);
    }
    splits = !merged && sameFolio;
  }
  if (otherPfn !== 0) yield* putPage(t, mm, otherPfn);
  if (splits) yield* splitForLater(t, mm, page, pfn);
}

/**
 * The end of cmp_and_merge_page() for two pages of one huge page: ksmd's own two references kept it from
 * being split. With one of them gone it is split now, and merged in the next pass.
 */
function* splitForLater(t: Thread, mm: Mm, page: number, pfn: number): Step<void> {
  const folio = pageFolio(t, mm, pfn);
  if (!(yield* folioTrylock(t, mm, folio))) return;
  const split = yield* splitHugePage(t, mm, page, folio);
  yield* folioUnlock(t, mm, split ? pfn : folio);
}

function* getMergeablePage(t: Thread, mm: Mm, page: number): Step<number> {
  yield* mmapReadLock(t, mm);
  const pfn = yield* followPage(t, mm, page, 0);
  yield* mmapReadUnlock(t, mm);
  return pfn;
}

/** A page that was merged begins anew when it is unshared: its age and its skips. */
function forget(t: Thread, mm: Mm, ksm: KsmState, page: number): void {
  t.mem[ksm.rmapItems + page - mm.firstPage] &= RMAP_CHECKSUM_KNOWN;
}
