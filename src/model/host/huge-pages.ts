'use coroutines';
/**
 * Huge pages taken apart and put together: mm/huge_memory.c, mm/khugepaged.c, v5.10 to v7.3.
 *
 * Splitting a PMD maps the same folio page by page; splitting a folio makes 512 folios of it.
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import { Order, type Step, type Thread } from '../operations.js';
import { frameOf, makeEntry, Pte } from '../spte.js';
import {
  allocHugePage,
  FolioFlag,
  freeFolio,
  getPage,
  HPAGE_PMD_NR,
  isLarge,
  nodeOfPfn,
  putPage,
} from './folios.js';
import { flushTlbMmRange } from './host-tlb.js';
import { mmapWriteLock, mmapWriteUnlock } from './mmap-lock.js';
import {
  entryInHugePmd,
  hugeStart,
  isHugePmd,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  pmdCell,
  PMD_TABLE,
  ptLock,
  ptUnlock,
  pteCell,
} from './primary-mmu.js';

/** __split_huge_pmd(): an invalidation of 2 MiB. A huge page that is being moved is awaited first. */
export function* splitHugePmd(t: Thread, mm: Mm, page: number): Step<void> {
  const start = hugeStart(page);
  const end = start + HPAGE_PMD_NR;
  yield* t.waitUntil(pmdCell(mm, page), Pte.Migration, 0);
  yield* mmuNotifierInvalidateRangeStart(t, mm, start, end, true);
  yield* ptLock(t, mm, page);
  const pmd = yield* t.load(pmdCell(mm, page));
  if ((pmd & Pte.Present) !== 0) yield* splitHugePmdLocked(t, mm, start, pmd);
  yield* ptUnlock(t, mm, page);
  yield* mmuNotifierInvalidateRangeEnd(t, mm, start, end);
}

/** __split_huge_pmd_locked(): each page's mapping gets a reference of its own to the folio. */
function* splitHugePmdLocked(t: Thread, mm: Mm, start: number, pmd: number): Step<void> {
  yield* t.spend(Cost.splitPmd, 1);
  yield* t.fetchAdd(mm.refcounts + frameOf(pmd), HPAGE_PMD_NR - 1, Order.Relaxed);
  // pmdp_invalidate(): the processor must never see both sizes.
  yield* t.store(pmdCell(mm, start), pmd & ~Pte.Present);
  yield* flushTlbMmRange(t, mm, HPAGE_PMD_NR);
  for (let page = start; page < start + HPAGE_PMD_NR; page++) {
    yield* t.store(pteCell(mm, page), entryInHugePmd(pmd, page));
  }
  yield* t.store(pmdCell(mm, start), PMD_TABLE);
}

/**
 * split_huge_page(): the caller holds the folio's lock and one reference to it; if it succeeds, to `page`
 * alone.
 *
 * @param page a host page that the folio is mapped at
 * @returns whether it was split; not if somebody else uses it
 */
export function* splitHugePage(t: Thread, mm: Mm, page: number, folio: number): Step<boolean> {
  const start = hugeStart(page);
  const end = start + HPAGE_PMD_NR;
  // can_split_folio(): a racy look, before anything is unmapped.
  if ((yield* t.load(mm.refcounts + folio)) !== folioMapcount(t, mm, start, folio) + 1) return false;
  yield* mmuNotifierInvalidateRangeStart(t, mm, start, end, true);
  yield* unmapFolio(t, mm, start, folio);
  yield* mmuNotifierInvalidateRangeEnd(t, mm, start, end);
  // folio_ref_freeze(): nobody can get a reference to what has none.
  const frozen = (yield* t.cmpxchg(mm.refcounts + folio, 1, 0, Order.Full)) === 1;
  if (frozen) splitFlags(t, mm, folio, folio + (page - start));
  yield* remapPages(t, mm, start, folio, frozen);
  if (frozen) yield* getPage(t, mm, folio + (page - start));
  return frozen;
}

/** folio_mapcount(), which the kernel counts as it maps. */
function folioMapcount(t: Thread, mm: Mm, start: number, folio: number): number {
  const pmd = t.mem[pmdCell(mm, start)];
  if (isHugePmd(pmd)) return frameOf(pmd) === folio ? 1 : 0;
  let mapped = 0;
  for (let index = 0; index < HPAGE_PMD_NR; index++) {
    const pte = t.mem[pteCell(mm, start + index)];
    if ((pte & Pte.Present) !== 0 && frameOf(pte) === folio + index) mapped++;
  }
  return mapped;
}

/** unmap_folio(), try_to_migrate_one() with TTU_SPLIT_HUGE_PMD: 512 migration entries. */
function* unmapFolio(t: Thread, mm: Mm, start: number, folio: number): Step<void> {
  let mapped = 0;
  yield* ptLock(t, mm, start);
  const pmd = yield* t.load(pmdCell(mm, start));
  if (isHugePmd(pmd) && frameOf(pmd) === folio) yield* splitHugePmdLocked(t, mm, start, pmd);
  if (t.mem[pmdCell(mm, start)] === PMD_TABLE) {
    for (let index = 0; index < HPAGE_PMD_NR; index++) {
      const pte = yield* t.load(pteCell(mm, start + index));
      if ((pte & Pte.Present) === 0 || frameOf(pte) !== folio + index) continue;
      const kept = Pte.Migration | (pte & (Pte.Write | Pte.Dirty));
      yield* t.store(pteCell(mm, start + index), makeEntry(folio + index, kept));
      mapped++;
    }
    yield* t.spend(Cost.changePte, mapped);
    yield* flushTlbMmRange(t, mm, HPAGE_PMD_NR);
  }
  yield* ptUnlock(t, mm, start);
  // The caller's reference keeps the folio.
  yield* t.fetchAdd(mm.refcounts + folio, -mapped, Order.Full);
}

/**
 * __split_huge_page_tail(), for all at once: nobody looks
 * at a frozen folio. The lock goes over to one page.
 */
function splitFlags(t: Thread, mm: Mm, folio: number, locked: number): void {
  const gone = FolioFlag.Head | FolioFlag.Tail | FolioFlag.Locked;
  for (let pfn = folio; pfn < folio + HPAGE_PMD_NR; pfn++) t.mem[mm.pfnFlags + pfn] &= ~gone;
  t.mem[mm.pfnFlags + locked] |= FolioFlag.Locked;
}

/** remap_page(): back from migration entries. Pages of a split folio that nobody maps any more are freed. */
function* remapPages(t: Thread, mm: Mm, start: number, folio: number, wasSplit: boolean): Step<void> {
  yield* ptLock(t, mm, start);
  for (let index = 0; index < HPAGE_PMD_NR; index++) {
    const pfn = folio + index;
    const pte = yield* t.load(pteCell(mm, start + index));
    if ((pte & Pte.Migration) !== 0 && frameOf(pte) === pfn) {
      if (wasSplit) yield* t.store(mm.refcounts + pfn, 1);
      else yield* getPage(t, mm, folio);
      const flags = Pte.Present | Pte.Accessed | (pte & (Pte.Write | Pte.Dirty));
      yield* t.store(pteCell(mm, start + index), makeEntry(pfn, flags));
    } else if (wasSplit && (t.mem[mm.pfnFlags + pfn] & FolioFlag.Locked) === 0) {
      yield* freeFolio(t, mm, pfn);
    }
  }
  yield* t.spend(Cost.changePte, HPAGE_PMD_NR);
  yield* ptUnlock(t, mm, start);
}

/**
 * collapse_huge_page(), mm/khugepaged.c: 512 pages become one. mmap_lock is held for write; the
 * invalidation covers only the removal of the table, the copy happens while no fault can get in.
 *
 * @returns whether it was done
 */
export function* collapseHugePage(t: Thread, mm: Mm, page: number): Step<boolean> {
  const start = hugeStart(page);
  const end = start + HPAGE_PMD_NR;
  yield* t.spend(Cost.allocPage, 1);
  const target = yield* allocHugePage(t, mm, nodeOfPfn(t, mm, frameOf(t.mem[pteCell(mm, page)])));
  if (target === 0) return false;
  let collapsed = false;
  yield* mmapWriteLock(t, mm);
  if ((yield* t.load(pmdCell(mm, start))) === PMD_TABLE) {
    yield* mmuNotifierInvalidateRangeStart(t, mm, start, end, true);
    yield* ptLock(t, mm, start);
    // pmdp_collapse_flush()
    yield* t.store(pmdCell(mm, start), 0);
    yield* flushTlbMmRange(t, mm, HPAGE_PMD_NR);
    yield* ptUnlock(t, mm, start);
    yield* mmuNotifierInvalidateRangeEnd(t, mm, start, end);
    collapsed = yield* collapseIsolate(t, mm, start);
    if (collapsed) yield* collapseCopy(t, mm, start);
    yield* ptLock(t, mm, start);
    const whole = makeEntry(target, Pte.Present | Pte.Write | Pte.Accessed | Pte.Dirty);
    yield* t.store(pmdCell(mm, start), collapsed ? whole : PMD_TABLE);
    yield* ptUnlock(t, mm, start);
  }
  yield* mmapWriteUnlock(t, mm);
  if (!collapsed) yield* putPage(t, mm, target);
  return collapsed;
}

/** __collapse_huge_page_isolate(): whether every page that is there belongs to this page table alone. */
function* collapseIsolate(t: Thread, mm: Mm, start: number): Step<boolean> {
  let present = 0;
  for (let page = start; page < start + HPAGE_PMD_NR; page++) {
    const pte = yield* t.load(pteCell(mm, page));
    if (pte === 0) continue;
    if ((pte & Pte.Present) === 0 || isLarge(t, mm, frameOf(pte))) return false;
    const flags = t.mem[mm.pfnFlags + frameOf(pte)];
    if ((flags & (FolioFlag.Ksm | FolioFlag.Locked | FolioFlag.Forked)) !== 0) return false;
    if ((yield* t.load(mm.refcounts + frameOf(pte))) !== 1) return false;
    present++;
  }
  return present > 0;
}

/** __collapse_huge_page_copy() */
function* collapseCopy(t: Thread, mm: Mm, start: number): Step<void> {
  yield* t.spend(Cost.copyPage, HPAGE_PMD_NR);
  for (let page = start; page < start + HPAGE_PMD_NR; page++) {
    const pte = yield* t.load(pteCell(mm, page));
    if (pte === 0) continue;
    yield* t.store(pteCell(mm, page), 0);
    yield* putPage(t, mm, frameOf(pte));
  }
}
