'use coroutines';
/**
 * Other storms: threads of the VMM, or of the kernel, that change its memory again and again.
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import type { Step, Thread } from '../operations.js';
import { frameOf, Pte } from '../spte.js';
import { changeProtection, NewProtection } from './change-protection.js';
import { FolioFlag, getPage, HPAGE_PMD_NR, isLarge, nodeOfPfn, pageFolio, putPage } from './folios.js';
import { followPage } from './gup.js';
import { flushTlbMmRange } from './host-tlb.js';
import { collapseHugePage } from './huge-pages.js';
import { migrateFolio, MigrateMode, MigrateReason } from './migration.js';
import { mmapReadLock, mmapReadUnlock, mmapWriteLock, mmapWriteUnlock } from './mmap-lock.js';
import {
  hugeStart,
  isHugePmd,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  pmdAddrEnd,
  pmdCell,
  ptLock,
  ptUnlock,
  pteCell,
} from './primary-mmu.js';
import type { ForkSettings, StormSettings, UnmapSettings } from './settings.js';
import { stepEnd, stepStart } from './storm-steps.js';

/** Invalidations of which nothing comes in the primary page table: KVM's part of any trigger, alone. */
export function* unmapStorm(t: Thread, mm: Mm, storm: UnmapSettings): Step<void> {
  for (let count = 0; yield* t.nextOperation(); count++) {
    const start = stepStart(storm, count);
    const end = stepEnd(storm, start);
    yield* mmuNotifierInvalidateRangeStart(t, mm, start, end, storm.blockable);
    if (storm.windowNs > 0) yield* t.sleep(storm.windowNs);
    yield* mmuNotifierInvalidateRangeEnd(t, mm, start, end);
  }
}

/** move_pages(), mm/migrate.c: each page to the node after its own. */
export function* migrateStorm(t: Thread, mm: Mm, storm: StormSettings): Step<void> {
  for (let count = 0; yield* t.nextOperation(); count++) {
    const start = stepStart(storm, count);
    yield* t.spend(Cost.syscall, 1);
    const end = stepEnd(storm, start);
    let next = start;
    for (let page = start; page < end; page = next) {
      next = yield* moveOnePage(t, mm, page);
      yield* t.condResched();
    }
  }
}

/** add_folio_for_migration(), migrate_pages(). Returns the page after the folio. */
function* moveOnePage(t: Thread, mm: Mm, page: number): Step<number> {
  yield* mmapReadLock(t, mm);
  const pfn = yield* followPage(t, mm, page, 0);
  yield* mmapReadUnlock(t, mm);
  if (pfn === 0) return page + 1;
  const folio = pageFolio(t, mm, pfn);
  const large = isLarge(t, mm, folio);
  const node = (nodeOfPfn(t, mm, folio) + 1) % mm.nodes;
  const first = large ? hugeStart(page) : page;
  yield* migrateFolio(t, mm, first, folio, node, MigrateMode.Sync, MigrateReason.Syscall);
  return large ? first + HPAGE_PMD_NR : page + 1;
}

/** mprotect(), mm/mprotect.c, to a protection that still lets the guest in: mmap_lock is held for write. */
export function* mprotectStorm(t: Thread, mm: Mm, storm: StormSettings): Step<void> {
  for (let count = 0; yield* t.nextOperation(); count++) {
    const start = stepStart(storm, count);
    yield* t.spend(Cost.syscall, 1);
    yield* mmapWriteLock(t, mm);
    yield* changeProtection(t, mm, start, stepEnd(storm, start), NewProtection.Same);
    yield* mmapWriteUnlock(t, mm);
  }
}

/** MADV_COLLAPSE, khugepaged: each 2 MiB of the step. */
export function* collapseStorm(t: Thread, mm: Mm, storm: StormSettings): Step<void> {
  for (let count = 0; yield* t.nextOperation(); count++) {
    const start = stepStart(storm, count);
    const end = stepEnd(storm, start);
    let next = start;
    for (let page = start; page < end; page = next) {
      next = pmdAddrEnd(page, end);
      yield* collapseHugePage(t, mm, page);
      yield* t.condResched();
    }
  }
}

/** fork() with a child that holds the copy for a while and exits. One child at a time. */
export function* forkStorm(t: Thread, mm: Mm, storm: ForkSettings): Step<void> {
  while (yield* t.nextOperation()) {
    yield* t.spend(Cost.syscall, 1);
    yield* copyPageRange(t, mm, storm.firstPage, storm.firstPage + storm.pages);
    yield* t.sleep(storm.holdNs);
    yield* exitMmap(t, mm);
  }
}

/**
 * dup_mmap(), copy_page_range(): every page becomes read-only
 * and shared, inside one invalidation of the whole range.
 */
function* copyPageRange(t: Thread, mm: Mm, start: number, end: number): Step<void> {
  yield* mmapWriteLock(t, mm);
  yield* mmuNotifierInvalidateRangeStart(t, mm, start, end, true);
  let next = start;
  for (let page = start; page < end; page = next) {
    next = pmdAddrEnd(page, end);
    const pmd = yield* t.load(pmdCell(mm, page));
    if (pmd === 0) {
      yield* t.spend(Cost.skipPmd, 1);
    } else {
      yield* ptLock(t, mm, page);
      if (isHugePmd(pmd)) yield* copyEntry(t, mm, pmdCell(mm, page));
      else for (let each = page; each < next; each++) yield* copyEntry(t, mm, pteCell(mm, each));
      yield* ptUnlock(t, mm, page);
    }
    yield* t.condResched();
  }
  yield* mmuNotifierInvalidateRangeEnd(t, mm, start, end);
  yield* flushTlbMmRange(t, mm, end - start);
  yield* mmapWriteUnlock(t, mm);
}

/**
 * copy_present_pte(), copy_huge_pmd(): the child's mapping
 * has one reference to a folio, however it maps it.
 */
function* copyEntry(t: Thread, mm: Mm, cell: number): Step<void> {
  const entry = yield* t.load(cell);
  if ((entry & Pte.Present) === 0) return;
  const folio = pageFolio(t, mm, frameOf(entry));
  if ((t.mem[mm.pfnFlags + folio] & FolioFlag.Forked) === 0) {
    t.mem[mm.pfnFlags + folio] |= FolioFlag.Forked;
    yield* getPage(t, mm, folio);
  }
  yield* t.store(cell, entry & ~Pte.Write);
  yield* t.spend(Cost.changePte, 1);
}

/** exit_mmap() of the child. */
function* exitMmap(t: Thread, mm: Mm): Step<void> {
  for (let pfn = 1; pfn < mm.pfns; pfn++) {
    if ((t.mem[mm.pfnFlags + pfn] & FolioFlag.Forked) === 0) continue;
    t.mem[mm.pfnFlags + pfn] &= ~FolioFlag.Forked;
    yield* t.spend(Cost.changePte, 1);
    yield* putPage(t, mm, pfn);
  }
}
