'use coroutines';
/**
 * The page table of the VMM's process, three levels of it, with its locks, and the call of the mmu
 * notifiers. mm/memory.c, mm/mmu_notifier.c, include/linux/pgtable.h.
 *
 * An entry of a PTE or of a huge PMD is a frame with flags of Pte. A page
 * under NUMA's PROT_NONE keeps its Present flag, as pte_present() says yes to
 * it; a migration entry has only Migration and what the page will get back.
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import { spinLock, spinUnlock } from '../locks/spinlock.js';
import {
  kvmMmuNotifierChangePte,
  kvmMmuNotifierInvalidateRangeEnd,
  kvmMmuNotifierInvalidateRangeStart,
} from '../mmu-notifier.js';
import type { Cell, Step, Thread } from '../operations.js';
import { frameOf, makeEntry, Pte } from '../spte.js';
import { HPAGE_PMD_NR } from './folios.js';

/** A PMD that is neither empty nor huge. */
export const PMD_TABLE = Pte.Swap;

const PMD_SHIFT = 9;
const PUD_SHIFT = 18;
const P4D_SHIFT = 27;

export function pteCell(mm: Mm, page: number): Cell {
  return mm.ptes + (page - mm.firstPage);
}

export function pmdCell(mm: Mm, page: number): Cell {
  return mm.pmds + ((page - mm.firstPage) >>> PMD_SHIFT);
}

/** Number of the 1 GiB that a host page lies in. */
export function pudOf(page: number): number {
  return Math.floor(page / 2 ** PUD_SHIFT);
}

export function pudCell(mm: Mm, page: number): Cell {
  return mm.puds + (pudOf(page) - pudOf(mm.firstPage));
}

/** First page of the 2 MiB that a page lies in. */
export function hugeStart(page: number): number {
  return Math.floor(page / HPAGE_PMD_NR) * HPAGE_PMD_NR;
}

/** pmd_addr_end(): where the 2 MiB of `page` end, or `end` if that comes first. */
export function pmdAddrEnd(page: number, end: number): number {
  return Math.min(end, hugeStart(page) + HPAGE_PMD_NR);
}

/** pud_addr_end() */
export function pudAddrEnd(page: number, end: number): number {
  return Math.min(end, (pudOf(page) + 1) * 2 ** PUD_SHIFT);
}

/** p4d_addr_end() */
export function p4dAddrEnd(page: number, end: number): number {
  return Math.min(end, (Math.floor(page / 2 ** P4D_SHIFT) + 1) * 2 ** P4D_SHIFT);
}

/** Whether a PMD maps 2 MiB, or will again after a migration. */
export function isHugePmd(pmd: number): boolean {
  return pmd !== 0 && pmd !== PMD_TABLE;
}

/** The entry of one page of a huge PMD. */
export function entryInHugePmd(pmd: number, page: number): number {
  return makeEntry(frameOf(pmd) + (page % HPAGE_PMD_NR), pmd & 0xff);
}

/** Whether an access goes through: there, no hinting fault wanted, and writable if need be. */
export function permits(entry: number, write: number): boolean {
  const want = write === 0 ? Pte.Present : Pte.Present | Pte.Write;
  return (entry & (want | Pte.ProtNone)) === want;
}

/** pte_offset_map_lock(), pmd_lock(): one lock for a PMD and the PTEs below it. */
export function* ptLock(t: Thread, mm: Mm, page: number): Step<void> {
  yield* spinLock(t, mm.ptLocks[(page - mm.firstPage) >>> PMD_SHIFT]);
}

export function* ptUnlock(t: Thread, mm: Mm, page: number): Step<void> {
  yield* spinUnlock(t, mm.ptLocks[(page - mm.firstPage) >>> PMD_SHIFT]);
}

/** The entry that maps a page, of whichever level; 0 when there is none. Without the lock a snapshot. */
export function* lookupEntry(t: Thread, mm: Mm, page: number): Step<number> {
  const pmd = yield* t.load(pmdCell(mm, page));
  if (pmd === 0) return 0;
  if (pmd !== PMD_TABLE) return entryInHugePmd(pmd, page);
  return yield* t.load(pteCell(mm, page));
}

/** pmd_populate(), pud_populate(): makes the way to the PTE of a page. The page-table lock is held. */
export function* populateTables(t: Thread, mm: Mm, page: number): Step<void> {
  yield* t.store(pudCell(mm, page), 1);
  yield* t.store(pmdCell(mm, page), PMD_TABLE);
}

/** mmu_notifier_invalidate_range_start(), for each virtual machine of the process. */
export function* mmuNotifierInvalidateRangeStart(
  t: Thread,
  mm: Mm,
  start: number,
  end: number,
  blockable: boolean,
): Step<void> {
  if (blockable) yield* t.mightSleep();
  yield* t.spend(Cost.notifierCall, 1);
  for (let index = 0; index < mm.kvms.length; index++) {
    yield* kvmMmuNotifierInvalidateRangeStart(t, mm.kvms[index], start, end, blockable);
  }
}

/**
 * set_pte_at_notify() until 6.9: the change_pte notifier, from inside an invalidation; the PTE's lock is
 * held.
 */
export function* mmuNotifierChangePte(t: Thread, mm: Mm): Step<void> {
  if (mm.policy.changePte === 'none') return;
  for (let index = 0; index < mm.kvms.length; index++) yield* kvmMmuNotifierChangePte(t, mm.kvms[index]);
}

/** mmu_notifier_invalidate_range_end() */
export function* mmuNotifierInvalidateRangeEnd(t: Thread, mm: Mm, start: number, end: number): Step<void> {
  yield* t.spend(Cost.notifierCall, 1);
  for (let index = 0; index < mm.kvms.length; index++) {
    yield* kvmMmuNotifierInvalidateRangeEnd(t, mm.kvms[index], start, end);
  }
}
