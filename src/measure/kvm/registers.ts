/**
 * Registers of a vCPU that runs user code: 64-bit long mode at CPL 3, paging on, interrupts off, no
 * descriptor table that it would need. Works on VMX, SVM and PVM (which emulates code at CPL 0 instead of
 * running it).
 */

/** Selectors as Linux has them; nothing looks them up. */
const USER_CODE = 0x33;
const USER_DATA = 0x2b;
/** Segment types: code, readable, accessed; data, writable, accessed. */
const CODE = 11;
const DATA = 3;

/** PE, MP, ET, NE, WP, AM, PG. */
const CR0 = 0x80050033n;
/** PAE, OSFXSR, OSXMMEXCPT. */
const CR4 = 0x620n;
/** SCE, LME, LMA. */
const EFER = 0x501n;
/** Only the bit that is always set: interrupts stay off. */
const RFLAGS = 2n;

/** Offsets in struct kvm_sregs: the segments in order, 24 bytes each, and control registers. */
const SEGMENTS = { cs: 0, ds: 24, es: 48, fs: 72, gs: 96, ss: 120 } as const;
const SREGS = { cr0: 224, cr3: 240, cr4: 248, efer: 264 } as const;

/**
 * Changes what KVM_GET_SREGS has filled in.
 *
 * @param pageTable guest physical address of the PML4
 */
export function enterUserMode(sregs: DataView, pageTable: number): void {
  for (const at of Object.values(SEGMENTS)) setSegment(sregs, at, at === SEGMENTS.cs);
  sregs.setBigUint64(SREGS.cr0, CR0, true);
  sregs.setBigUint64(SREGS.cr3, BigInt(pageTable), true);
  sregs.setBigUint64(SREGS.cr4, CR4, true);
  sregs.setBigUint64(SREGS.efer, EFER, true);
}

/** struct kvm_segment: base, limit, selector, type, present, dpl, db, s, l, g, avl, unusable. */
function setSegment(sregs: DataView, at: number, isCode: boolean): void {
  sregs.setBigUint64(at, 0n, true);
  sregs.setUint32(at + 8, 0xffffffff, true);
  sregs.setUint16(at + 12, isCode ? USER_CODE : USER_DATA, true);
  const code = isCode ? 1 : 0;
  const rest = [isCode ? CODE : DATA, 1, 3, 1 - code, 1, code, 1, 0, 0];
  rest.forEach((value, i) => sregs.setUint8(at + 14 + i, value));
}

/** In the order of struct kvm_regs. */
const REGISTERS = 'rax rbx rcx rdx rsi rdi rsp rbp r8 r9 r10 r11 r12 r13 r14 r15 rip'.split(' ');

export type Registers = Readonly<Record<string, number | bigint>>;

/** struct kvm_regs; registers that are not named are 0. */
export function packRegisters(registers: Registers): Uint8Array {
  const regs = new DataView(new ArrayBuffer(144));
  REGISTERS.forEach((name, i) => regs.setBigUint64(8 * i, BigInt(registers[name] ?? 0), true));
  regs.setBigUint64(8 * REGISTERS.length, RFLAGS, true);
  return new Uint8Array(regs.buffer);
}
