/**
 * What page tables hold, read from memory without taking part: for observers.
 */
import { FolioFlag, HPAGE_PMD_NR } from '../host/folios.js';
import { SlotFlag, type Kvm, type Memslot, type Mm, type Root, type SpinLock } from '../kvm.js';
import type { Cell } from '../operations.js';
import { entryIndex, pagesPerEntry, tableCell } from '../page-tables.js';
import { frameOf, isLeaf, isTable } from '../spte.js';

/** Called for a leaf: the first gfn that it maps, the entry, its level. */
export type LeafVisitor = (gfn: number, spte: number, level: number) => void;

/** A range of guest frames of one address space. */
export interface GfnRange {
  readonly asId: number;
  readonly start: number;
  readonly end: number;
  /** Whether its memslot is in use. */
  readonly active: boolean;
}

/** Where a range of host pages lies in guest memory: a part for each memslot that shows some of it. */
export function gfnRangesOf(mem: Int32Array, kvm: Kvm, start: number, end: number): GfnRange[] {
  const ranges: GfnRange[] = [];
  for (const { asId, baseGfn, userspacePage, pages, flags } of kvm.slots) {
    const first = Math.max(start, userspacePage);
    const last = Math.min(end, userspacePage + pages);
    if (first >= last) continue;
    const offset = baseGfn - userspacePage;
    const active = (mem[flags] & SlotFlag.Valid) !== 0;
    ranges.push({ asId, start: first + offset, end: last + offset, active });
  }
  return ranges;
}

/** Every leaf that maps a frame of a range, in any root, valid or not. */
export function visitLeaves(mem: Int32Array, kvm: Kvm, range: GfnRange, visit: LeafVisitor): void {
  if (kvm.policy.mmu !== 'tdp') {
    for (const slot of kvm.slots) if (slot.asId === range.asId) visitRmaps(mem, kvm, slot, range, visit);
    return;
  }
  for (const root of kvm.roots) {
    if (root.asId === range.asId && mem[root.table] !== 0) visitRoot(mem, kvm, root, range, visit);
  }
}

function visitRoot(mem: Int32Array, kvm: Kvm, root: Root, range: GfnRange, visit: LeafVisitor): void {
  const start = Math.max(0, range.start);
  const end = Math.min(range.end, kvm.geometry.gfns);
  visitTable(mem, kvm, mem[root.table], kvm.geometry.levels, start, end, visit);
}

function visitTable(
  mem: Int32Array,
  kvm: Kvm,
  table: number,
  level: number,
  start: number,
  end: number,
  visit: LeafVisitor,
): void {
  const pages = pagesPerEntry(kvm, level);
  const first = tableCell(kvm, table);
  for (let gfn = start & -pages; gfn < end; gfn += pages) {
    const spte = mem[first + entryIndex(kvm, gfn, level)];
    if (isLeaf(spte)) visit(gfn, spte, level);
    else if (isTable(spte)) {
      const from = Math.max(start, gfn);
      const to = Math.min(end, gfn + pages);
      visitTable(mem, kvm, frameOf(spte), level - 1, from, to, visit);
    }
  }
}

/** Heads of rmaps and their chains: see shadow/rmap-chain.ts. */
const RMAP_MANY = 1;
const RMAP_SHIFT = 2;

function visitRmaps(mem: Int32Array, kvm: Kvm, slot: Memslot, range: GfnRange, visit: LeafVisitor): void {
  const start = Math.max(range.start, slot.baseGfn);
  const end = Math.min(range.end, slot.baseGfn + slot.pages);
  if (start >= end) return;
  for (let level = 1; level <= kvm.geometry.maxLeafLevel; level++) {
    const shift = kvm.geometry.bits * (level - 1);
    const firstHead = slot.rmap[level - 1] - (slot.baseGfn >>> shift);
    for (let index = start >>> shift; index <= (end - 1) >>> shift; index++) {
      const head = mem[firstHead + index];
      if (head !== 0) visitChain(mem, head, index << shift, level, visit);
    }
  }
}

function visitChain(mem: Int32Array, head: number, gfn: number, level: number, visit: LeafVisitor): void {
  let value = head;
  while (value !== 0) {
    const many = (value & RMAP_MANY) !== 0;
    const cell: Cell = value >>> RMAP_SHIFT;
    const spte = mem[many ? mem[cell] : cell];
    // An entry is cleared before it leaves its rmap.
    if (isLeaf(spte)) visit(gfn, spte, level);
    value = many ? mem[cell + 1] : 0;
  }
}

/** Whether a leaf of any root maps `pfn` at `gfn`. */
export function mapsFrame(mem: Int32Array, kvm: Kvm, asId: number, gfn: number, pfn: number): boolean {
  let found = false;
  const range = { asId, start: gfn, end: gfn + 1, active: true };
  visitLeaves(mem, kvm, range, (_first, spte, level) => {
    if (frameOf(spte) + (gfn & (pagesPerEntry(kvm, level) - 1)) === pfn) found = true;
  });
  return found;
}

/** Whether a frame is a page that somebody holds. */
export function isPageInUse(mem: Int32Array, mm: Mm, pfn: number): boolean {
  if (pfn <= 0 || pfn >= mm.pfns) return false;
  const folio = (mem[mm.pfnFlags + pfn] & FolioFlag.Tail) !== 0 ? pfn & -HPAGE_PMD_NR : pfn;
  return mem[mm.refcounts + folio] > 0;
}

/** Whether somebody holds a spinlock. */
export function isLocked(mem: Int32Array, { tail, head, isContract }: SpinLock): boolean {
  return mem[tail] !== (isContract ? 0 : mem[head]);
}
