/**
 * Field numbers of Perfetto's protobuf messages, as far as Faultline reads and writes them.
 *
 * Source: protos/perfetto/trace of google/perfetto (stable by protobuf's rules: numbers are never reused).
 */

/** Trace. */
export const TRACE_PACKET = 1;

/** TracePacket. */
export const Packet = {
  ftraceEvents: 1,
  processTree: 2,
  clockSnapshot: 6,
  timestamp: 8,
  sequenceId: 10,
  trackEvent: 11,
  sequenceFlags: 13,
  compressedPackets: 50,
  trackDescriptor: 60,
} as const;

/** FtraceEventBundle. */
export const Bundle = {
  cpu: 1,
  event: 2,
  lostEvents: 3,
  compactSched: 4,
  clock: 5,
  descriptors: 11,
} as const;

/** FtraceEventBundle.CompactSched; all but the table are packed. */
export const Compact = {
  switchTimestamp: 1,
  switchPrevState: 2,
  switchNextPid: 3,
  switchNextPrio: 4,
  internTable: 5,
  switchNextComm: 6,
  wakingTimestamp: 7,
  wakingPid: 8,
  wakingTargetCpu: 9,
  wakingPrio: 10,
  wakingComm: 11,
} as const;

/** FtraceEvent; beside these, each typed event has its own number. */
export const Event = { timestamp: 1, pid: 2, commonFlags: 5, generic: 327 } as const;

/** GenericFtraceEvent and its Field. */
export const Generic = { name: 1, field: 2, fieldName: 1, text: 3, int: 4, uint: 5 } as const;

/** From here on, fields of FtraceEvent are described in the trace itself (GenericEventDescriptor). */
export const FIRST_DESCRIBED = 65536;

/** FtraceClock; a bundle without one is in boot time. */
export const FTRACE_CLOCKS = ['boot', '', 'global', 'local', 'mono_raw'] as const;

/** How a typed field is encoded. */
export type TypedKind = 'text' | 'signed' | 'unsigned';

export interface TypedField {
  readonly name: string;
  readonly kind: TypedKind;
}

/** A typed event: a message of its own inside FtraceEvent. */
export interface TypedEvent {
  /** Field number in FtraceEvent. */
  readonly id: number;
  readonly system: string;
  readonly name: string;
  /** By field number, from 1. */
  readonly fields: readonly TypedField[];
}

/** `pid:i comm:s` -> fields numbered from 1; `u` unsigned, `i` signed, `s` text. */
function typed(id: number, system: string, name: string, fields: string): TypedEvent {
  const kinds: Record<string, TypedKind> = { u: 'unsigned', i: 'signed', s: 'text' };
  const parse = (field: string): TypedField => {
    const [fieldName, kind] = field.split(':');
    return { name: fieldName, kind: kinds[kind] };
  };
  return { id, system, name, fields: fields === '' ? [] : fields.split(' ').map(parse) };
}

const WAKE = 'comm:s pid:i prio:i success:i target_cpu:i';

/**
 * Typed events that KVM analysis meets. kvm_entry and kvm_exit are arm64's: x86 events of those names have
 * other fields, so they are written as generic events and read by these names only from arm64 hosts.
 */
export const TYPED_EVENTS: readonly TypedEvent[] = [
  typed(3, 'ftrace', 'print', 'ip:u buf:s'),
  typed(
    4,
    'sched',
    'sched_switch',
    'prev_comm:s prev_pid:i prev_prio:i prev_state:i next_comm:s next_pid:i next_prio:i',
  ),
  typed(17, 'sched', 'sched_wakeup', WAKE),
  typed(20, 'sched', 'sched_waking', WAKE),
  typed(114, 'sched', 'sched_wakeup_new', WAKE),
  typed(238, 'sched', 'sched_process_exit', 'comm:s pid:i tgid:i prio:i'),
  typed(239, 'sched', 'sched_process_fork', 'parent_comm:s parent_pid:i child_comm:s child_pid:i'),
  typed(240, 'sched', 'sched_process_free', 'comm:s pid:i prio:i'),
  typed(369, 'kvm', 'kvm_ack_irq', 'irqchip:u pin:u'),
  typed(370, 'kvm', 'kvm_age_hva', 'end:u start:u'),
  typed(371, 'kvm', 'kvm_age_page', 'gfn:u hva:u level:u referenced:u'),
  typed(376, 'kvm', 'kvm_entry', 'vcpu_pc:u'),
  typed(377, 'kvm', 'kvm_exit', 'esr_ec:u ret:i vcpu_pc:u'),
  typed(378, 'kvm', 'kvm_fpu', 'load:u'),
  typed(380, 'kvm', 'kvm_guest_fault', 'hsr:u hxfar:u ipa:u vcpu_pc:u'),
  typed(384, 'kvm', 'kvm_mmio', 'gpa:u len:u type:u val:u'),
  typed(387, 'kvm', 'kvm_set_irq', 'gsi:u irq_source_id:i level:i'),
  typed(388, 'kvm', 'kvm_set_spte_hva', 'hva:u'),
  typed(391, 'kvm', 'kvm_test_age_hva', 'hva:u'),
  typed(398, 'kvm', 'kvm_unmap_hva_range', 'end:u start:u'),
  typed(399, 'kvm', 'kvm_userspace_exit', 'reason:u'),
  typed(400, 'kvm', 'kvm_vcpu_wakeup', 'ns:u valid:u waited:u'),
];
