/**
 * Why a guest stopped running: exit reasons of both vendors, and of KVM towards its user.
 *
 * Numbers: arch/x86/include/uapi/asm/{svm,vmx}.h and include/uapi/linux/kvm.h, Linux 7.3 and before.
 */
import { entriesOf, symbolTable, type SymbolEntry } from './symbol-table.js';

/** AMD, as the kernel prints them. */
const svmKernel = entriesOf(`
  0x000 read_cr0 | 0x002 read_cr2 | 0x003 read_cr3 | 0x004 read_cr4 | 0x008 read_cr8 | 0x010 write_cr0
  0x012 write_cr2 | 0x013 write_cr3 | 0x014 write_cr4 | 0x018 write_cr8 | 0x020 read_dr0
  0x021 read_dr1 | 0x022 read_dr2 | 0x023 read_dr3 | 0x024 read_dr4 | 0x025 read_dr5 | 0x026 read_dr6
  0x027 read_dr7 | 0x030 write_dr0 | 0x031 write_dr1 | 0x032 write_dr2 | 0x033 write_dr3
  0x034 write_dr4 | 0x035 write_dr5 | 0x036 write_dr6 | 0x037 write_dr7 | 0x040 DE excp
  0x041 DB excp | 0x043 BP excp | 0x044 OF excp | 0x045 BR excp | 0x046 UD excp | 0x047 NM excp
  0x048 DF excp | 0x04a TS excp | 0x04b NP excp | 0x04c SS excp | 0x04d GP excp | 0x04e PF excp
  0x050 MF excp | 0x051 AC excp | 0x052 MC excp | 0x053 XF excp | 0x060 interrupt | 0x061 nmi
  0x062 smi | 0x063 init | 0x064 vintr | 0x065 cr0_sel_write | 0x066 read_idtr | 0x067 read_gdtr
  0x068 read_ldtr | 0x069 read_rt | 0x06a write_idtr | 0x06b write_gdtr | 0x06c write_ldtr
  0x06d write_rt | 0x06e rdtsc | 0x06f rdpmc | 0x070 pushf | 0x071 popf | 0x072 cpuid | 0x073 rsm
  0x074 iret | 0x075 swint | 0x076 invd | 0x077 pause | 0x078 hlt | 0x079 invlpg | 0x07a invlpga
  0x07b io | 0x07c msr | 0x07d task_switch | 0x07e ferr_freeze | 0x07f shutdown | 0x080 vmrun
  0x081 hypercall | 0x082 vmload | 0x083 vmsave | 0x084 stgi | 0x085 clgi | 0x086 skinit
  0x087 rdtscp | 0x088 icebp | 0x089 wbinvd | 0x08a monitor | 0x08b mwait | 0x08d xsetbv
  0x08f write_efer_trap | 0x090 write_cr0_trap | 0x094 write_cr4_trap | 0x098 write_cr8_trap
  0x0a2 invpcid | 0x0a5 buslock | 0x0a6 idle-halt | 0x400 npf | 0x401 avic_incomplete_ipi
  0x402 avic_unaccelerated_access | 0x403 vmgexit | 0x80000001 vmgexit_mmio_read
  0x80000002 vmgexit_mmio_write | 0x80000003 vmgexit_nmi_complete | 0x80000004 vmgexit_ap_hlt_loop
  0x80000005 vmgexit_ap_jump_table | 0x80000010 vmgexit_page_state_change
  0x80000011 vmgexit_guest_request | 0x80000012 vmgexit_ext_guest_request
  0x80000013 vmgexit_ap_creation | 0x8000fffd vmgexit_hypervisor_feature
  0xffffffff invalid_guest_state
`);

/** AMD, as trace-cmd's kvm plugin prints them. */
const svmPlugin = entriesOf(`
  0x000 EXIT_READ_CR0 | 0x003 EXIT_READ_CR3 | 0x004 EXIT_READ_CR4 | 0x008 EXIT_READ_CR8
  0x010 EXIT_WRITE_CR0 | 0x013 EXIT_WRITE_CR3 | 0x014 EXIT_WRITE_CR4 | 0x018 EXIT_WRITE_CR8
  0x020 EXIT_READ_DR0 | 0x021 EXIT_READ_DR1 | 0x022 EXIT_READ_DR2 | 0x023 EXIT_READ_DR3
  0x024 EXIT_READ_DR4 | 0x025 EXIT_READ_DR5 | 0x026 EXIT_READ_DR6 | 0x027 EXIT_READ_DR7
  0x030 EXIT_WRITE_DR0 | 0x031 EXIT_WRITE_DR1 | 0x032 EXIT_WRITE_DR2 | 0x033 EXIT_WRITE_DR3
  0x034 EXIT_WRITE_DR4 | 0x035 EXIT_WRITE_DR5 | 0x036 EXIT_WRITE_DR6 | 0x037 EXIT_WRITE_DR7
  0x040 EXIT_EXCP_DE | 0x041 EXIT_EXCP_DB | 0x043 EXIT_EXCP_BP | 0x044 EXIT_EXCP_OF
  0x045 EXIT_EXCP_BR | 0x046 EXIT_EXCP_UD | 0x047 EXIT_EXCP_NM | 0x048 EXIT_EXCP_DF
  0x04a EXIT_EXCP_TS | 0x04b EXIT_EXCP_NP | 0x04c EXIT_EXCP_SS | 0x04d EXIT_EXCP_GP
  0x04e EXIT_EXCP_PF | 0x050 EXIT_EXCP_MF | 0x051 EXIT_EXCP_AC | 0x052 EXIT_EXCP_MC
  0x053 EXIT_EXCP_XF | 0x060 EXIT_INTR | 0x061 EXIT_NMI | 0x062 EXIT_SMI | 0x063 EXIT_INIT
  0x064 EXIT_VINTR | 0x065 EXIT_CR0_SEL_WRITE | 0x066 EXIT_IDTR_READ | 0x067 EXIT_GDTR_READ
  0x068 EXIT_LDTR_READ | 0x069 EXIT_TR_READ | 0x06a EXIT_IDTR_WRITE | 0x06b EXIT_GDTR_WRITE
  0x06c EXIT_LDTR_WRITE | 0x06d EXIT_TR_WRITE | 0x06e EXIT_RDTSC | 0x06f EXIT_RDPMC | 0x070 EXIT_PUSHF
  0x071 EXIT_POPF | 0x072 EXIT_CPUID | 0x073 EXIT_RSM | 0x074 EXIT_IRET | 0x075 EXIT_SWINT
  0x076 EXIT_INVD | 0x077 EXIT_PAUSE | 0x078 EXIT_HLT | 0x079 EXIT_INVLPG | 0x07a EXIT_INVLPGA
  0x07b EXIT_IOIO | 0x07c EXIT_MSR | 0x07d EXIT_TASK_SWITCH | 0x07e EXIT_FERR_FREEZE
  0x07f EXIT_SHUTDOWN | 0x080 EXIT_VMRUN | 0x081 EXIT_VMMCALL | 0x082 EXIT_VMLOAD | 0x083 EXIT_VMSAVE
  0x084 EXIT_STGI | 0x085 EXIT_CLGI | 0x086 EXIT_SKINIT | 0x087 EXIT_RDTSCP | 0x088 EXIT_ICEBP
  0x089 EXIT_WBINVD | 0x08a EXIT_MONITOR | 0x08b EXIT_MWAIT | 0x08c EXIT_MWAIT_COND
  0x08d EXIT_XSETBV | 0x400 EXIT_NPF | 0x401 EXIT_AVIC_INCOMPLETE_IPI
  0x402 EXIT_AVIC_UNACCELERATED_ACCESS | 0xffffffff EXIT_ERR
`);

/** Intel; the plugin uses the same words, and one of its own. */
const vmxReasons = entriesOf(`
  0 EXCEPTION_NMI | 1 EXTERNAL_INTERRUPT | 2 TRIPLE_FAULT | 3 INIT_SIGNAL | 4 SIPI_SIGNAL
  7 INTERRUPT_WINDOW | 8 NMI_WINDOW | 9 TASK_SWITCH | 10 CPUID | 12 HLT | 13 INVD | 14 INVLPG
  15 RDPMC | 16 RDTSC | 18 VMCALL | 19 VMCLEAR | 20 VMLAUNCH | 21 VMPTRLD | 22 VMPTRST | 23 VMREAD
  24 VMRESUME | 25 VMWRITE | 26 VMOFF | 27 VMON | 28 CR_ACCESS | 29 DR_ACCESS | 30 IO_INSTRUCTION
  31 MSR_READ | 32 MSR_WRITE | 33 INVALID_STATE | 34 MSR_LOAD_FAIL | 36 MWAIT_INSTRUCTION
  37 MONITOR_TRAP_FLAG | 39 MONITOR_INSTRUCTION | 40 PAUSE_INSTRUCTION | 41 MCE_DURING_VMENTRY
  43 TPR_BELOW_THRESHOLD | 44 APIC_ACCESS | 45 EOI_INDUCED | 46 GDTR_IDTR | 47 LDTR_TR
  48 EPT_VIOLATION | 49 EPT_MISCONFIG | 50 INVEPT | 51 RDTSCP | 52 PREEMPTION_TIMER | 53 INVVPID
  54 WBINVD | 55 XSETBV | 56 APIC_WRITE | 57 RDRAND | 58 INVPCID | 59 VMFUNC | 60 ENCLS | 61 RDSEED
  62 PML_FULL | 63 XSAVES | 64 XRSTORS | 67 UMWAIT | 68 TPAUSE | 74 BUS_LOCK | 75 NOTIFY | 77 TDCALL
  84 MSR_READ_IMM | 85 MSR_WRITE_IMM
  7 PENDING_INTERRUPT
`);

/**
 * Bit of the exit reason that says that the entry itself failed; the kernel prints it as a word behind the
 * reason.
 */
const FAILED_VMENTRY = 0x80000000;

function withFailedEntries(reasons: readonly SymbolEntry[]): readonly SymbolEntry[] {
  const failed = reasons.map(([value, name]): SymbolEntry => [
    FAILED_VMENTRY + value,
    `${name} FAILED_VMENTRY`,
  ]);
  return [...reasons, ...failed];
}

const userspaceReasons = entriesOf(`
  0 UNKNOWN | 1 EXCEPTION | 2 IO | 3 HYPERCALL | 4 DEBUG | 5 HLT | 6 MMIO | 7 IRQ_WINDOW_OPEN
  8 SHUTDOWN | 9 FAIL_ENTRY | 10 INTR | 11 SET_TPR | 12 TPR_ACCESS | 13 S390_SIEIC | 14 S390_RESET
  15 DCR | 16 NMI | 17 INTERNAL_ERROR | 18 OSI | 19 PAPR_HCALL | 20 S390_UCONTROL | 21 WATCHDOG
  22 S390_TSCH | 23 EPR | 24 SYSTEM_EVENT | 25 S390_STSI | 26 IOAPIC_EOI | 27 HYPERV | 28 ARM_NISV
  29 X86_RDMSR | 30 X86_WRMSR
`).map(([value, name]): SymbolEntry => [value, `KVM_EXIT_${name}`]);

export const exitTables = [
  symbolTable('svmExit', svmKernel, { namesOnly: true }),
  symbolTable('svmExitPlugin', svmPlugin, { namesOnly: true }),
  symbolTable('vmxExit', withFailedEntries(vmxReasons), { namesOnly: true }),
  symbolTable('userspaceExit', userspaceReasons),
];
