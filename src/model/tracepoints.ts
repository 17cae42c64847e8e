/**
 * Tracepoints that the model emits: the kernel's own, and `faultline:*` for what the kernel does in silence.
 *
 * `emit(Tracepoint.x, a, b, ...)` takes arguments in the order of `fields` here. An executor that records
 * gives the other fields of the event their usual values. Probes are for observers (statistics, invariants)
 * alone.
 */

/** One tracepoint: system, name, and which of the event's fields the model knows. */
export interface TracepointDef {
  readonly system: string;
  readonly name: string;
  readonly fields: readonly string[];
}

/** Number of each tracepoint. */
export const Tracepoint = {
  kvmExit: 0,
  kvmEntry: 1,
  kvmPageFault: 2,
  fastPageFault: 3,
  kvmMmuSpteRequested: 4,
  kvmMmuSetSpte: 5,
  kvmTdpMmuSpteChanged: 6,
  kvmMmuSplitHugePage: 7,
  kvmMmuPrepareZapPage: 8,
  kvmMmuZapAllFast: 9,
  kvmMmuGetPage: 10,
  kvmMmuPagetableWalk: 11,
  kvmUnmapHvaRange: 12,
  kvmAgeHva: 13,
  kvmTestAgeHva: 14,
  contentionBegin: 15,
  contentionEnd: 16,
  mmMigratePages: 17,
  ksmMergeOnePage: 18,
  ksmMergeWithKsmPage: 19,
  ksmStartScan: 20,
  ksmStopScan: 21,
  tlbFlush: 22,
  // faultline:*
  faultRetry: 23,
  lockAcquired: 24,
  lockReleased: 25,
  /** Emitted once the walk has the lock again, if it was dropped; what it was good for observers find out. */
  yield: 26,
  invalidateBegin: 27,
  invalidateEnd: 28,
  remoteFlush: 29,
  // Probes.
  /** A fault attempt begins: vcpu, gfn, write, 1 if a storm covers the gfn. */
  probeFaultBegin: 30,
  /** A fault attempt ends: vcpu, gfn, RetPf. */
  probeFaultEnd: 31,
  /** range_start returned: start page, end page (host pages), whether a memslot was hit. */
  probeStartReturned: 32,
  /** range_end begins: start page, end page. From here on the range may be mapped again. */
  probeEndEntered: 33,
  /** An SPTE became a present leaf: root, gfn, SPTE before, SPTE, level. */
  probeSpteInstalled: 34,
  /** An SPTE leaf was removed: root, gfn, SPTE before, level. */
  probeSpteZapped: 35,
  /** A vCPU put a translation into its TLB: vcpu, gfn, SPTE. */
  probeTlbFill: 36,
  /** A vCPU emptied its TLB: vcpu. */
  probeTlbFlushed: 37,
  /** The primary MMU freed a page: pfn. */
  probePageFreed: 38,
  /** mmu_lock is about to be dropped: 1 for write, whether zapped entries of valid roots are unflushed. */
  probeUnlock: 39,
  /** A detection of an invalidation by a fault: where (Detection), vcpu, gfn. */
  probeDetection: 40,
  /** Guest accesses were done: vcpu, how many, how many of them in the range of a storm, ns they took. */
  probeTouch: 41,
  /** An entry became FROZEN (1); or its freezer is about to write it again (0): cell, 1 or 0. */
  probeFrozen: 42,
  /** mmu_invalidate_in_progress after a change: value. */
  probeInProgress: 43,
  /** The VMCS of a vCPU got the address of the APIC access page: vcpu, pfn. */
  probeApicPage: 44,
  /** A gfn_to_pfn_cache became valid: index, pfn. */
  probePfnCache: 45,
  /** A page reference was taken (+1) or dropped (-1) by the fault of the thread: pfn, change. */
  probeFaultRef: 46,
  /** A thread found mmu_lock taken and spins for it outside of its queue (trylock-spin): address, mode. */
  probeLockSpin: 47,
  /** An entry came to point to a table: root, gfn, SPTE before, SPTE, level. */
  probeTableLinked: 48,
  /** range_start was called: start page, end page, whether it may block. */
  probeStartEntered: 49,
} as const;
export type Tracepoint = (typeof Tracepoint)[keyof typeof Tracepoint];

/** probeDetection: which test found the invalidation. faultline:fault_retry numbers its reasons likewise. */
export const Detection = { PreCheck1: 1, PreCheck2: 2, Stale: 3, Frozen: 4, LostRace: 5, Other: 6 } as const;

function def(system: string, name: string, ...fields: string[]): TracepointDef {
  return { system, name, fields };
}

/** Definitions, by number; probes have none. */
export const TRACEPOINTS: readonly TracepointDef[] = [
  def('kvm', 'kvm_exit', 'vcpu_id', 'exit_reason', 'info1', 'info2'),
  def('kvm', 'kvm_entry', 'vcpu_id'),
  def('kvm', 'kvm_page_fault', 'vcpu_id', 'fault_address', 'error_code'),
  def('kvmmmu', 'fast_page_fault', 'vcpu_id', 'cr2_or_gpa', 'error_code', 'old_spte', 'new_spte', 'ret'),
  def('kvmmmu', 'kvm_mmu_spte_requested', 'gfn', 'pfn', 'level'),
  def('kvmmmu', 'kvm_mmu_set_spte', 'gfn', 'spte', 'sptep', 'level'),
  def('kvmmmu', 'kvm_tdp_mmu_spte_changed', 'as_id', 'gfn', 'level', 'old_spte', 'new_spte'),
  def('kvmmmu', 'kvm_mmu_split_huge_page', 'gfn', 'spte', 'level', 'errno'),
  def('kvmmmu', 'kvm_mmu_prepare_zap_page', 'gfn', 'role', 'root_count'),
  def('kvmmmu', 'kvm_mmu_zap_all_fast', 'mmu_valid_gen', 'mmu_used_pages'),
  def('kvmmmu', 'kvm_mmu_get_page', 'gfn', 'role', 'root_count', 'created'),
  def('kvmmmu', 'kvm_mmu_pagetable_walk', 'addr', 'pferr'),
  def('kvm', 'kvm_unmap_hva_range', 'start', 'end'),
  def('kvm', 'kvm_age_hva', 'start', 'end'),
  def('kvm', 'kvm_test_age_hva', 'hva'),
  def('lock', 'contention_begin', 'lock_addr', 'flags'),
  def('lock', 'contention_end', 'lock_addr', 'ret'),
  def('migrate', 'mm_migrate_pages', 'succeeded', 'failed', 'mode', 'reason'),
  def('ksm', 'ksm_merge_one_page', 'pfn', 'err'),
  def('ksm', 'ksm_merge_with_ksm_page', 'ksm_page', 'pfn', 'err'),
  def('ksm', 'ksm_start_scan', 'seq', 'rmap_entries'),
  def('ksm', 'ksm_stop_scan', 'seq', 'rmap_entries'),
  def('tlb', 'tlb_flush', 'reason', 'pages'),
  def('faultline', 'fault_retry', 'vcpu_id', 'gfn', 'seq', 'reason'),
  def('faultline', 'lock_acquired', 'lock_addr', 'mode', 'waited_ns'),
  def('faultline', 'lock_released', 'lock_addr', 'mode', 'held_ns'),
  def('faultline', 'yield', 'lock_addr', 'mode', 'next_gfn', 'useful'),
  def('faultline', 'invalidate_begin', 'start', 'end', 'in_progress', 'seq'),
  def('faultline', 'invalidate_end', 'start', 'end', 'seq', 'in_progress'),
  def('faultline', 'remote_flush', 'requests', 'ipis', 'waited_ns'),
];
