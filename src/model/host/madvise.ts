'use coroutines';
/**
 * MADV_DONTNEED: madvise_dontneed_single_vma(), mm/madvise.c,
 * and zap_page_range_single(), mm/memory.c, v5.10 to v7.3.
 *
 * A balloon is this with one page at a time. Pages are freed after the flush at the end, behind the
 * notifier's end, as mmu_gather does; when very many are gathered, also in between.
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import { Order, type Step, type Thread } from '../operations.js';
import { SCRATCH_AGENT } from '../scratch.js';
import { frameOf, Pte } from '../spte.js';
import { HPAGE_PMD_NR, pageFolio, putPage } from './folios.js';
import { flushTlbMmRange } from './host-tlb.js';
import { splitHugePmd } from './huge-pages.js';
import { mmapReadLock, mmapReadUnlock } from './mmap-lock.js';
import {
  isHugePmd,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  pmdAddrEnd,
  pmdCell,
  PMD_TABLE,
  ptLock,
  ptUnlock,
  pteCell,
} from './primary-mmu.js';
import type { StormSettings } from './settings.js';
import { stepEnd, stepStart } from './storm-steps.js';

/**
 * struct mmu_gather in the thread's scratch cells: first page of a list through `pfnNext`, and its length.
 */
const GATHER_FIRST = SCRATCH_AGENT;
const GATHER_COUNT = SCRATCH_AGENT + 1;
/** MAX_GATHER_BATCH_COUNT batches of MAX_GATHER_BATCH pages. */
const MAX_GATHERED = 10_000;

/** A thread of the VMM that gives memory back, range after range. */
export function* madviseStorm(t: Thread, mm: Mm, storm: StormSettings): Step<void> {
  for (let count = 0; yield* t.nextOperation(); count++) {
    const start = stepStart(storm, count);
    yield* t.spend(Cost.syscall, 1);
    yield* mmapReadLock(t, mm);
    yield* zapPageRange(t, mm, start, stepEnd(storm, start));
    yield* mmapReadUnlock(t, mm);
  }
}

/**
 * zap_page_range_single(), zap_vma_range_batched() since 6.16. mmap_lock is held.
 *
 * @internal for tests
 */
export function* zapPageRange(t: Thread, mm: Mm, start: number, end: number): Step<void> {
  t.mem[t.scratch + GATHER_FIRST] = 0;
  t.mem[t.scratch + GATHER_COUNT] = 0;
  yield* mmuNotifierInvalidateRangeStart(t, mm, start, end, true);
  // unmap_page_range(), zap_pmd_range()
  let next = start;
  for (let page = start; page < end; page = next) {
    next = pmdAddrEnd(page, end);
    yield* zapOnePmd(t, mm, page, next);
    yield* t.condResched();
  }
  yield* mmuNotifierInvalidateRangeEnd(t, mm, start, end);
  yield* tlbFlushMmu(t, mm);
}

function* zapOnePmd(t: Thread, mm: Mm, start: number, end: number): Step<void> {
  const pmd = yield* t.load(pmdCell(mm, start));
  if (pmd === 0) return yield* t.spend(Cost.skipPmd, 1);
  if (isHugePmd(pmd)) {
    if (end - start === HPAGE_PMD_NR) return yield* zapHugePmd(t, mm, start);
    // An invalidation of 2 MiB inside this one.
    yield* splitHugePmd(t, mm, start);
  }
  yield* zapPteRange(t, mm, start, end);
  if (t.mem[t.scratch + GATHER_COUNT] >= MAX_GATHERED) yield* tlbFlushMmu(t, mm);
}

/** zap_huge_pmd() */
function* zapHugePmd(t: Thread, mm: Mm, start: number): Step<void> {
  const cell = pmdCell(mm, start);
  yield* ptLock(t, mm, start);
  const pmd = yield* t.load(cell);
  if (isHugePmd(pmd)) {
    yield* t.spend(Cost.changePte, 1);
    yield* t.store(cell, 0);
    if ((pmd & Pte.Present) !== 0) yield* tlbRemovePage(t, mm, frameOf(pmd));
  }
  yield* ptUnlock(t, mm, start);
}

/** zap_pte_range(). A migration entry holds no reference: zapping it leaves the page to whoever moves it. */
function* zapPteRange(t: Thread, mm: Mm, start: number, end: number): Step<void> {
  yield* ptLock(t, mm, start);
  if ((yield* t.load(pmdCell(mm, start))) === PMD_TABLE) {
    let zapped = 0;
    for (let page = start; page < end; page++) {
      const pte = yield* t.load(pteCell(mm, page));
      if (pte === 0) continue;
      yield* t.store(pteCell(mm, page), 0);
      zapped++;
      if ((pte & Pte.Present) !== 0) yield* tlbRemovePage(t, mm, frameOf(pte));
    }
    yield* t.spend(Cost.changePte, zapped);
  }
  yield* ptUnlock(t, mm, start);
}

/**
 * __tlb_remove_page(): keeps the mapping's reference until the flush. The
 * list goes through the pages themselves, so only the last reference to a
 * page may be kept; another is dropped at once, which frees nothing.
 */
function* tlbRemovePage(t: Thread, mm: Mm, pfn: number): Step<void> {
  const folio = pageFolio(t, mm, pfn);
  for (;;) {
    const count = yield* t.load(mm.refcounts + folio);
    if (count === 1) break;
    if ((yield* t.cmpxchg(mm.refcounts + folio, count, count - 1, Order.Full)) === count) return;
  }
  t.mem[mm.pfnNext + folio] = t.mem[t.scratch + GATHER_FIRST];
  t.mem[t.scratch + GATHER_FIRST] = folio;
  t.mem[t.scratch + GATHER_COUNT]++;
}

/** tlb_flush_mmu(): flush, then free. */
function* tlbFlushMmu(t: Thread, mm: Mm): Step<void> {
  if (t.mem[t.scratch + GATHER_COUNT] === 0) return;
  yield* flushTlbMmRange(t, mm, t.mem[t.scratch + GATHER_COUNT]);
  let folio = t.mem[t.scratch + GATHER_FIRST];
  t.mem[t.scratch + GATHER_FIRST] = 0;
  t.mem[t.scratch + GATHER_COUNT] = 0;
  while (folio !== 0) {
    const next = t.mem[mm.pfnNext + folio];
    yield* putPage(t, mm, folio);
    folio = next;
  }
}
