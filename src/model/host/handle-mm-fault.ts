'use coroutines';
/**
 * Page faults of the host: handle_mm_fault(), mm/memory.c and mm/huge_memory.c, v5.10 to v7.3.
 *
 * mmap_lock is held for read throughout. Memory is private and anonymous; a read of memory that was never
 * touched gets a page of its own, not the zero page.
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import type { Cell, Step, Thread } from '../operations.js';
import { frameOf, makeEntry, Pte, WRITTEN_PAGE } from '../spte.js';
import {
  allocHugePage,
  allocPage,
  FolioFlag,
  getPage,
  HPAGE_PMD_NR,
  isLarge,
  LAST_NODE_MASK,
  LAST_NODE_SHIFT,
  nodeOfPfn,
  pageFolio,
  putPage,
} from './folios.js';
import { flushTlbMmRange } from './host-tlb.js';
import { splitHugePmd } from './huge-pages.js';
import { noteWrite } from './ksm-contents.js';
import { migrateFolio, MigrateMode, MigrateReason } from './migration.js';
import {
  hugeStart,
  isHugePmd,
  mmuNotifierChangePte,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  pmdCell,
  populateTables,
  ptLock,
  ptUnlock,
  pteCell,
  pudCell,
} from './primary-mmu.js';

/** vm_fault_t */
export const VmFault = {
  /** Handled, or somebody else was at it: look again. */
  Done: 0,
  Oom: 1,
} as const;
export type VmFault = (typeof VmFault)[keyof typeof VmFault];

/** numa_node_id() */
function nodeHere(t: Thread, mm: Mm): number {
  return mm.cpuNodes[t.smpProcessorId()] ?? 0;
}

/** handle_mm_fault(), __handle_mm_fault(), handle_pte_fault() */
export function* handleMmFault(t: Thread, mm: Mm, page: number, write: number): Step<VmFault> {
  const pmd = yield* t.load(pmdCell(mm, page));
  if (pmd === 0 && mm.thp && holdsHugePage(mm, page) && (yield* doHugePmdAnonymousPage(t, mm, page))) {
    return VmFault.Done;
  }
  if (isHugePmd(pmd)) {
    yield* handleHugePmd(t, mm, page, write, pmd);
    return VmFault.Done;
  }
  const pte = pmd === 0 ? 0 : yield* t.load(pteCell(mm, page));
  if (pte === 0) return yield* doAnonymousPage(t, mm, page);
  if ((pte & Pte.Migration) !== 0) yield* migrationEntryWait(t, pteCell(mm, page));
  else if ((pte & Pte.ProtNone) !== 0) yield* doNumaPage(t, mm, page, pteCell(mm, page), pte);
  else if (write !== 0 && (pte & Pte.Write) === 0) return yield* doWpPage(t, mm, page, pte);
  return VmFault.Done;
}

function* handleHugePmd(t: Thread, mm: Mm, page: number, write: number, pmd: number): Step<void> {
  const cell = pmdCell(mm, page);
  if ((pmd & Pte.Migration) !== 0) yield* migrationEntryWait(t, cell);
  // do_huge_pmd_numa_page() differs from do_numa_page() by its entry alone.
  else if ((pmd & Pte.ProtNone) !== 0) yield* doNumaPage(t, mm, hugeStart(page), cell, pmd);
  else if (write !== 0 && (pmd & Pte.Write) === 0) yield* doHugePmdWpPage(t, mm, page, pmd);
}

/** migration_entry_wait(), pmd_migration_entry_wait(): sleeps until the folio that moves is unlocked. */
function* migrationEntryWait(t: Thread, cell: Cell): Step<void> {
  yield* t.waitUntil(cell, Pte.Migration, 0);
}

/** thp_vma_suitable_order(): whether the 2 MiB around a page lie in the VMA. */
function holdsHugePage(mm: Mm, page: number): boolean {
  const start = hugeStart(page);
  return start >= mm.firstPage && start + HPAGE_PMD_NR <= mm.firstPage + mm.pages;
}

/** do_huge_pmd_anonymous_page(): false when there is no huge page to be had (VM_FAULT_FALLBACK). */
function* doHugePmdAnonymousPage(t: Thread, mm: Mm, page: number): Step<boolean> {
  const folio = yield* allocHugePage(t, mm, nodeHere(t, mm));
  if (folio === 0) return false;
  yield* t.spend(Cost.anonFault2M, 1);
  yield* ptLock(t, mm, page);
  const free = (yield* t.load(pmdCell(mm, page))) === 0;
  if (free) {
    yield* t.store(pudCell(mm, page), 1);
    yield* t.store(pmdCell(mm, page), makeEntry(folio, WRITTEN_PAGE));
  }
  yield* ptUnlock(t, mm, page);
  if (!free) yield* putPage(t, mm, folio);
  return true;
}

/** do_anonymous_page() */
function* doAnonymousPage(t: Thread, mm: Mm, page: number): Step<VmFault> {
  const pfn = yield* allocPage(t, mm, nodeHere(t, mm));
  if (pfn === 0) return VmFault.Oom;
  yield* t.spend(Cost.anonFault4K, 1);
  yield* ptLock(t, mm, page);
  const pmd = yield* t.load(pmdCell(mm, page));
  if (pmd === 0) yield* populateTables(t, mm, page);
  const free = !isHugePmd(pmd) && (yield* t.load(pteCell(mm, page))) === 0;
  if (free) yield* t.store(pteCell(mm, page), makeEntry(pfn, WRITTEN_PAGE));
  yield* ptUnlock(t, mm, page);
  if (!free) yield* putPage(t, mm, pfn);
  return VmFault.Done;
}

/**
 * do_numa_page(), do_huge_pmd_numa_page(): the page is used from another node than it lies on, or just
 * used. It is moved here and now, with an invalidation of its own, by the thread that faulted; or made
 * accessible again.
 *
 * @param cell the PTE, or the huge PMD
 * @param entry what it holds
 */
function* doNumaPage(t: Thread, mm: Mm, page: number, cell: Cell, entry: number): Step<void> {
  const pfn = frameOf(entry);
  yield* ptLock(t, mm, page);
  if ((yield* t.load(cell)) !== entry) return yield* ptUnlock(t, mm, page);
  yield* t.spend(Cost.numaHintFault, 1);
  const node = numaMigrateCheck(t, mm, page, cell, pfn);
  if (node >= 0) {
    yield* getPage(t, mm, pfn);
    yield* ptUnlock(t, mm, page);
    const { NumaMisplaced } = MigrateReason;
    if (yield* migrateFolio(t, mm, page, pfn, node, MigrateMode.Async, NumaMisplaced)) return;
    yield* ptLock(t, mm, page);
    if ((yield* t.load(cell)) !== entry) return yield* ptUnlock(t, mm, page);
  }
  yield* t.store(cell, (entry & ~Pte.ProtNone) | Pte.Accessed);
  yield* ptUnlock(t, mm, page);
}

/**
 * numa_migrate_check(), should_numa_migrate_memory(), kernel/sched/fair.c: the
 * node to move a page to, or -1. A page moves when it is used from another
 * node and the hinting fault before came from there too, or was the first.
 */
function numaMigrateCheck(t: Thread, mm: Mm, page: number, cell: Cell, pfn: number): number {
  const node = nodeHere(t, mm);
  const flags = t.mem[mm.pfnFlags + pageFolio(t, mm, pfn)];
  t.mem[mm.pfnFlags + pageFolio(t, mm, pfn)] = (flags & ~LAST_NODE_MASK) | ((node + 1) << LAST_NODE_SHIFT);
  // A large folio that is mapped page by page stays where it is.
  const whole = cell === pmdCell(mm, page) || !isLarge(t, mm, pfn);
  if (!mm.migratesMisplaced || !whole || node === nodeOfPfn(t, mm, pfn)) return -1;
  const last = (flags & LAST_NODE_MASK) >> LAST_NODE_SHIFT;
  return last === 0 || last === node + 1 ? node : -1;
}

/**
 * do_wp_page(): a write to a page that is mapped read-only.
 * A page with one owner is his; another is copied.
 */
function* doWpPage(t: Thread, mm: Mm, page: number, pte: number): Step<VmFault> {
  const pfn = frameOf(pte);
  yield* ptLock(t, mm, page);
  if ((yield* t.load(pteCell(mm, page))) !== pte) {
    yield* ptUnlock(t, mm, page);
    return VmFault.Done;
  }
  const folio = pageFolio(t, mm, pfn);
  const isKsm = (t.mem[mm.pfnFlags + folio] & FolioFlag.Ksm) !== 0;
  if (!isKsm && (yield* t.load(mm.refcounts + folio)) === 1) {
    // wp_can_reuse_anon_folio(), wp_page_reuse()
    yield* t.store(pteCell(mm, page), pte | Pte.Write | Pte.Dirty | Pte.Accessed);
    yield* ptUnlock(t, mm, page);
    return VmFault.Done;
  }
  yield* getPage(t, mm, pfn);
  yield* ptUnlock(t, mm, page);
  return yield* wpPageCopy(t, mm, page, pte);
}

/**
 * wp_page_copy(): the copy is made first; its mapping
 * replaces the old one inside an invalidation of one page.
 */
function* wpPageCopy(t: Thread, mm: Mm, page: number, pte: number): Step<VmFault> {
  const old = frameOf(pte);
  yield* t.spend(Cost.allocPage, 1);
  const copy = yield* allocPage(t, mm, nodeHere(t, mm));
  if (copy === 0) {
    yield* putPage(t, mm, old);
    return VmFault.Oom;
  }
  yield* t.spend(Cost.copyPage, 1);
  yield* mmuNotifierInvalidateRangeStart(t, mm, page, page + 1, true);
  yield* ptLock(t, mm, page);
  const same = (yield* t.load(pteCell(mm, page))) === pte;
  if (same) {
    yield* t.spend(Cost.changePte, 1);
    yield* t.store(pteCell(mm, page), 0);
    yield* flushTlbMmRange(t, mm, 1);
    yield* t.store(pteCell(mm, page), makeEntry(copy, WRITTEN_PAGE));
    yield* mmuNotifierChangePte(t, mm);
    if (mm.ksm !== undefined) noteWrite(t.mem, mm, mm.ksm, page);
  }
  yield* ptUnlock(t, mm, page);
  yield* mmuNotifierInvalidateRangeEnd(t, mm, page, page + 1);
  // The mapping's reference, or the copy that nobody needs; then the one that kept the page during the copy.
  yield* putPage(t, mm, same ? old : copy);
  yield* putPage(t, mm, old);
  return VmFault.Done;
}

/**
 * do_huge_pmd_wp_page(): a huge page with one owner is
 * his; another is mapped page by page, to be copied so.
 */
function* doHugePmdWpPage(t: Thread, mm: Mm, page: number, pmd: number): Step<void> {
  yield* ptLock(t, mm, page);
  const same = (yield* t.load(pmdCell(mm, page))) === pmd;
  const reuse = same && (yield* t.load(mm.refcounts + frameOf(pmd))) === 1;
  if (reuse) yield* t.store(pmdCell(mm, page), pmd | Pte.Write | Pte.Dirty | Pte.Accessed);
  yield* ptUnlock(t, mm, page);
  if (same && !reuse) yield* splitHugePmd(t, mm, page);
}
