/**
 * Numbers that KVM's events print as words. Sources: arch/x86/kvm/trace.h, mmu/mmutrace.h,
 * mmu/mmu_internal.h.
 */
import { computedTable, entriesOf, flagTable, symbolTable } from './symbol-table.js';

/** Bits of a page-fault error code (PFERR_*), in the order in which the kernel prints them. */
const faultErrorBits = entriesOf(`
  0x1 P | 0x2 W | 0x4 U | 0x20 PK | 0x40 SS | 0x8000 SGX | 0x8 RSVD | 0x10 F
`);

/** How kvm_emulate_insn names the mode: bits CR0.PE, EFLAGS.VM, CS.D, CS.L. */
const emulationModes = entriesOf('0 real | 3 vm16 | 1 prot16 | 5 prot32 | 9 prot64');

const exceptions = entriesOf(`
  0 #DE | 1 #DB | 3 #BP | 4 #OF | 5 #BR | 6 #UD | 7 #NM | 8 #DF | 10 #TS | 11 #NP | 12 #SS | 13 #GP | 14 #PF
  16 #MF | 17 #AC | 18 #MC | 19 #XM | 20 #VE | 21 #CP | 28 #HV | 29 #VC | 30 #SX
`);

const apicvInhibits = entriesOf(`
  0x1 DISABLED | 0x2 HYPERV | 0x4 ABSENT | 0x8 BLOCKIRQ | 0x10 PHYSICAL_ID_ALIASED | 0x20 APIC_ID_MODIFIED
  0x40 APIC_BASE_MODIFIED | 0x80 NESTED | 0x100 IRQWIN | 0x200 PIT_REINJ | 0x400 SEV
  0x800 LOGICAL_ID_ALIASED
  0x1000 PHYSICAL_ID_TOO_BIG
`);

/** kvm_userspace_exit prints the error without its sign. */
const negatedErrno = computedTable(
  'negatedErrno',
  (errno) => String(-errno),
  (text) => (/^\d+$/.test(text) ? -Number(text) : undefined),
);

export const kvmTables = [
  flagTable('faultError', faultErrorBits, { neverEmpty: true }),
  flagTable('faultErrorOrNone', faultErrorBits),
  symbolTable('emulationMode', emulationModes),
  symbolTable('exception', exceptions),
  flagTable('apicvInhibit', apicvInhibits, { neverEmpty: true }),
  symbolTable('readWrite', entriesOf('0 read | 1 write')),
  symbolTable('mmioKind', entriesOf('0 unsatisfied-read | 1 read | 2 write')),
  symbolTable('fpuMove', entriesOf('0 unload | 1 load')),
  symbolTable('hostClock', entriesOf('0 none | 1 tsc')),
  symbolTable('setCleared', entriesOf('1 set | 0 cleared')),
  symbolTable('activation', entriesOf('1 activate | 0 deactivate')),
  symbolTable('virqKind', entriesOf('0 IRQ | 1 Soft/INTn')),
  symbolTable('growShrink', entriesOf('1 grow | 0 shrink')),
  symbolTable('waitPoll', entriesOf('1 wait | 0 poll')),
  symbolTable('validity', entriesOf('1 valid | 0 invalid')),
  symbolTable('found', entriesOf('1 found | 0 not found')),
  symbolTable('smmMove', entriesOf('1 entering | 0 leaving')),
  symbolTable('youngOld', entriesOf('1 YOUNG | 0 OLD')),
  symbolTable('syncState', entriesOf('0 sync | 1 unsync')),
  symbolTable('createdState', entriesOf('1 new | 0 existing')),
  negatedErrno,
];
