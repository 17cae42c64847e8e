/**
 * What takes time: the names. The model says `spend(Cost.vmExit, 1)`; what that is in nanoseconds, and
 * where the number comes from, is the executor's affair (`src/simulate/costs`). `check` ignores costs.
 *
 * Memory operations, atomics, fences, interrupts and context switches have costs of their own in the
 * executor, because it knows the distance between CPUs.
 */
export const Cost = {
  /** Guest to host: hardware exit and vendor code up to the exit handler. */
  vmExit: 0,
  /** Host to guest: vendor code and hardware entry. */
  vmEntry: 1,
  /** One step of the processor's page walk that finds its entry in a cache. */
  hardwareWalkStep: 2,
  /** kvm_mmu_page_fault() up to the first lookup: decoding, memslot search. */
  faultSetup: 3,
  /** mmu_topup_memory_caches() when the caches are full. */
  topupCaches: 4,
  /** Allocating and clearing one page table page for the caches. */
  allocTable: 5,
  /** get_user_pages_fast_only() that finds the page. */
  gupFast: 6,
  /** get_user_pages_unlocked() without what it waits for: mmap_lock, VMA lookup, walk. */
  gupSlow: 7,
  /** Allocating and clearing a 4 KiB page of host memory, page-table and cgroup work included. */
  anonFault4K: 8,
  /** The same for 2 MiB. */
  anonFault2M: 9,
  /** Copying a 4 KiB page. */
  copyPage: 10,
  /** Allocating a 4 KiB page without clearing it. */
  allocPage: 11,
  /** put_page() that frees the page. */
  freePage: 12,
  /** One step of a TDP iterator: an entry read and classified, apart from the memory access. */
  tdpIterStep: 13,
  /** Work per SPTE that is changed: accounting, tracking of state, apart from the memory access. */
  handleChangedSpte: 14,
  /** make_spte() */
  makeSpte: 15,
  /** One step of an rmap walk. */
  rmapStep: 16,
  /** Adding or removing an rmap entry. */
  rmapChange: 17,
  /** Taking a shadow page out of use (kvm_mmu_prepare_zap_page()). */
  prepareZapPage: 18,
  /** Reading one guest page-table entry (kvm_read_guest, access checks). */
  guestWalkStep: 19,
  /** Looking up a shadow page in the hash, or creating one. */
  getShadowPage: 20,
  /** kvm_handle_hva_range() before the lock: SRCU, interval tree. */
  hvaRangeSetup: 21,
  /** The rest of an mmu notifier call: dispatch, other notifiers. */
  notifierCall: 22,
  /** Rewriting one primary PTE (change_protection, zap). */
  changePte: 23,
  /** Skipping an empty part of the primary page table. */
  skipPmd: 24,
  /** Flush of the primary MMU's own TLBs, local part. */
  hostTlbFlush: 25,
  /** ksmd: checksum of one page and the search in its trees. */
  ksmScanPage: 26,
  /** ksmd: memcmp() of two pages that turn out to be equal. */
  ksmCompare: 27,
  /** A system call's entry and exit. */
  syscall: 28,
  /** numa_migrate_prep(), mpol_misplaced() and so on: a hinting fault without migration. */
  numaHintFault: 29,
  /** Unmap, move, remap of one page in migrate_pages(), apart from copy, notifier and TLB flush. */
  migratePage: 30,
  /** Emulating an instruction after EMULATE. */
  emulate: 31,
  /** Local TLB flush of a vCPU (INVEPT, new ASID). */
  vcpuTlbFlush: 32,
  /** One guest access that misses the TLB, beyond its walk steps. */
  guestMiss: 33,
  /** Loading a root: kvm_mmu_load() without its lock. */
  mmuLoad: 34,
  /** Aging one SPTE. */
  ageSpte: 35,
  /** splitting a PMD of the primary page table. */
  splitPmd: 36,
  /** synchronize_srcu_expedited(), call_rcu() wait and the like, when nobody is in the way. */
  gracePeriod: 37,
} as const;
export type Cost = (typeof Cost)[keyof typeof Cost];
