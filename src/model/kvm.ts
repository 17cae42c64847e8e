/**
 * The state of a virtual machine, as cells; and the settings that never change.
 *
 * Fields whose type is Cell are cell numbers: read and written through operations. `buildMachine` (machine.ts)
 * allocates them.
 */
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
  /** SRCU readers of the memslots: [count of readers of the old, of the new], see memslots.ts. */
  readonly srcu: Cell;
  readonly slotsLock: SpinLock;
  /** Generation of the memslots. */
  readonly slotsGeneration: Cell;
  readonly pfnCaches: readonly PfnCache[];
  /** stat: remote_tlb_flush_requests, remote_tlb_flush: shared counters that never contend in the model. */
  readonly stats: Cell;
}

/** Shadow MMU: shadow pages, their hash and rmaps. shadow-mmu.ts defines the layout. */
export interface ShadowState {
  readonly pages: Cell;
  readonly maxPages: number;
  /** Head of the list of active pages, newest first; index + 1. */
  readonly activeHead: Cell;
  readonly activeTail: Cell;
  readonly usedPages: Cell;
  readonly freeHead: Cell;
  /** Nodes of rmap chains: (sptep, next). */
  readonly rmapNodes: Cell;
  readonly rmapNodeCount: number;
  readonly rmapFree: Cell;
  /** mmu_unsync_pages_lock */
  readonly unsyncLock: SpinLock;
  /** Guest page tables, one entry per gfn of a level: what the guest maps where. */
  readonly guestTables: Cell;
  readonly indirectPages: Cell;
}

/** A gfn_to_pfn_cache. */
export interface PfnCache {
  readonly lock: SpinLock;
  readonly valid: Cell;
  readonly pfn: Cell;
  /** Host page number that it caches. */
  readonly userspacePage: number;
}

/** Page-table pages: `entries` cells each, kept in a free list. */
export interface TableHeap {
  readonly first: Cell;
  readonly count: number;
  /** First free table plus 1; free tables are linked through their first entry. Under the caches' own locking. */
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
  /** One cell per 512 host pages: Pmd.Huge or 0. */
  readonly pmds: Cell;
  /** Page-table locks, one per PMD. */
  readonly ptLocks: readonly SpinLock[];
  /** mmap_lock: a sleeping rwsem. Readers counted, writer -1. */
  readonly mmapLock: Cell;
  /** Per pfn: reference count, folio flags and node. */
  readonly refcounts: Cell;
  readonly pfnFlags: Cell;
  readonly pfns: number;
  /** Free list per node: first free pfn (0: none), linked through `pfnNext`. */
  readonly freeHeads: Cell;
  readonly pfnNext: Cell;
  readonly nodes: number;
  readonly zoneLock: SpinLock;
  /** Virtual machines whose notifiers are registered. */
  readonly kvms: Kvm[];
  /** numa_scan_offset: page that the next scan begins at. */
  readonly numaScanOffset: Cell;
}
