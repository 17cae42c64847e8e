'use coroutines';
/**
 * change_protection(): rewrites the entries of a range. mm/mprotect.c, v5.10 to v7.3.
 *
 * The policy numaRange says where the notifier opens: until 6.11 once per PUD,
 * at its first populated PMD (change_pmd_range()); since 6.12 at the first
 * populated PUD, for all that follows (change_pud_range(), 7f06e3aa2e83).
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import type { Step, Thread } from '../operations.js';
import { frameOf, Pte } from '../spte.js';
import { FolioFlag, HPAGE_PMD_NR, pageFolio } from './folios.js';
import { flushTlbMmRange } from './host-tlb.js';
import { splitHugePmd } from './huge-pages.js';
import {
  isHugePmd,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  p4dAddrEnd,
  pmdAddrEnd,
  pmdCell,
  PMD_TABLE,
  ptLock,
  ptUnlock,
  pteCell,
  pudAddrEnd,
  pudCell,
} from './primary-mmu.js';

/** What the entries become. */
export const NewProtection = {
  /** MM_CP_PROT_NUMA: PROT_NONE, so that the next access tells where it came from. */
  Numa: 0,
  /** Another protection that permits as much, like PROT_EXEC added and taken away. */
  Same: 1,
} as const;

/**
 * change_protection(), tlb_finish_mmu(): the flush comes after the notifier's end, since no page is freed.
 *
 * @returns pages whose entry was rewritten
 */
export function* changeProtection(
  t: Thread,
  mm: Mm,
  start: number,
  end: number,
  protection: number,
): Step<number> {
  let pages = 0;
  let next = start;
  for (let page = start; page < end; page = next) {
    next = p4dAddrEnd(page, end);
    pages += yield* changePudRange(t, mm, page, next, protection);
  }
  if (pages > 0) yield* flushTlbMmRange(t, mm, pages);
  return pages;
}

/** change_pud_range() */
function* changePudRange(t: Thread, mm: Mm, start: number, end: number, protection: number): Step<number> {
  const announces = mm.policy.numaRange === 'pud';
  let announced = -1;
  let pages = 0;
  let next = start;
  for (let page = start; page < end; page = next) {
    next = pudAddrEnd(page, end);
    if ((yield* t.load(pudCell(mm, page))) === 0) continue;
    if (announces && announced < 0) {
      announced = page;
      yield* mmuNotifierInvalidateRangeStart(t, mm, page, end, true);
    }
    pages += yield* changePmdRange(t, mm, page, next, protection);
  }
  if (announced >= 0) yield* mmuNotifierInvalidateRangeEnd(t, mm, announced, end);
  return pages;
}

/** change_pmd_range(): a preemption point after every PMD, inside the window. */
function* changePmdRange(t: Thread, mm: Mm, start: number, end: number, protection: number): Step<number> {
  const announces = mm.policy.numaRange === 'pmd';
  let announced = -1;
  let pages = 0;
  let next = start;
  for (let page = start; page < end; page = next) {
    next = pmdAddrEnd(page, end);
    const pmd = yield* t.load(pmdCell(mm, page));
    if (pmd === 0) {
      yield* t.spend(Cost.skipPmd, 1);
    } else {
      if (announces && announced < 0) {
        announced = page;
        yield* mmuNotifierInvalidateRangeStart(t, mm, page, end, true);
      }
      pages += yield* changeOnePmd(t, mm, page, next, protection, pmd);
    }
    yield* t.condResched();
  }
  if (announced >= 0) yield* mmuNotifierInvalidateRangeEnd(t, mm, announced, end);
  return pages;
}

function* changeOnePmd(
  t: Thread,
  mm: Mm,
  start: number,
  end: number,
  protection: number,
  pmd: number,
): Step<number> {
  if (isHugePmd(pmd)) {
    if (end - start === HPAGE_PMD_NR) return yield* changeHugePmd(t, mm, start, protection);
    yield* splitHugePmd(t, mm, start);
  }
  return yield* changePteRange(t, mm, start, end, protection);
}

/** change_huge_pmd() */
function* changeHugePmd(t: Thread, mm: Mm, start: number, protection: number): Step<number> {
  const cell = pmdCell(mm, start);
  yield* ptLock(t, mm, start);
  const pmd = yield* t.load(cell);
  const changes = isHugePmd(pmd) && changesEntry(t, mm, pmd, protection);
  if (changes) {
    yield* t.store(cell, newEntry(pmd, protection));
    yield* t.spend(Cost.changePte, 1);
  }
  yield* ptUnlock(t, mm, start);
  return changes ? HPAGE_PMD_NR : 0;
}

/** change_pte_range() */
function* changePteRange(t: Thread, mm: Mm, start: number, end: number, protection: number): Step<number> {
  let pages = 0;
  yield* ptLock(t, mm, start);
  if ((yield* t.load(pmdCell(mm, start))) === PMD_TABLE) {
    for (let page = start; page < end; page++) {
      const pte = yield* t.load(pteCell(mm, page));
      if (!changesEntry(t, mm, pte, protection)) continue;
      yield* t.store(pteCell(mm, page), newEntry(pte, protection));
      pages++;
    }
    yield* t.spend(Cost.changePte, pages);
  }
  yield* ptUnlock(t, mm, start);
  return pages;
}

/**
 * Whether an entry is rewritten. NUMA leaves alone what is
 * so already, and pages that several processes or KSM share.
 */
function changesEntry(t: Thread, mm: Mm, entry: number, protection: number): boolean {
  if ((entry & Pte.Present) === 0) return false;
  if (protection !== NewProtection.Numa) return true;
  if ((entry & Pte.ProtNone) !== 0) return false;
  const flags = t.mem[mm.pfnFlags + pageFolio(t, mm, frameOf(entry))];
  return (flags & (FolioFlag.Ksm | FolioFlag.Forked)) === 0;
}

function newEntry(entry: number, protection: number): number {
  return protection === NewProtection.Numa ? entry | Pte.ProtNone : entry & ~Pte.ProtNone;
}
