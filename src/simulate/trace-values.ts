/**
 * Values of the model as a kernel on an AMD host would print them.
 *
 * The model counts pages and cells in 32 bits; traces hold 64-bit addresses and the hardware's entries.
 * Each conversion writes one row of a column. The made-up parts (where memory lies, where KVM's structures
 * are) are constants, so that equal runs have equal traces.
 */
import { ExitReason } from '../model/guest/guest.js';
import { FROZEN_SPTE, Spte, frameOf, isLeaf } from '../model/spte.js';
import { RetPf } from '../model/page-fault-struct.js';
import { Detection } from '../model/tracepoints.js';
import type { ColumnBuilder } from '../trace/store/column.js';

/**
 * High halves of addresses: vmalloc, where struct kvm is; user memory; the kernel's map of page structures.
 */
const VMALLOC = 0xffffc900;
/** Low half of the address of mmu_lock: struct kvm begins with it, and lies at the start of a page. */
const KVM = 0x10e81000;
const USER = 0x7f00;
const VMEMMAP = 0xffffea00;
/** Bytes of struct page. */
const PAGE_STRUCT = 64;
/** Page tables lie at 4 GiB of physical memory. */
const TABLES = 0x1;
const SPTE_BYTES = 8;
/** PFERR_GUEST_FINAL_MASK: the fault is for the guest's access itself, not for its page tables. */
const GUEST_FINAL = 0x1;

/** How an argument of the model becomes a field. */
export const As = {
  /** As it is; negative numbers keep their sign. */
  Number: 0,
  /** A duration or a count that may exceed 32 bits. */
  Large: 1,
  /** A guest frame, as the address of its page. */
  Page: 2,
  /** A host page, as an address of the VM's process. */
  HostPage: 3,
  Lock: 4,
  /** A leaf, or a table's entry, at the level that another argument gives. */
  Spte: 5,
  /** A cell of a page table, as its physical address. */
  SpteAddress: 6,
  ErrorCode: 7,
  RetPf: 8,
  ExitReason: 9,
  Role: 10,
  /** A frame of the host, as the address of its page structure. */
  PageStruct: 11,
  RetryReason: 12,
} as const;
export type As = (typeof As)[keyof typeof As];

/** What conversions depend on. */
export interface Dialect {
  /** Kernel's version: 612 for v6.12. */
  readonly version: number;
  /** Two-dimensional paging: fault addresses are the guest's physical ones. */
  readonly isTdp: boolean;
  /** Cell of the first page table. */
  readonly firstTable: number;
  /** Address of mmu_lock in the model; other locks keep their distance from it. */
  readonly mmuLock: number;
}

/** Kernel's version from its name in kernels.ts: 612 from `v6.12`. */
export function versionOf(kernel: string): number {
  const match = /^v?(\d+)\.(\d+)/.exec(kernel);
  if (!match) throw new Error(`no kernel version: ${kernel}`);
  return Number(match[1]) * 100 + Number(match[2]);
}

/** 4 KiB page number, in a trace, of a host page of the model. */
export function tracedHostPage(page: number): number {
  return USER * 2 ** 20 + page;
}

/** Address of mmu_lock in a trace. */
export const TRACED_MMU_LOCK = (BigInt(VMALLOC) << 32n) | BigInt(KVM);

/** Write `value` to a row. */
export function put(column: ColumnBuilder, row: number, value: number, as: As, dialect: Dialect): void {
  switch (as) {
    case As.Number:
      column.low[row] = value;
      if (column.wide && value < 0) column.high[row] = 0xffffffff;
      return;
    case As.Large:
      return column.setNumber(row, value);
    case As.Page:
      return putPage(column, row, value, 0);
    case As.HostPage:
      return putPage(column, row, value, USER);
    case As.Lock:
      column.low[row] = KVM + value - dialect.mmuLock;
      column.high[row] = VMALLOC;
      return;
    case As.Spte:
      return putSpte(column, row, value, dialect);
    case As.SpteAddress:
      column.setNumber(row, TABLES * 2 ** 32 + Math.max(0, value - dialect.firstTable) * SPTE_BYTES);
      return;
    case As.ErrorCode:
      column.low[row] = value;
      // Exits that are no faults have none.
      if (column.wide && dialect.isTdp && value !== 0) column.high[row] = GUEST_FINAL;
      return;
    case As.PageStruct:
      column.setNumber(row, value * PAGE_STRUCT);
      column.high[row] += VMEMMAP;
      return;
    default:
      column.low[row] = codeOf(value, as, dialect);
  }
}

function putPage(column: ColumnBuilder, row: number, page: number, high: number): void {
  column.low[row] = page << 12;
  column.high[row] = high + (page >>> 20);
}

/** Bits of entries in nested page tables, and those that KVM keeps for itself. */
const Bit = {
  present: 0x1,
  writable: 0x2,
  user: 0x4,
  accessed: 0x20,
  dirty: 0x40,
  huge: 0x80,
  hostWritable: 0x200,
  mmuWritable: 0x400,
  mmuPresent: 0x800,
} as const;
/** Since 6.10 an entry that is not present has bit 63. */
const NONPRESENT_HIGH = 0x80000000;
/** FROZEN_SPTE of 7.3, and of kernels before. */
const FROZEN_LOW = { old: 0x5a0, new: 0x1a0 } as const;
/** Bit 51, reserved on the host: marks MMIO. */
const MMIO_HIGH = 0x80000;

function putSpte(column: ColumnBuilder, row: number, spte: number, { version }: Dialect): void {
  if ((spte & Spte.Present) === 0) {
    const isFrozen = spte === FROZEN_SPTE;
    column.high[row] = version >= 610 ? NONPRESENT_HIGH : 0;
    column.low[row] = isFrozen ? (version >= 703 ? FROZEN_LOW.new : FROZEN_LOW.old) : 0;
    if (spte !== 0 && !isFrozen) column.high[row] = MMIO_HIGH;
    return;
  }
  const frame = frameOf(spte);
  column.high[row] = (isLeaf(spte) ? 0 : TABLES) + (frame >>> 20);
  column.low[row] = (frame << 12) | flagsOf(spte);
}

function flagsOf(spte: number): number {
  const table = Bit.present | Bit.user | Bit.mmuPresent;
  if (!isLeaf(spte)) return table | Bit.writable | Bit.accessed;
  let flags: number = table;
  if (spte & Spte.Writable) flags |= Bit.writable | Bit.hostWritable;
  if (spte & Spte.MmuWritable) flags |= Bit.mmuWritable | Bit.hostWritable;
  if (spte & Spte.Accessed) flags |= Bit.accessed;
  if (spte & Spte.Dirty) flags |= Bit.dirty;
  if (spte & Spte.Huge) flags |= Bit.huge;
  return flags;
}

/** SVM_EXIT_*: nested page fault, page fault of the guest, interrupt, halt. */
const Svm = { npf: 0x400, pageFault: 0x4e, interrupt: 0x60, halt: 0x78 } as const;

/** role.direct, full access, and no-execute and write protection on; access took a bit more from 7.2 on. */
const ROLE_DIRECT = 0x80;
const ROLE_OLD = 0x3700;
const ROLE_NEW = 0x6f00;

function codeOf(value: number, as: As, { version, isTdp }: Dialect): number {
  switch (as) {
    case As.RetPf:
      return retPfOf(value, version);
    case As.ExitReason:
      if (value === ExitReason.PageFault) return isTdp ? Svm.npf : Svm.pageFault;
      return value === ExitReason.Done ? Svm.halt : Svm.interrupt;
    case As.Role:
      if (value > 0xf) return value;
      return value | (isTdp ? ROLE_DIRECT : 0) | (version >= 702 ? ROLE_NEW : ROLE_OLD);
    case As.RetryReason:
      return value === Detection.Other ? 0 : value;
    default:
      return value;
  }
}

/** enum ret_pf got RET_PF_CONTINUE in 5.16 and RET_PF_WRITE_PROTECTED in 6.12, which moved what follows. */
function retPfOf(value: number, version: number): number {
  if (value < 0 || version >= 612) return value;
  const moved = value >= RetPf.WriteProtected ? value - 1 : value;
  return version >= 516 ? moved : Math.max(0, moved - 1);
}
