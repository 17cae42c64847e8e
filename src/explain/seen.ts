/** What was seen inside an attempt's window; bits of `Attempts.flags`. */
export const Seen = {
  /** kvm_mmu_spte_requested: the retry check passed. */
  requested: 1,
  /** kvm_mmu_set_spte. */
  set: 2,
  /** handle_mmio_page_fault or mark_mmio_spte. */
  mmio: 4,
  fastFixed: 8,
  fastSpurious: 16,
  /** The end of the window is in the trace. */
  ended: 32,
  /** Not a fault after all: the guest's own page fault, or a walk of the instruction emulator. */
  void: 64,
} as const;
