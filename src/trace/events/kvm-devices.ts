/**
 * Work that KVM does for the guest: emulation, port and memory-mapped I/O, registers, interrupts, FPU,
 * clocks, APICv.
 *
 * Source: arch/x86/kvm/trace.h and include/trace/events/kvm.h of Linux 5.10, 6.1, 6.12, 6.18, 7.2 and 7.3.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const kvm = eventOf('kvm');

const pio = 'pio_{rw:sym=readWrite} at 0x{port:x} size {size} count {count} val 0x{val:x}';
const emulated = '{csbase:x}:{rip:x}:{insn:hexbytes} ({flags:sym=emulationMode})';

const emulation: readonly EventDef[] = [
  kvm('kvm_emulate_insn', {
    fields: [
      field('rip', '__u64', 'gva'),
      field('csbase', '__u32', 'gva'),
      field('len', '__u8', 'bytes'),
      field('insn', '__u8[15]'),
      field('flags', '__u8', 'enum'),
      field('failed', '__u8', 'bool'),
    ],
    print: [
      [emulated, { failed: 0 }],
      [`${emulated} failed`, { failed: 1 }],
    ],
    plugin: [
      // Two spaces: the bytes end with one, and FA would pass for a byte behind a single one.
      ['{csbase:x}:{rip:x}: {insn:hexbytes}  FAIL', { failed: 1 }],
      ['{csbase:x}:{rip:x}: {insn:hexbytes}', { failed: 0 }],
    ],
    meaning:
      'KVM emulates one instruction, for instance because it touched an MMIO address. Text shows' +
      ' `len` bytes.',
  }),
  kvm('kvm_pio', {
    fields: [
      field('rw', 'unsigned int', 'bool'),
      field('port', 'unsigned int'),
      field('size', 'unsigned int', 'bytes'),
      field('count', 'unsigned int', 'count'),
      field('val', 'unsigned int'),
    ],
    print: [`${pio} `, `${pio} (...)`, pio],
    meaning: 'The guest used an I/O port.',
  }),
  kvm('kvm_mmio', {
    fields: [
      field('type', 'u32', 'enum'),
      field('len', 'u32', 'bytes'),
      field('gpa', 'u64', 'gpa'),
      field('val', 'u64'),
    ],
    print: ['mmio {type:sym=mmioKind} len {len} gpa 0x{gpa:x} val 0x{val:x}'],
    meaning: 'The guest touched a memory-mapped register; a read is unsatisfied until the device answers.',
  }),
  kvm('kvm_fast_mmio', {
    fields: [field('gpa', 'u64', 'gpa')],
    print: ['fast mmio at gpa 0x{gpa:x}'],
    meaning: 'A write to a doorbell, served without decoding the instruction.',
  }),
];

const registers: readonly EventDef[] = [
  kvm('kvm_cpuid', {
    fields: [
      field('function', 'unsigned int'),
      field('index', 'unsigned int'),
      field('rax', 'unsigned long'),
      field('rbx', 'unsigned long'),
      field('rcx', 'unsigned long'),
      field('rdx', 'unsigned long'),
      field('found', 'bool', 'bool'),
      field('used_max_basic', 'bool', 'bool'),
    ],
    print: [
      [
        'func {function:x} idx {index:x} rax {rax:x} rbx {rbx:x} rcx {rcx:x} rdx {rdx:x},' +
          ' cpuid entry {found:sym=found}, used max basic',
        { used_max_basic: 1 },
      ],
      [
        'func {function:x} idx {index:x} rax {rax:x} rbx {rbx:x} rcx {rcx:x} rdx {rdx:x},' +
          ' cpuid entry {found:sym=found}',
        { used_max_basic: 0 },
      ],
    ],
    meaning: 'The guest asked for CPU features.',
  }),
  kvm('kvm_msr', {
    fields: [
      field('write', 'unsigned', 'bool'),
      field('ecx', 'u32'),
      field('data', 'u64'),
      field('exception', 'u8', 'bool'),
    ],
    print: [
      ['msr_{write:sym=readWrite} {ecx:x} = 0x{data:x} (#GP)', { exception: 1 }],
      ['msr_{write:sym=readWrite} {ecx:x} = 0x{data:x}', { exception: 0 }],
    ],
    meaning: 'The guest read or wrote a model-specific register.',
  }),
  kvm('kvm_cr', {
    fields: [field('rw', 'unsigned int', 'bool'), field('cr', 'unsigned int'), field('val', 'unsigned long')],
    print: ['cr_{rw:sym=readWrite} {cr:x} = 0x{val:x}'],
    meaning: 'The guest read or wrote a control register.',
  }),
  kvm('kvm_fpu', {
    fields: [field('load', 'u32', 'bool')],
    print: ['{load:sym=fpuMove}'],
    meaning: 'Guest FPU state is loaded before KVM_RUN’s loop and unloaded after it: frames one KVM_RUN.',
  }),
  kvm('kvm_inj_virq', {
    fields: [
      field('irq', 'unsigned int', undefined, { until: 'v5.10' }),
      field('vector', 'unsigned int', undefined, { since: 'v6.1' }),
      field('soft', 'bool', 'bool', { since: 'v6.1' }),
      field('reinjected', 'bool', 'bool', { since: 'v6.1' }),
    ],
    print: [
      ['{soft:sym=virqKind} 0x{vector:x} [reinjected]', { reinjected: 1 }],
      ['{soft:sym=virqKind} 0x{vector:x}', { reinjected: 0 }],
      'irq {irq}',
    ],
    meaning: 'An interrupt is injected into the guest.',
  }),
  kvm('kvm_inj_exception', {
    fields: [
      field('exception', 'u8', 'enum'),
      field('has_error', 'u8', 'bool'),
      field('error_code', 'u32', 'error-code'),
      field('reinjected', 'bool', 'bool'),
    ],
    print: [
      ['{exception:sym=exception} (0x{error_code:x}) [reinjected]', { has_error: 1, reinjected: 1 }],
      ['{exception:sym=exception} (0x{error_code:x})', { has_error: 1, reinjected: 0 }],
      ['{exception:sym=exception} [reinjected]', { has_error: 0, reinjected: 1 }],
      ['{exception:sym=exception}', { has_error: 0, reinjected: 0 }],
    ],
    meaning: 'An exception is injected into the guest, such as a page fault of its own.',
  }),
];

const masterClock = 'masterclock {use_master_clock} hostclock {host_clock:sym=hostClock}';

const clocks: readonly EventDef[] = [
  kvm('kvm_update_master_clock', {
    fields: [
      field('use_master_clock', 'bool', 'bool'),
      field('host_clock', 'unsigned int', 'enum'),
      field('offset_matched', 'bool', 'bool'),
    ],
    print: [`${masterClock} offsetmatched {offset_matched}`],
    meaning: 'The VM-wide clock is recomputed; every vCPU has to leave the guest for it.',
  }),
  kvm('kvm_track_tsc', {
    fields: [
      field('vcpu_id', 'unsigned int', 'vcpu'),
      field('nr_vcpus_matched_tsc', 'unsigned int', 'count'),
      field('online_vcpus', 'unsigned int', 'count'),
      field('use_master_clock', 'bool', 'bool'),
      field('host_clock', 'unsigned int', 'enum'),
    ],
    print: [
      'vcpu_id {vcpu_id} masterclock {use_master_clock} offsetmatched {nr_vcpus_matched_tsc}' +
        ' nr_online {online_vcpus} hostclock {host_clock:sym=hostClock}',
    ],
    meaning: 'A vCPU’s TSC was compared with those of its VM: fires at VM start.',
  }),
  kvm('kvm_write_tsc_offset', {
    fields: [
      field('vcpu_id', 'unsigned int', 'vcpu'),
      field('previous_tsc_offset', '__u64', 'tsc-cycles'),
      field('next_tsc_offset', '__u64', 'tsc-cycles'),
    ],
    print: ['vcpu={vcpu_id} prev={previous_tsc_offset} next={next_tsc_offset}'],
    meaning: 'A vCPU’s TSC offset changed: with it guest and host TSC can be lined up.',
  }),
  kvm('kvm_pvclock_update', {
    fields: [
      field('vcpu_id', 'unsigned int', 'vcpu'),
      field('version', '__u32', 'count'),
      field('tsc_timestamp', '__u64', 'tsc-cycles'),
      field('system_time', '__u64', 'ns'),
      field('tsc_to_system_mul', '__u32'),
      field('tsc_shift', '__s8'),
      field('flags', '__u8', 'flags'),
    ],
    print: [
      'vcpu_id {vcpu_id}, pvclock {{ version {version}, tsc_timestamp 0x{tsc_timestamp:x},' +
        ' system_time 0x{system_time:x}, tsc_to_system_mul 0x{tsc_to_system_mul:x}, tsc_shift {tsc_shift},' +
        ' flags 0x{flags:x} }}',
    ],
    meaning:
      'The guest’s paravirtual clock page is rewritten; its pfn cache is invalidated by notifiers too.',
  }),
  kvm('kvm_wait_lapic_expire', {
    fields: [field('vcpu_id', 'unsigned int', 'vcpu'), field('delta', 's64', 'tsc-cycles')],
    print: ['vcpu {vcpu_id}: delta {delta} ({?})'],
    meaning: 'How early or late the vCPU entered for its timer.',
  }),
];

const apicv: readonly EventDef[] = [
  kvm('kvm_apicv_inhibit_changed', {
    since: 'v6.1',
    fields: [
      field('reason', 'int', 'enum'),
      field('set', 'bool', 'bool'),
      field('inhibits', 'unsigned long', 'flags'),
    ],
    print: [
      '{set:sym=setCleared} reason={reason}, inhibits=0x{inhibits:x} {inhibits:flags=apicvInhibit}',
      '{set:sym=setCleared} reason={reason}, inhibits=0x{inhibits:x}',
    ],
    meaning: 'A reason not to use APICv came or went; the APIC access page is zapped or mapped with it.',
  }),
  kvm('kvm_apicv_update_request', {
    until: 'v5.10',
    fields: [field('activate', 'bool', 'bool'), field('bit', 'unsigned long', 'enum')],
    print: ['{activate:sym=activation} bit={bit}'],
    meaning: 'What old kernels have in place of kvm_apicv_inhibit_changed.',
  }),
];

const systemManagement = [
  field('vcpu_id', 'unsigned int', 'vcpu'),
  field('smbase', 'u64', 'gpa'),
  field('entering', 'bool', 'bool'),
];

const modes: readonly EventDef[] = [
  kvm('kvm_smm_transition', {
    since: 'v6.1',
    fields: systemManagement,
    print: ['vcpu {vcpu_id}: {entering:sym=smmMove} SMM, smbase 0x{smbase:x}'],
    meaning:
      'The vCPU enters or leaves system management mode, which has an address space (as id 1) of its own.',
  }),
  kvm('kvm_enter_smm', {
    until: 'v5.10',
    fields: systemManagement,
    print: ['vcpu {vcpu_id}: {entering:sym=smmMove} SMM, smbase 0x{smbase:x}'],
    meaning: 'What old kernels call kvm_smm_transition.',
  }),
];

export const kvmDeviceEvents: readonly EventDef[] = [
  ...emulation,
  ...registers,
  ...clocks,
  ...apicv,
  ...modes,
];
