'use coroutines';
/**
 * Moving a folio to another node: mm/migrate.c and try_to_migrate_one() of mm/rmap.c, v5.10 to v7.3.
 *
 * Only the unmapping lies inside an invalidation. The copy happens after it, under migration entries on
 * which faults wait. One folio at a time: batches (since 6.3) save interrupts, not invalidations.
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import type { Cell, Step, Thread } from '../operations.js';
import { frameOf, makeEntry, Pte } from '../spte.js';
import { Tracepoint } from '../tracepoints.js';
import {
  allocHugePage,
  allocPageThisNode,
  FolioFlag,
  folioTrylock,
  folioUnlock,
  getPage,
  HPAGE_PMD_NR,
  isLarge,
  LAST_NODE_MASK,
  putPage,
} from './folios.js';
import { flushTlbMmRange } from './host-tlb.js';
import {
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  pmdCell,
  PMD_TABLE,
  ptLock,
  ptUnlock,
  pteCell,
} from './primary-mmu.js';

/** enum migrate_mode */
export const MigrateMode = { Async: 0, Sync: 2 } as const;
/** enum migrate_reason */
export const MigrateReason = { Syscall: 3, NumaMisplaced: 5 } as const;

/** NR_MAX_MIGRATE_ASYNC_RETRY: how often a folio that others use is tried. */
const MAX_TRIES = 3;

/**
 * migrate_pages() of one folio. The caller has isolated it, that is, holds one reference, which is gone
 * afterwards.
 *
 * @param page the host page that maps its first page
 * @param folio first frame of the folio
 * @returns whether it moved
 */
export function* migrateFolio(
  t: Thread,
  mm: Mm,
  page: number,
  folio: number,
  node: number,
  mode: number,
  reason: number,
): Step<boolean> {
  const pages = isLarge(t, mm, folio) ? HPAGE_PMD_NR : 1;
  const moved = yield* unmapAndMove(t, mm, page, folio, node);
  yield* putPage(t, mm, folio);
  t.emit(Tracepoint.mmMigratePages, moved ? pages : 0, moved ? 0 : pages, mode, reason);
  return moved;
}

function* unmapAndMove(t: Thread, mm: Mm, page: number, folio: number, node: number): Step<boolean> {
  const large = isLarge(t, mm, folio);
  yield* t.spend(Cost.migratePage, 1);
  const target = large ? yield* allocHugePage(t, mm, node) : yield* allocPageThisNode(t, mm, node);
  if (target === 0) return false;
  let moves = false;
  if (yield* folioTrylock(t, mm, folio)) {
    const unmapped = yield* tryToMigrateOne(t, mm, page, folio);
    moves = unmapped && (yield* hasNoOtherUser(t, mm, folio));
    if (moves) {
      yield* t.spend(Cost.copyPage, large ? HPAGE_PMD_NR : 1);
      t.mem[mm.pfnFlags + target] |= t.mem[mm.pfnFlags + folio] & LAST_NODE_MASK;
    }
    if (unmapped) yield* removeMigrationPte(t, mm, page, folio, moves ? target : folio);
    yield* folioUnlock(t, mm, folio);
  }
  // The reference that the allocation gave: the mapping has one of its own.
  yield* putPage(t, mm, target);
  return moves;
}

/** The entry that maps the first page of a folio: the huge PMD of a large one. */
function entryCell(t: Thread, mm: Mm, page: number, folio: number): Cell {
  return isLarge(t, mm, folio) ? pmdCell(mm, page) : pteCell(mm, page);
}

/** folio_migrate_mapping(): the folio moves only if the isolation's reference is the last one. */
function* hasNoOtherUser(t: Thread, mm: Mm, folio: number): Step<boolean> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    if ((yield* t.load(mm.refcounts + folio)) === 1) return true;
    yield* t.condResched();
  }
  return false;
}

/**
 * try_to_migrate_one(): a migration entry takes the place of the mapping, inside an invalidation of the
 * folio's pages. Pages that KSM shares are mapped from many places and stay where they are, as do large
 * folios mapped page by page.
 */
function* tryToMigrateOne(t: Thread, mm: Mm, page: number, folio: number): Step<boolean> {
  if ((t.mem[mm.pfnFlags + folio] & FolioFlag.Ksm) !== 0) return false;
  const end = page + (isLarge(t, mm, folio) ? HPAGE_PMD_NR : 1);
  const cell = entryCell(t, mm, page, folio);
  yield* mmuNotifierInvalidateRangeStart(t, mm, page, end, true);
  yield* ptLock(t, mm, page);
  const entry = yield* t.load(cell);
  const mapped = (entry & Pte.Present) !== 0 && frameOf(entry) === folio && isMappedAt(t, mm, page, cell);
  if (mapped) {
    yield* t.spend(Cost.changePte, 1);
    yield* t.store(cell, makeEntry(folio, Pte.Migration | (entry & (Pte.Write | Pte.Dirty))));
    yield* flushTlbMmRange(t, mm, end - page);
  }
  yield* ptUnlock(t, mm, page);
  if (mapped) yield* putPage(t, mm, folio);
  yield* mmuNotifierInvalidateRangeEnd(t, mm, page, end);
  return mapped;
}

/**
 * Whether the way to an entry is there: khugepaged takes
 * the table of PTEs away for a while. The PT lock is held.
 */
function isMappedAt(t: Thread, mm: Mm, page: number, cell: Cell): boolean {
  return cell === pmdCell(mm, page) || t.mem[pmdCell(mm, page)] === PMD_TABLE;
}

/** remove_migration_pte(): maps `target` where `folio` was, unless the entry was zapped meanwhile. */
function* removeMigrationPte(t: Thread, mm: Mm, page: number, folio: number, target: number): Step<void> {
  const cell = entryCell(t, mm, page, folio);
  yield* ptLock(t, mm, page);
  const entry = yield* t.load(cell);
  if ((entry & Pte.Migration) !== 0 && frameOf(entry) === folio) {
    yield* getPage(t, mm, target);
    yield* t.store(cell, makeEntry(target, Pte.Present | Pte.Accessed | (entry & (Pte.Write | Pte.Dirty))));
  }
  yield* ptUnlock(t, mm, page);
}
