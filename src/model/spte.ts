/**
 * Entries of page tables, packed into a cell: flags in the low 8 bits, a frame or table above.
 *
 * The kernel's layouts differ by vendor; the model needs what the protocol tests.
 */

/** Flags of an SPTE. */
export const Spte = {
  Present: 1,
  Writable: 2,
  /** Maps memory (is_last_spte()); a present entry without it points to a table. */
  Leaf: 4,
  Accessed: 8,
  Dirty: 16,
  /** MMU-writable: may become writable without mmu_lock. */
  MmuWritable: 32,
  /** MMIO or access-tracked, with Present clear. */
  Special: 64,
  /** Level 2 leaf: a huge page. */
  Huge: 128,
} as const;

/** SHADOW_NONPRESENT_VALUE */
export const NONPRESENT_SPTE = 0;
/** FROZEN_SPTE, REMOVED_SPTE until 6.9: another task is in the middle of changing the entry. */
export const FROZEN_SPTE = 0x5a00 | Spte.Special;

/** Flags of a primary PTE. */
export const Pte = {
  Present: 1,
  Write: 2,
  /** PROT_NONE set by NUMA balancing: the page is there, the next access faults. */
  ProtNone: 4,
  Accessed: 8,
  Dirty: 16,
  /** A migration entry: the page is moving; GUP waits. */
  Migration: 32,
  /** A page that KSM shares. */
  Ksm: 64,
  Swap: 128,
} as const;

const FRAME_SHIFT = 8;

/** Flags of an anonymous page that was written to. */
export const WRITTEN_PAGE = Pte.Present | Pte.Write | Pte.Accessed | Pte.Dirty;

/** Frame, or cell index of a table divided by its size, of an entry. */
export function frameOf(entry: number): number {
  return entry >>> FRAME_SHIFT;
}

export function isPresent(spte: number): boolean {
  return (spte & Spte.Present) !== 0;
}

/** is_last_spte() of a present entry. */
export function isLeaf(spte: number): boolean {
  return (spte & (Spte.Present | Spte.Leaf)) === (Spte.Present | Spte.Leaf);
}

/** is_shadow_present_pte() && !is_last_spte() */
export function isTable(spte: number): boolean {
  return (spte & (Spte.Present | Spte.Leaf)) === Spte.Present;
}

export function makeEntry(frame: number, flags: number): number {
  return (frame << FRAME_SHIFT) | flags;
}
