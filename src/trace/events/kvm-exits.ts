/**
 * Leaving and entering the guest: exits, entries, faults that cause them, and exits to the VM's user process.
 *
 * Source: arch/x86/kvm/trace.h and include/trace/events/kvm.h of Linux 5.10, 6.1, 6.12, 6.18, 7.2 and 7.3.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const kvm = eventOf('kvm');

/**
 * `isa` of kvm_exit: KVM_ISA_VMX and KVM_ISA_SVM. The text shows it only through the words of its reasons.
 */
const INTEL = { isa: 1 };
const AMD = { isa: 2 };

const exitDetails =
  'rip 0x{guest_rip:x} info1 0x{info1:016x} info2 0x{info2:016x}' +
  ' intr_info 0x{intr_info:08x} error_code 0x{error_code:08x}';
const exitWithRequests = `${exitDetails} requests 0x{requests:016x}`;

const exitFields = [
  field('exit_reason', 'unsigned int', 'enum'),
  field('guest_rip', 'unsigned long', 'gva'),
  field('isa', 'u32', 'enum'),
  field('info1', 'u64'),
  field('info2', 'u64'),
  field('intr_info', 'u32'),
  field('error_code', 'u32', 'error-code'),
  field('vcpu_id', 'unsigned int', 'vcpu'),
  field('requests', 'u64', 'flags', { since: 'v6.18' }),
];

const exitShapes = [
  [`vcpu {vcpu_id} reason {exit_reason:sym=svmExit} ${exitWithRequests}`, AMD],
  [`vcpu {vcpu_id} reason {exit_reason:sym=vmxExit} ${exitWithRequests}`, INTEL],
  `vcpu {vcpu_id} reason {exit_reason} ${exitWithRequests}`,
  [`vcpu {vcpu_id} reason {exit_reason:sym=svmExit} ${exitDetails}`, AMD],
  [`vcpu {vcpu_id} reason {exit_reason:sym=vmxExit} ${exitDetails}`, INTEL],
  `vcpu {vcpu_id} reason {exit_reason} ${exitDetails}`,
] as const;

const exits: readonly EventDef[] = [
  kvm('kvm_exit', {
    fields: exitFields,
    print: exitShapes,
    plugin: [
      ['reason {exit_reason:sym=svmExitPlugin} rip 0x{guest_rip:x} info {info1:x} {info2:x}', AMD],
      ['reason {exit_reason:sym=vmxExit} rip 0x{guest_rip:x} info {info1:x} {info2:x}', INTEL],
      'reason UNKNOWN ({exit_reason}) rip 0x{guest_rip:x} info {info1:x} {info2:x}',
    ],
    meaning:
      'The vCPU left the guest. info1 and info2 hold the qualification and, for memory faults,' +
      ' the guest-physical' +
      ' address: its place is the vendor’s. One per fault attempt.',
  }),
  kvm('kvm_nested_vmexit', {
    fields: exitFields,
    print: exitShapes,
    meaning: 'A nested guest (L2) left; who handles the exit is decided next.',
  }),
  kvm('kvm_entry', {
    fields: [
      field('vcpu_id', 'unsigned int', 'vcpu'),
      field('rip', 'unsigned long', 'gva'),
      field('immediate_exit', 'bool', 'bool', { since: 'v6.1' }),
      field('intr_info', 'u32', undefined, { since: 'v6.18' }),
      field('error_code', 'u32', 'error-code', { since: 'v6.18' }),
    ],
    print: [
      [
        'vcpu {vcpu_id}, rip 0x{rip:x} intr_info 0x{intr_info:08x} error_code 0x{error_code:08x}',
        { immediate_exit: 0 },
      ],
      [
        'vcpu {vcpu_id}, rip 0x{rip:x} intr_info 0x{intr_info:08x} error_code' +
          ' 0x{error_code:08x}[immediate exit]',
        { immediate_exit: 1 },
      ],
      ['vcpu {vcpu_id}, rip 0x{rip:x}', { immediate_exit: 0 }],
      ['vcpu {vcpu_id}, rip 0x{rip:x}[immediate exit]', { immediate_exit: 1 }],
    ],
    plugin: ['vcpu {vcpu_id} rip 0x{rip:x}'],
    meaning: 'The vCPU goes into the guest: the end of whatever the last exit asked for.',
  }),
  kvm('kvm_page_fault', {
    fields: [
      field('vcpu_id', 'unsigned int', 'vcpu', { since: 'v6.1' }),
      field('guest_rip', 'unsigned long', 'gva', { since: 'v6.1' }),
      field('fault_address', 'u64', 'gpa', { earlier: [['unsigned long', 'v5.10']] }),
      field('error_code', 'u64', 'error-code', { earlier: [['unsigned int', 'v5.10']] }),
    ],
    print: [
      'vcpu {vcpu_id} rip 0x{guest_rip:x} address 0x{fault_address:016x} error_code 0x{error_code:x}',
      'address {fault_address:x} error_code {error_code:x}',
    ],
    meaning:
      'An EPT violation or nested page fault reaches KVM: one per attempt, so the same address' +
      ' again and again is a' +
      ' retry storm. Hosts that only shadow (PVM) do not have it.',
  }),
  kvm('kvm_rmp_fault', {
    since: 'v6.12',
    fields: [
      field('vcpu_id', 'unsigned int', 'vcpu'),
      field('gpa', 'u64', 'gpa'),
      field('pfn', 'u64', 'pfn'),
      field('error_code', 'u64', 'error-code'),
      field('rmp_level', 'int', 'level'),
      field('psmash_ret', 'int', 'errno'),
    ],
    print: [
      'vcpu {vcpu_id} gpa {gpa:016x} pfn 0x{pfn:x} error_code 0x{error_code:x} rmp_level {rmp_level}' +
        ' psmash_ret {psmash_ret}',
    ],
    meaning: 'An SEV-SNP guest faulted on the reverse map table; a huge entry may have to be split.',
  }),
  kvm('kvm_userspace_exit', {
    fields: [field('reason', '__u32', 'enum'), field('errno', 'int', 'errno')],
    print: [
      ['reason {reason:sym=userspaceExit} ({reason})', { errno: 0 }],
      ['reason restart (4)', { errno: -4 }],
      'reason error ({errno:sym=negatedErrno})',
    ],
    meaning: 'KVM_RUN returns to the VM’s process; `restart` is EINTR: a signal or a kick.',
  }),
  kvm('kvm_pml_full', {
    fields: [field('vcpu_id', 'unsigned int', 'vcpu')],
    print: ['vcpu {vcpu_id}: PML full'],
    meaning: 'The page-modification log is full: dirty logging costs an exit every 512 pages.',
  }),
  kvm('kvm_hypercall', {
    fields: [
      field('nr', 'unsigned long', 'enum'),
      field('a0', 'unsigned long'),
      field('a1', 'unsigned long'),
      field('a2', 'unsigned long'),
      field('a3', 'unsigned long'),
    ],
    print: ['nr 0x{nr:x} a0 0x{a0:x} a1 0x{a1:x} a2 0x{a2:x} a3 0x{a3:x}'],
    meaning: 'The guest called the hypervisor.',
  }),
];

const pauses: readonly EventDef[] = [
  kvm('kvm_ple_window_update', {
    fields: [
      field('vcpu_id', 'unsigned int', 'vcpu'),
      field('new', 'unsigned int', 'count'),
      field('old', 'unsigned int', 'count'),
    ],
    print: ['vcpu {vcpu_id} old {old} new {new} ({?})'],
    meaning: 'The pause-loop window changed: guests spin on locks of their own.',
  }),
  kvm('kvm_vcpu_wakeup', {
    fields: [field('ns', '__u64', 'ns'), field('waited', 'bool', 'bool'), field('valid', 'bool', 'bool')],
    print: ['{waited:sym=waitPoll} time {ns} ns, polling {valid:sym=validity}'],
    meaning: 'A halted vCPU woke up, after polling or after sleeping.',
  }),
  kvm('kvm_halt_poll_ns', {
    fields: [
      field('grow', 'bool', 'bool'),
      field('vcpu_id', 'unsigned int', 'vcpu'),
      field('new', 'unsigned int', 'ns'),
      field('old', 'unsigned int', 'ns'),
    ],
    print: ['vcpu {vcpu_id}: halt_poll_ns {new} ({grow:sym=growShrink} {old})'],
    meaning: 'The time a halted vCPU polls before it sleeps changed.',
  }),
];

export const kvmExitEvents: readonly EventDef[] = [...exits, ...pauses];
