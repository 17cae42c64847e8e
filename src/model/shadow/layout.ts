/**
 * Where the rmap-based MMU keeps what: shadow pages, chains, and the guest's own page tables, as cells.
 *
 * A shadow page is known by the number of its first cell, as the kernel knows it by its address; 0 is none.
 */
import type { Kvm, PagingGeometry, ShadowState, TableHeap } from '../kvm.js';
import type { MemoryLayout } from '../memory.js';
import type { Cell, Thread } from '../operations.js';
import { pagesPerEntry } from '../page-tables.js';
import type { Policy } from '../policies.js';
import { frameOf, makeEntry } from '../spte.js';

/** struct kvm_mmu_page: offsets of its fields from its first cell. */
export const Sp = {
  /** First frame that it maps; with gptes, the guest frame whose table it shadows. */
  gfn: 0,
  /** role.word: bits of Role. */
  role: 1,
  /** spt: index of its page table. */
  table: 2,
  /** mmu_valid_gen */
  validGen: 3,
  /** 1: the guest may write to the table that it shadows. */
  unsync: 4,
  /** Entries whose subtree holds unsync pages: bits set in the bitmap. */
  unsyncChildren: 5,
  rootCount: 6,
  /** While it is a root: index in kvm.roots plus 1. */
  root: 7,
  /** link: in active_mmu_pages; or the next of the free or an invalid list. */
  next: 8,
  prev: 9,
  /** hash_link */
  hashNext: 10,
  /** parent_ptes: an rmap head, of the entries that point to its page table. */
  parentPtes: 11,
  /** write_flooding_count */
  writeFlooding: 12,
  /** unsync_child_bitmap, 32 entries a cell. */
  bitmap: 13,
} as const;

/** role.word. Two pages with one gfn and one role are the same page. */
export const Role = {
  Level: 7,
  /** Its entries are computed from its gfn: no guest table stands behind it. */
  Direct: 8,
  /** role.access has ACC_WRITE_MASK. */
  Writable: 16,
  /** Zapped: only a reference as a root keeps it. */
  Invalid: 32,
} as const;

/** struct guest_walker: offsets of its fields. The arrays are indexed by level - 1. */
export const Walker = {
  /** The page that was touched, in guest-virtual pages. */
  addr: 0,
  /** Level of the guest entry that maps it. */
  level: 1,
  gfn: 2,
  /** pte_access: 1 if the guest lets it be written. */
  access: 3,
  tableGfn: 4,
  pte: 9,
  ptAccess: 14,
  prefetchPte: 19,
} as const;
const WALKER_CELLS = 32;

/** Flags of a guest's page-table entry, below its frame. Accessed and dirty bits count as set. */
export const Gpte = { Present: 1, Write: 2, /** Maps 2 MiB. */ Huge: 128 } as const;

/** KVM_NR_PAGE_SIZES: levels that have rmaps. */
export const RMAP_LEVELS = 3;
/** KVM_PAGE_ARRAY_NR */
export const UNSYNC_PAGES = 16;
/**
 * Free structures beyond what the guest's tables need: roots that are left, pages that wait for their commit.
 */
const SPARE_PAGES = 16;
/** KVM_MIN_ALLOC_MMU_PAGES */
const MIN_MMU_PAGES = 64;

/** What `allocShadow` needs to know. */
export interface ShadowSettings {
  readonly mmu: Policy['mmu'];
  readonly geometry: PagingGeometry;
  readonly tables: TableHeap;
  readonly vcpus: number;
  /** Address of mmu_unsync_pages_lock for tracepoints. */
  readonly lockAddress: number;
  /** Whether locks are reduced to their contract. */
  readonly isContract: boolean;
  /** Frame of the guest's first page table: of its memory, or beyond every memslot. */
  readonly guestTableGfn: number;
  /** n_max_mmu_pages. Without it: twice what one set of page tables takes. */
  readonly maxPages?: number;
}

/** Page tables that map every frame of a geometry, all levels together. */
function tablesFor({ bits, levels, gfns }: PagingGeometry): number {
  let count = 0;
  for (let level = 1; level <= levels; level++) count += Math.ceil(gfns / 2 ** (bits * level));
  return count;
}

/**
 * Page tables that a machine with the rmap-based MMU needs in its heap: a set in use and a set that is
 * obsolete.
 */
export function shadowTableCount(geometry: PagingGeometry, vcpus: number): number {
  return 2 * tablesFor(geometry) + vcpus + SPARE_PAGES;
}

/** Cells for all of ShadowState; next to none when the TDP MMU is used. */
export function allocShadow(layout: MemoryLayout, settings: ShadowSettings): ShadowState {
  const { mmu, geometry, tables, vcpus } = settings;
  const entries = 1 << geometry.bits;
  const used = mmu !== 'tdp';
  const guest = mmu === 'shadow-paging';
  const pageCount = used ? shadowTableCount(geometry, vcpus) : 0;
  const pageCells = Sp.bitmap + Math.ceil(entries / 32);
  const hashBuckets = used ? 2 ** Math.min(12, Math.ceil(Math.log2(pageCount))) : 0;
  const guestTableCount = guest ? tablesFor(geometry) : 0;
  const rmapNodeCount = used ? geometry.gfns + pageCount : 0;
  const shared = (name: string, cells: number): Cell => layout.alloc(`shadow.${name}`, cells, 'shared');
  const lock = shared('mmu_unsync_pages_lock', 2);
  return {
    pages: shared('mmu_pages', pageCount * pageCells),
    pageCells,
    pageCount,
    maxPages: settings.maxPages ?? Math.max(MIN_MMU_PAGES, 2 * tablesFor(geometry)),
    activeHead: shared('active_mmu_pages', 1),
    activeTail: shared('active_mmu_pages.tail', 1),
    usedPages: shared('n_used_mmu_pages', 1),
    freeHead: shared('free_mmu_pages', 1),
    invalidList: shared('invalid_list', 1),
    obsoleteList: shared('zapped_obsolete_pages', 1),
    hash: shared('mmu_page_hash', hashBuckets),
    hashBuckets,
    tableOwners: shared('page_private', used ? tables.count + 1 : 0),
    translations: shared('shadowed_translation', guest ? (tables.count + 1) * entries : 0),
    rmapNodes: shared('pte_list_desc', 2 * rmapNodeCount),
    rmapNodeCount,
    rmapFree: shared('free pte_list_desc', 1),
    unsyncLock: {
      tail: lock,
      head: lock + 1,
      address: settings.lockAddress,
      isContract: settings.isContract,
    },
    unsyncPages: shared('kvm_mmu_pages', 2 + UNSYNC_PAGES),
    guestTables: shared('guest page tables', guestTableCount * entries),
    guestTableGfn: settings.guestTableGfn,
    guestTableCount,
    writeTracked: shared('gfn_write_track', guestTableCount),
    walkers: layout.alloc('guest_walker', guest ? vcpus * WALKER_CELLS : 0, 'private'),
    indirectPages: shared('indirect_shadow_pages', 1),
  };
}

/** Heads of a memslot's rmap chains, one array a level, for `Memslot.rmap`; next to none for the TDP MMU. */
export function allocRmap(
  layout: MemoryLayout,
  name: string,
  mmu: Policy['mmu'],
  { bits }: PagingGeometry,
  baseGfn: number,
  pages: number,
): [Cell, Cell, Cell] {
  const heads = (level: number): Cell => {
    const shift = bits * (level - 1);
    const count = mmu === 'tdp' ? 0 : ((baseGfn + pages - 1) >>> shift) - (baseGfn >>> shift) + 1;
    return layout.alloc(`${name}.rmap[${level}]`, count, 'shared');
  };
  return [heads(1), heads(2), heads(3)];
}

/** Free lists, and a guest that maps every page to the frame of the same number, with 4 KiB entries. */
export function initShadow(mem: Int32Array, shadow: ShadowState, geometry: PagingGeometry): void {
  for (let index = shadow.pageCount - 1; index >= 0; index--) {
    const sp = shadow.pages + index * shadow.pageCells;
    mem[sp + Sp.next] = mem[shadow.freeHead];
    mem[shadow.freeHead] = sp;
  }
  for (let index = shadow.rmapNodeCount - 1; index >= 0; index--) {
    const node = shadow.rmapNodes + 2 * index;
    mem[node + 1] = mem[shadow.rmapFree];
    mem[shadow.rmapFree] = node;
  }
  if (shadow.guestTableCount === 0) return;
  const flags = Gpte.Present | Gpte.Write;
  let below = geometry.gfns;
  let first = 0;
  let firstBelow = 0;
  for (let level = 1; level <= geometry.levels; level++) {
    const cell = shadow.guestTables + first * (1 << geometry.bits);
    for (let index = 0; index < below; index++) {
      const frame = level === 1 ? index : shadow.guestTableGfn + firstBelow + index;
      mem[cell + index] = makeEntry(frame, flags);
    }
    firstBelow = first;
    below = Math.ceil(below / (1 << geometry.bits));
    first += below;
  }
}

/** Frame of the guest's top-level table: its CR3. */
export function guestRootGfn(kvm: Kvm): number {
  return kvm.shadow.guestTableGfn + kvm.shadow.guestTableCount - 1;
}

/** Whether a frame holds one of the guest's page tables. No other frame ever has shadow pages with gptes. */
export function isGuestTable(kvm: Kvm, gfn: number): boolean {
  const index = gfn - kvm.shadow.guestTableGfn;
  return index >= 0 && index < kvm.shadow.guestTableCount;
}

/** Cell of an entry of a guest's page table. */
export function gpteCell(kvm: Kvm, tableGfn: number, index: number): Cell {
  return kvm.shadow.guestTables + (tableGfn - kvm.shadow.guestTableGfn) * (1 << kvm.geometry.bits) + index;
}

/** The guest_walker of a vCPU. */
export function walkerOf(kvm: Kvm, vcpuId: number): Cell {
  return kvm.shadow.walkers + vcpuId * WALKER_CELLS;
}

/** sptep_to_sp(): the shadow page that holds an entry. It is the same for as long as the table is in use. */
export function sptepToSp(t: Thread, kvm: Kvm, sptep: Cell): Cell {
  return t.mem[kvm.shadow.tableOwners + ((sptep - kvm.tables.first) >>> kvm.geometry.bits)];
}

/** spte_index(): place of an entry in its table. */
export function spteIndex(kvm: Kvm, sptep: Cell): number {
  return (sptep - kvm.tables.first) & ((1 << kvm.geometry.bits) - 1);
}

/** Level of a shadow page. */
export function levelOf(t: Thread, sp: Cell): number {
  return t.mem[sp + Sp.role] & Role.Level;
}

/**
 * is_obsolete_sp(): zapped, or of an earlier generation, so that no vCPU may use it any more. mmu_lock is
 * held for write.
 */
export function isObsoleteSp(t: Thread, kvm: Kvm, sp: Cell): boolean {
  return (t.mem[sp + Sp.role] & Role.Invalid) !== 0 || t.mem[sp + Sp.validGen] !== t.mem[kvm.mmuValidGen];
}

/** kvm_mmu_page_get_gfn(): what an entry of a shadow page maps. */
export function spGetGfn(t: Thread, kvm: Kvm, sp: Cell, sptep: Cell): number {
  const role = t.mem[sp + Sp.role];
  if ((role & Role.Direct) === 0) return frameOf(t.mem[kvm.shadow.translations + (sptep - kvm.tables.first)]);
  return t.mem[sp + Sp.gfn] + spteIndex(kvm, sptep) * pagesPerEntry(kvm, role & Role.Level);
}

/** kvm_mmu_page_get_access(): whether the guest allows writes through an entry. */
export function spGetAccess(t: Thread, kvm: Kvm, sp: Cell, sptep: Cell): number {
  const role = t.mem[sp + Sp.role];
  if ((role & Role.Direct) === 0) return t.mem[kvm.shadow.translations + (sptep - kvm.tables.first)] & 1;
  return (role & Role.Writable) === 0 ? 0 : 1;
}

/** kvm_mmu_page_set_translation(): notes them; a direct page needs no note. */
export function spSetTranslation(
  t: Thread,
  kvm: Kvm,
  sp: Cell,
  sptep: Cell,
  gfn: number,
  access: number,
): void {
  if ((t.mem[sp + Sp.role] & Role.Direct) !== 0) return;
  t.mem[kvm.shadow.translations + (sptep - kvm.tables.first)] = makeEntry(gfn, access);
}
