'use coroutines';
/**
 * Page frames of the host: allocation by NUMA node, reference counts,
 * folios of 1 and of 512 pages. mm/page_alloc.c, include/linux/mm.h.
 *
 * The kernel hands out single pages from per-CPU lists that nobody contends for, so taking one is no
 * operation that another thread could come between; only the lists of whole blocks have a lock, as the
 * zones have. Pages of a block that was opened do not join to a block again.
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import { spinLock, spinUnlock } from '../locks/spinlock.js';
import { Order, type Step, type Thread } from '../operations.js';
import { Tracepoint } from '../tracepoints.js';

/** HPAGE_PMD_NR, PTRS_PER_PTE: pages of a block, and of a folio that a PMD maps. */
export const HPAGE_PMD_NR = 512;

/** A cell of `mm.pfnFlags`: node, flags, who used it last, and what KSM knows. */
export const FolioFlag = {
  NodeMask: 0x3f,
  /** PG_locked */
  Locked: 0x40,
  /** First page of a folio of 512 (PG_head). */
  Head: 0x80,
  /** Another page of one. */
  Tail: 0x100,
  /** A child made by fork() maps it too. */
  Forked: 0x200,
  /** folio_test_ksm() */
  Ksm: 0x400,
} as const;
/** Node of the last hinting fault plus 1 (the node of last_cpupid). */
export const LAST_NODE_SHIFT = 12;
export const LAST_NODE_MASK = 0x7f << LAST_NODE_SHIFT;
/** Content class of a KSM page: the 13 bits above. */
export const KSM_CLASS_SHIFT = 19;
export const MAX_KSM_CLASSES = 0x1fff;

/** Cells of `mm.freeHeads` for one node. */
export const FREE_CELLS = 4;
const FREE_PAGE = 0;
const FREE_BLOCK = 1;
/** The block that single pages are taken from: next page, and the first that is not in it. */
const OPEN_NEXT = 2;
const OPEN_END = 3;

/** Fills the free lists; every frame is free. Called once when the machine is built. */
export function initFolios(mem: Int32Array, mm: Mm): void {
  const perNode = Math.ceil(mm.pfns / mm.nodes / HPAGE_PMD_NR) * HPAGE_PMD_NR;
  for (let node = 0; node < mm.nodes; node++) {
    const heads = mm.freeHeads + node * FREE_CELLS;
    // Frame 0 stands for no frame.
    const first = Math.max(1, node * perNode);
    const end = Math.min(mm.pfns, (node + 1) * perNode);
    for (let pfn = first; pfn < end; pfn++) mem[mm.pfnFlags + pfn] = node;
    const firstBlock = Math.ceil(first / HPAGE_PMD_NR) * HPAGE_PMD_NR;
    const endBlock = Math.max(firstBlock, Math.floor(end / HPAGE_PMD_NR) * HPAGE_PMD_NR);
    for (let pfn = endBlock - HPAGE_PMD_NR; pfn >= firstBlock; pfn -= HPAGE_PMD_NR) {
      mem[mm.pfnNext + pfn] = mem[heads + FREE_BLOCK];
      mem[heads + FREE_BLOCK] = pfn;
    }
    for (let pfn = end - 1; pfn >= first; pfn--) {
      if (pfn >= firstBlock && pfn < endBlock) continue;
      mem[mm.pfnNext + pfn] = mem[heads + FREE_PAGE];
      mem[heads + FREE_PAGE] = pfn;
    }
  }
}

/**
 * Takes a free page of a node without any operation, opening
 * a block if there is one; 0 when the node has none.
 */
export function takeFreePage(mem: Int32Array, mm: Mm, node: number): number {
  const heads = mm.freeHeads + node * FREE_CELLS;
  const free = mem[heads + FREE_PAGE];
  if (free !== 0) {
    mem[heads + FREE_PAGE] = mem[mm.pfnNext + free];
    return free;
  }
  if (mem[heads + OPEN_NEXT] === mem[heads + OPEN_END]) {
    const block = takeFreeBlock(mem, mm, node);
    if (block === 0) return 0;
    mem[heads + OPEN_NEXT] = block;
    mem[heads + OPEN_END] = block + HPAGE_PMD_NR;
  }
  return mem[heads + OPEN_NEXT]++;
}

/** Takes 512 pages that lie together; the first of them, or 0. */
export function takeFreeBlock(mem: Int32Array, mm: Mm, node: number): number {
  const head = mm.freeHeads + node * FREE_CELLS + FREE_BLOCK;
  const block = mem[head];
  if (block !== 0) mem[head] = mem[mm.pfnNext + block];
  return block;
}

/** Makes 512 pages that were taken one folio. */
export function makeHugeFolio(mem: Int32Array, mm: Mm, pfn: number): void {
  mem[mm.pfnFlags + pfn] |= FolioFlag.Head;
  for (let tail = pfn + 1; tail < pfn + HPAGE_PMD_NR; tail++) mem[mm.pfnFlags + tail] |= FolioFlag.Tail;
}

/** page_to_nid() */
export function nodeOfPfn(t: Thread, mm: Mm, pfn: number): number {
  return t.mem[mm.pfnFlags + pfn] & FolioFlag.NodeMask;
}

/** page_folio(): the page that holds the reference count. Stable while a reference is held. */
export function pageFolio(t: Thread, mm: Mm, pfn: number): number {
  return (t.mem[mm.pfnFlags + pfn] & FolioFlag.Tail) !== 0 ? pfn & -HPAGE_PMD_NR : pfn;
}

/** folio_test_large() */
export function isLarge(t: Thread, mm: Mm, pfn: number): boolean {
  return (t.mem[mm.pfnFlags + pfn] & (FolioFlag.Head | FolioFlag.Tail)) !== 0;
}

/**
 * alloc_pages_node() with __GFP_THISNODE, its time spent by
 * the caller: one page of that node with one reference, or 0.
 */
export function* allocPageThisNode(t: Thread, mm: Mm, node: number): Step<number> {
  const heads = mm.freeHeads + node * FREE_CELLS;
  // rmqueue_bulk(): the zone's lock is taken only to open a block.
  const bulk = t.mem[heads + FREE_PAGE] === 0 && t.mem[heads + OPEN_NEXT] === t.mem[heads + OPEN_END];
  if (bulk) yield* spinLock(t, mm.zoneLock);
  const pfn = takeFreePage(t.mem, mm, node);
  if (bulk) yield* spinUnlock(t, mm.zoneLock);
  if (pfn !== 0) yield* t.store(mm.refcounts + pfn, 1);
  return pfn;
}

/** alloc_pages_node(): of that node, or of the next that has one; 0 when the host has none. */
export function* allocPage(t: Thread, mm: Mm, node: number): Step<number> {
  for (let tried = 0; tried < mm.nodes; tried++) {
    const pfn = yield* allocPageThisNode(t, mm, (node + tried) % mm.nodes);
    if (pfn !== 0) return pfn;
  }
  return 0;
}

/** alloc_pages_node() of order 9 with __GFP_THISNODE: a folio of 512 pages with one reference, or 0. */
export function* allocHugePage(t: Thread, mm: Mm, node: number): Step<number> {
  yield* spinLock(t, mm.zoneLock);
  const pfn = takeFreeBlock(t.mem, mm, node);
  yield* spinUnlock(t, mm.zoneLock);
  if (pfn === 0) return 0;
  // Nobody else knows the folio yet.
  makeHugeFolio(t.mem, mm, pfn);
  yield* t.store(mm.refcounts + pfn, 1);
  return pfn;
}

/** folio_get() of a page that somebody holds a reference to. */
export function* getPage(t: Thread, mm: Mm, pfn: number): Step<void> {
  yield* t.fetchAdd(mm.refcounts + pageFolio(t, mm, pfn), 1, Order.Relaxed);
}

/** folio_try_get(): a reference, unless the page is free or about to be. */
export function* tryGetPage(t: Thread, mm: Mm, pfn: number): Step<boolean> {
  for (;;) {
    const folio = pageFolio(t, mm, pfn);
    const count = yield* t.load(mm.refcounts + folio);
    if (count <= 0) return false;
    if ((yield* t.cmpxchg(mm.refcounts + folio, count, count + 1, Order.Full)) !== count) continue;
    if (folio === pageFolio(t, mm, pfn)) return true;
    // The folio was split meanwhile: the reference is to another page.
    yield* putFolio(t, mm, folio);
  }
}

/** put_page(): drops a reference; the last one frees the page. */
export function* putPage(t: Thread, mm: Mm, pfn: number): Step<void> {
  yield* putFolio(t, mm, pageFolio(t, mm, pfn));
}

function* putFolio(t: Thread, mm: Mm, folio: number): Step<void> {
  const before = yield* t.fetchAdd(mm.refcounts + folio, -1, Order.Full);
  if (before < 1) throw new Error(`page ${folio} was put ${1 - before} times more often than it was taken`);
  if (before === 1) yield* freeFolio(t, mm, folio);
}

/** __folio_put(): nobody has a reference any more. */
export function* freeFolio(t: Thread, mm: Mm, folio: number): Step<void> {
  yield* t.spend(Cost.freePage, 1);
  const large = (t.mem[mm.pfnFlags + folio] & FolioFlag.Head) !== 0;
  if (large) yield* spinLock(t, mm.zoneLock);
  // No suspension in here: the page can be used again only after observers know that it was freed.
  const count = large ? HPAGE_PMD_NR : 1;
  for (let pfn = folio; pfn < folio + count; pfn++) {
    t.emit(Tracepoint.probePageFreed, pfn);
    t.mem[mm.pfnFlags + pfn] &= FolioFlag.NodeMask;
  }
  const head = mm.freeHeads + nodeOfPfn(t, mm, folio) * FREE_CELLS + (large ? FREE_BLOCK : FREE_PAGE);
  t.mem[mm.pfnNext + folio] = t.mem[head];
  t.mem[head] = folio;
  if (large) yield* spinUnlock(t, mm.zoneLock);
}

/** folio_trylock() */
export function* folioTrylock(t: Thread, mm: Mm, folio: number): Step<boolean> {
  const before = yield* t.fetchOr(mm.pfnFlags + folio, FolioFlag.Locked, Order.Acquire);
  return (before & FolioFlag.Locked) === 0;
}

/** folio_unlock() */
export function* folioUnlock(t: Thread, mm: Mm, folio: number): Step<void> {
  yield* t.fetchAnd(mm.pfnFlags + folio, ~FolioFlag.Locked, Order.Release);
}
