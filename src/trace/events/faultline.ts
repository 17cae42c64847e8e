/**
 * Events that no kernel has: what it does in silence between its tracepoints.
 *
 * The model emits them where they happen. In a recording they never occur; `explain` infers them and marks
 * each as inferred. Their layouts follow the kernel's ways, so a trace that holds them opens in every tool.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const faultline = eventOf('faultline');

const vcpu = field('vcpu_id', 'u32', 'vcpu');
const gfn = field('gfn', 'u64', 'gfn');
const lock = field('lock_addr', 'void *', 'lock-address');
const mode = field('mode', 'u8', 'enum');
/** The kernel calls it mmu_invalidate_seq. */
const seq = field('seq', 'u64', 'count');
/** The kernel calls it mmu_invalidate_in_progress; the event shows it after its own change. */
const inProgress = field('in_progress', 'u32', 'count');
const hvaRange = [field('start', 'u64', 'hva'), field('end', 'u64', 'hva')];

const faults: readonly EventDef[] = [
  faultline('fault_retry', {
    fields: [vcpu, gfn, seq, field('reason', 'u8', 'enum')],
    print: ['vcpu {vcpu_id} gfn {gfn:x} seq {seq} reason {reason:sym=retryReason}'],
    meaning:
      'An attempt ended without a mapping and the vCPU will fault again. Reason: precheck1' +
      ' (before the page is' +
      ' looked up), precheck2 (after, still without the lock), stale (under the lock), frozen' +
      ' (another task is' +
      ' changing the entry), lost-race (the entry changed underneath). seq is what the fault had sampled.',
  }),
  faultline('guest_touch', {
    fields: [vcpu, gfn, field('cycles', 'u64', 'tsc-cycles')],
    print: ['vcpu {vcpu_id} gfn {gfn:x} cycles {cycles}'],
    meaning:
      'The guest touched a page, and how long that took it: the only measure that the guest itself feels.',
  }),
];

const locks: readonly EventDef[] = [
  faultline('lock_acquired', {
    fields: [lock, mode, field('waited_ns', 'u64', 'ns')],
    print: ['{lock_addr:ptr} mode {mode:sym=lockMode} waited_ns {waited_ns}'],
    meaning: 'A lock was taken, contended or not; waited_ns is 0 if it was free.',
  }),
  faultline('lock_released', {
    fields: [lock, mode, field('held_ns', 'u64', 'ns')],
    print: ['{lock_addr:ptr} mode {mode:sym=lockMode} held_ns {held_ns}'],
    meaning: 'A lock was given back, at the end of its work or for a yield.',
  }),
  faultline('yield', {
    fields: [lock, mode, field('next_gfn', 'u64', 'gfn'), field('useful', 'u8', 'enum')],
    print: ['{lock_addr:ptr} mode {mode:sym=lockMode} next_gfn {next_gfn:x} {useful:sym=usefulness}'],
    meaning:
      'A walk drops the lock because someone waits, and goes on at next_gfn. Useful: who got the' +
      ' lock meanwhile made' +
      ' progress with it; a fault that only came to retry did not.',
  }),
];

const invalidations: readonly EventDef[] = [
  faultline('invalidate_begin', {
    fields: [...hvaRange, inProgress, seq],
    print: ['0x{start:x} -- 0x{end:x} in_progress {in_progress} seq {seq}'],
    meaning: 'An invalidation is announced: from here on faults in its range have to retry.',
  }),
  faultline('invalidate_end', {
    fields: [...hvaRange, seq, inProgress],
    print: ['0x{start:x} -- 0x{end:x} seq {seq} in_progress {in_progress}'],
    meaning: 'An invalidation is over: the sequence moved, and with in_progress 0 faults may map again.',
  }),
  faultline('remote_flush', {
    fields: [
      field('requests', 'u32', 'count'),
      field('ipis', 'u32', 'count'),
      field('waited_ns', 'u64', 'ns'),
    ],
    print: ['requests {requests} ipis {ipis} waited_ns {waited_ns}'],
    meaning:
      'The TLBs of a VM are flushed: on how many vCPUs it was requested, how many had to be' +
      ' interrupted because they' +
      ' ran in the guest, and how long the sender waited for them.',
  }),
];

export const faultlineEvents: readonly EventDef[] = [...faults, ...locks, ...invalidations];
