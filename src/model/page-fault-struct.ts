/**
 * struct kvm_page_fault: what a vCPU knows about the fault that it handles.
 *
 * It lives in private cells of the vCPU (its kernel stack), so that a snapshot of memory holds it. The
 * accessors read like the C: `fault(t, vcpu)` is cheap, and the object has no state of its own.
 */
import type { Thread } from './operations.js';
import type { Vcpu } from './kvm.js';

/** Results of a fault attempt: enum ret_pf of 6.12 and newer. */
export const RetPf = {
  Continue: 0,
  Retry: 1,
  Emulate: 2,
  WriteProtected: 3,
  Invalid: 4,
  Fixed: 5,
  Spurious: 6,
} as const;
export type RetPf = (typeof RetPf)[keyof typeof RetPf];

/** Cells of one PageFault. */
export const PAGE_FAULT_CELLS = 16;

/** Which of them counts retries: nothing depends on it. */
export const RETRIES = 13;

/** Values of `pfn` that are no frame. */
export const Pfn = { NoSlot: -2, Error: -1 } as const;

export class PageFault {
  constructor(
    private readonly mem: Int32Array,
    private readonly base: number,
  ) {}

  /** Guest frame that was touched. */
  get gfn(): number {
    return this.mem[this.base];
  }
  set gfn(value: number) {
    this.mem[this.base] = value;
  }
  /** 1: a write. */
  get write(): number {
    return this.mem[this.base + 1];
  }
  set write(value: number) {
    this.mem[this.base + 1] = value;
  }
  /** 1: the SPTE was present (a permission fault). */
  get present(): number {
    return this.mem[this.base + 2];
  }
  set present(value: number) {
    this.mem[this.base + 2] = value;
  }
  /** 1: nobody waits for it (async page fault completion, KVM_PRE_FAULT_MEMORY). */
  get prefetch(): number {
    return this.mem[this.base + 3];
  }
  set prefetch(value: number) {
    this.mem[this.base + 3] = value;
  }
  /** Id of the memslot plus 1; 0: none. */
  get slot(): number {
    return this.mem[this.base + 4];
  }
  set slot(value: number) {
    this.mem[this.base + 4] = value;
  }
  /** mmu_seq: mmu_invalidate_seq as sampled. */
  get mmuSeq(): number {
    return this.mem[this.base + 5];
  }
  set mmuSeq(value: number) {
    this.mem[this.base + 5] = value;
  }
  /** Host frame, or a value of Pfn. */
  get pfn(): number {
    return this.mem[this.base + 6];
  }
  set pfn(value: number) {
    this.mem[this.base + 6] = value;
  }
  /** Host page number (hva >> 12). */
  get hva(): number {
    return this.mem[this.base + 7];
  }
  set hva(value: number) {
    this.mem[this.base + 7] = value;
  }
  /** map_writable */
  get mapWritable(): number {
    return this.mem[this.base + 8];
  }
  set mapWritable(value: number) {
    this.mem[this.base + 8] = value;
  }
  /** Largest level that the memslot allows. */
  get maxLevel(): number {
    return this.mem[this.base + 9];
  }
  set maxLevel(value: number) {
    this.mem[this.base + 9] = value;
  }
  /** Level at which it will be mapped. */
  get goalLevel(): number {
    return this.mem[this.base + 10];
  }
  set goalLevel(value: number) {
    this.mem[this.base + 10] = value;
  }
  /** Policy hostLevel before-recheck: the host's level as read too early. */
  get hostLevel(): number {
    return this.mem[this.base + 11];
  }
  set hostLevel(value: number) {
    this.mem[this.base + 11] = value;
  }
  /** 1: a page reference is held for the fault. */
  get holdsRef(): number {
    return this.mem[this.base + 12];
  }
  set holdsRef(value: number) {
    this.mem[this.base + 12] = value;
  }
  /** Retries in a row on this gfn. */
  get retries(): number {
    return this.mem[this.base + RETRIES];
  }
  set retries(value: number) {
    this.mem[this.base + RETRIES] = value;
  }
}

/** The fault of a vCPU. */
export function faultOf(t: Thread, vcpu: Vcpu): PageFault {
  return new PageFault(t.mem, vcpu.fault);
}

/** PFERR_*: user, write, present. */
export function errorCodeOf(fault: PageFault): number {
  return 4 | (fault.write !== 0 ? 2 : 0) | (fault.present !== 0 ? 1 : 0);
}
