/**
 * The state of a virtual machine, as cells; and the settings that never change.
 *
 * Fields whose type is Cell are cell numbers: read and written through operations. `buildMachine`
 * (machine.ts) allocates them.
 */
import type { KsmSettings } from './host/settings.js';
import type { Cell } from './operations.js';
import type { Policy } from './policies.js';

/** A spinlock that is taken in order (qspinlock): two cells. */
export interface SpinLock {
  /** Next ticket: the tail of the queue. */
  readonly tail: Cell;
  /** Ticket that owns the lock. Locked exactly when it differs from the tail. */
  readonly head: Cell;
  /** What tracepoints call it. */
  readonly address: number;
  /** Policy lock contract: the tail is 1 while it is held, and the head does not matter. */
  readonly isContract: boolean;
}

/** rwlock_t. Which cells matter is the `lock` policy's affair. */
export interface RwLock {
  /** qrwlock: writer byte 0xff, WAITING 0x100, readers from 0x200. */
  readonly cnts: Cell;
  readonly waitLock: SpinLock;
  /** Other kinds of lock: see locks/. */
  readonly extra: Cell;
  /** Address for tracepoints, as an offset into a made-up kernel address range. */
  readonly address: number;
}

/** struct kvm_memory_slot. Slots are made when the machine is built; updates change their flags and cells. */
export interface Memslot {
  readonly id: number;
  readonly asId: number;
  readonly baseGfn: number;
  readonly pages: number;
  /** Host page number (address >> 12) of its first page. */
  readonly userspacePage: number;
  /** Slot.Valid | Slot.Invalid | ...: 0 means that it is not in the active memslots. */
  readonly flags: Cell;
  /** Shadow MMU: heads of the rmap chains; level 1 has one per gfn, level 2 one per 512. */
  readonly rmap: readonly [Cell, Cell, Cell];
  /** A private slot of KVM (APIC access page). */
  readonly isPrivate: boolean;
}

export const SlotFlag = { Valid: 1, Invalid: 2, LogDirty: 4, Readonly: 8 } as const;

/** One TDP root or shadow root: cells in a fixed array of `maxRoots`. */
export interface Root {
  readonly index: number;
  /** Page table of the root; 0 while the root does not exist. */
  readonly table: Cell;
  /** tdp_mmu_root_count */
  readonly refcount: Cell;
  /** role.invalid */
  readonly invalid: Cell;
  /** tdp_mmu_scheduled_root_to_zap */
  readonly scheduledToZap: Cell;
  readonly asId: number;
}

/** struct kvm_vcpu */
export interface Vcpu {
  readonly id: number;
  readonly kvm: Kvm;
  /** vcpu->mode: VcpuMode */
  readonly mode: Cell;
  /** vcpu->requests: bits of Request */
  readonly requests: Cell;
  /** vcpu->cpu: the CPU that it runs on plus 1, or 0 */
  readonly cpu: Cell;
  /** vcpu->mutex and so on are not modelled: one thread owns a vCPU. Private from here on. */
  /** Index of its root plus 1, or 0 (INVALID_PAGE) */
  readonly root: Cell;
  /** Guest TLB: `tlbEntries` pairs of (gfn + 1, SPTE) */
  readonly tlb: Cell;
  readonly tlbEntries: number;
  /** The fault that it handles: a PageFault lives here. */
  readonly fault: Cell;
  /** What the APIC access page field of its VMCS holds: a pfn, or 0. */
  readonly apicAccessPfn: Cell;
  /** Position in its access pattern. */
  readonly position: Cell;
  /** stat counters, private: see VcpuStat */
  readonly stats: Cell;
}

/** vcpu->mode */
export const VcpuMode = { OutsideGuest: 0, InGuest: 1, ExitingGuest: 2, ReadingShadowPageTables: 3 } as const;

/** KVM_REQ_*: bits of vcpu->requests. */
export const Request = {
  TlbFlush: 1,
  MmuReload: 2,
  MmuFreeObsoleteRoots: 4,
  ApicPageReload: 8,
  MmuSync: 16,
  VmDead: 32,
} as const;

/** struct kvm: one virtual machine. */
export interface Kvm {
  readonly policy: Policy;
  readonly vcpus: readonly Vcpu[];
  readonly slots: readonly Memslot[];
  readonly mm: Mm;
  readonly geometry: PagingGeometry;

  readonly mmuLock: RwLock;
  /** mmu_invalidate_seq, mmu_notifier_seq before 6.1 */
  readonly mmuInvalidateSeq: Cell;
  /** mmu_invalidate_in_progress, mmu_notifier_count before 6.1 */
  readonly mmuInvalidateInProgress: Cell;
  /** Bounds of the hull, in the unit of the policy `rangeUnit`. */
  readonly mmuInvalidateRangeStart: Cell;
  readonly mmuInvalidateRangeEnd: Cell;
  /** Policy rangeTracking exact, sequence per-range: see mmu-notifier.ts. */
  readonly exactRanges: Cell;
  readonly mnInvalidateLock: SpinLock;
  readonly mnActiveInvalidateCount: Cell;
  /** gpc_invalidate_seq (7.3) */
  readonly gpcInvalidateSeq: Cell;

  /** Roots, valid or not: a fixed array, in the order of tdp_mmu_roots. */
  readonly roots: readonly Root[];
  /** tdp_mmu_pages_lock */
  readonly tdpMmuPagesLock: SpinLock;
  readonly tables: TableHeap;

  /** Shadow MMU: arch.mmu_valid_gen (0 or 1) */
  readonly mmuValidGen: Cell;
  readonly shadow: ShadowState;
  /** kvm->srcu: the index that new readers use, and the readers of each of the two; see memslots.ts. */
  readonly srcu: Cell;
  /** slots_lock, a mutex that memslots.ts takes: its tail is 1 while it is held. */
  readonly slotsLock: SpinLock;
  /** Generation of the memslots. */
  readonly slotsGeneration: Cell;
  readonly pfnCaches: readonly PfnCache[];
  /** Faults outside every range that wait for mmu_lock: what the policy needBreak waiter-useful knows. */
  readonly usefulWaiters: Cell;
  /** Readers inside rcu_read_lock(), and freed tables that wait for them: see page-tables.ts. */
  readonly rcuReaders: Cell;
  readonly rcuLimbo: Cell;
  /** Whether memslots change while vCPUs run, so that SRCU readers must be counted. */
  readonly tracksSrcu: boolean;
  /** stat: remote_tlb_flush_requests, remote_tlb_flush: shared counters that never contend in the model. */
  readonly stats: Cell;
}

/**
 * The rmap-based MMU: shadow pages, their hash and rmaps. shadow/layout.ts defines the layout and allocates
 * it.
 */
export interface ShadowState {
  /** Shadow pages (struct kvm_mmu_page), `pageCells` cells each: fields of `Sp`. */
  readonly pages: Cell;
  readonly pageCells: number;
  readonly pageCount: number;
  /** n_max_mmu_pages: the soft limit that make_mmu_pages_available() keeps. */
  readonly maxPages: number;
  /** active_mmu_pages, newest first. */
  readonly activeHead: Cell;
  readonly activeTail: Cell;
  /** n_used_mmu_pages */
  readonly usedPages: Cell;
  readonly freeHead: Cell;
  /** Pages that were prepared and wait for their commit, within one section of mmu_lock. */
  readonly invalidList: Cell;
  /** zapped_obsolete_pages: the same across sections. */
  readonly obsoleteList: Cell;
  /** mmu_page_hash: `hashBuckets` chains (a power of two), by gfn. */
  readonly hash: Cell;
  readonly hashBuckets: number;
  /** By index of a page table, the shadow page that owns it: page_private() of the table. */
  readonly tableOwners: Cell;
  /** shadowed_translation: by entry of a page table, the gfn and the access that the guest gave it. */
  readonly translations: Cell;
  /** Nodes of rmap chains: (sptep, rest of the chain). */
  readonly rmapNodes: Cell;
  readonly rmapNodeCount: number;
  readonly rmapFree: Cell;
  /** mmu_unsync_pages_lock */
  readonly unsyncLock: SpinLock;
  /** struct kvm_mmu_pages: what the last walk for unsync pages found. */
  readonly unsyncPages: Cell;
  /** The guest's page tables, one cell per entry; they are its frames from `guestTableGfn` on. */
  readonly guestTables: Cell;
  readonly guestTableGfn: number;
  readonly guestTableCount: number;
  /** gfn_write_track, for the frames that hold tables. */
  readonly writeTracked: Cell;
  /** struct guest_walker of each vCPU: private. */
  readonly walkers: Cell;
  /** indirect_shadow_pages */
  readonly indirectPages: Cell;
}

/** A gfn_to_pfn_cache. */
export interface PfnCache {
  readonly index: number;
  readonly lock: SpinLock;
  /** refresh_lock, a mutex: 0 or 1. */
  readonly refreshLock: Cell;
  readonly valid: Cell;
  readonly pfn: Cell;
  /** Host page number that it caches; need not lie in a memslot. */
  readonly userspacePage: number;
}

/** Page-table pages: `entries` cells each, kept in a free list. */
export interface TableHeap {
  readonly first: Cell;
  readonly count: number;
  /**
   * First free table plus 1; free tables are linked through their first entry. Under the caches' own
   * locking.
   */
  readonly free: Cell;
  readonly used: Cell;
}

/** How a guest-physical address is split: real machines have 9 bits and 4 levels, small scopes less. */
export interface PagingGeometry {
  /** log2 of the entries of a table. */
  readonly bits: number;
  /** Levels, the root being the highest. Level 1 maps one page. */
  readonly levels: number;
  /** Guest frames: gfns are 0 .. gfns-1. */
  readonly gfns: number;
  /** The largest level a leaf may have (1: no huge pages, 2: 2 MiB). */
  readonly maxLeafLevel: number;
}

/** struct mm_struct of the VMM process: its page table, folios and locks. host/primary-mmu.ts works on it. */
export interface Mm {
  readonly policy: Policy;
  /** Host page number of page 0 of `ptes`. */
  readonly firstPage: number;
  readonly pages: number;
  /** One cell per host page: see Pte. */
  readonly ptes: Cell;
  /** One cell per 512 host pages: 0, Pmd.Table, or the entry of a 2 MiB page with flags of Pte. */
  readonly pmds: Cell;
  /** Page-table locks, one per PMD. */
  readonly ptLocks: readonly SpinLock[];
  /** mmap_lock: a sleeping rwsem, see host/mmap-lock.ts. */
  readonly mmapLock: Cell;
  /** Per pfn: reference count; folio flags and node (FolioFlag of host/folios.ts). */
  readonly refcounts: Cell;
  readonly pfnFlags: Cell;
  readonly pfns: number;
  /** Free lists, FREE_CELLS per node, linked through `pfnNext`: see host/folios.ts. */
  readonly freeHeads: Cell;
  readonly pfnNext: Cell;
  readonly nodes: number;
  readonly zoneLock: SpinLock;
  /** Virtual machines whose notifiers are registered. */
  readonly kvms: Kvm[];
  /** numa_scan_offset: page that the next scan begins at. */
  readonly numaScanOffset: Cell;
  /** One cell per 2^18 host pages (1 GiB): 0, or 1 once the entry points to a table of PMDs. */
  readonly puds: Cell;
  /** NUMA node of each CPU. */
  readonly cpuNodes: readonly number[];
  /** transparent_hugepage/enabled is always: anonymous faults map 2 MiB where they can. */
  readonly thp: boolean;
  /** Whether NUMA hinting faults may move pages (not for a process that is bound to its nodes). */
  readonly migratesMisplaced: boolean;
  /** Contents of pages, and what ksmd knows; undefined where nothing is ever merged. */
  readonly ksm: KsmState | undefined;
}

/** What pages hold, and ksmd's two trees, reduced to one content class per page. host/ksm.ts works on it. */
export interface KsmState {
  readonly settings: KsmSettings;
  /** Per host page: its content class; 0 is like no other page. */
  readonly contents: Cell;
  /** Classes are 1 .. classes. */
  readonly classes: number;
  /** Per host page: what ksmd remembers of it (struct ksm_rmap_item). */
  readonly rmapItems: Cell;
  /** Stable tree, per class: pfn of the page that the next equal page is merged with, or 0. */
  readonly stable: Cell;
  /** Unstable tree, per class: host page that was seen in this scan plus 1, or 0. */
  readonly unstable: Cell;
  /** ksm_scan.address: host page that the scan goes on at. */
  readonly cursor: Cell;
  /** ksm_scan.seqnr */
  readonly seqnr: Cell;
}
