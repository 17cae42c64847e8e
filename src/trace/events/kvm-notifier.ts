/**
 * What the primary MMU tells KVM, and what KVM does to guest memory as a whole: notifiers, aging, attributes,
 * dirty rings, asynchronous page faults, flushes that the guest asks for.
 *
 * Source: include/trace/events/kvm.h and arch/x86/kvm/trace.h of Linux 5.10, 6.1, 6.12, 6.18, 7.2 and 7.3.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const kvm = eventOf('kvm');

const hvaRange = [field('start', 'unsigned long', 'hva'), field('end', 'unsigned long', 'hva')];

const notifiers: readonly EventDef[] = [
  kvm('kvm_unmap_hva_range', {
    since: 'v5.13',
    fields: hvaRange,
    print: ['mmu notifier unmap range: 0x{start:014x} -- 0x{end:014x}'],
    meaning:
      'An invalidation starts. It fires even where no memslot is hit, names no VM, and has no' +
      ' event for its end or' +
      ' for yields in between.',
  }),
  kvm('kvm_age_hva', {
    since: 'v5.13',
    fields: hvaRange,
    print: ['mmu notifier age hva: 0x{start:014x} -- 0x{end:014x}'],
    meaning: 'Reclaim or DAMON asks whether the range was used and clears its accessed bits.',
  }),
  kvm('kvm_test_age_hva', {
    since: 'v5.13',
    fields: [field('hva', 'unsigned long', 'hva')],
    print: ['mmu notifier test age hva: 0x{hva:014x}'],
    meaning: 'Someone asks whether the page was used, and leaves its accessed bit.',
  }),
  kvm('kvm_set_spte_hva', {
    since: 'v5.13',
    until: 'v6.9',
    fields: [field('hva', 'unsigned long', 'hva')],
    print: ['mmu notifier set pte hva: 0x{hva:014x}'],
    meaning: 'KSM or copy-on-write replaced a page and told KVM the new one (the change_pte notifier).',
  }),
  kvm('kvm_age_page', {
    until: 'v5.12',
    fields: [
      field('hva', 'u64', 'hva'),
      field('gfn', 'u64', 'gfn'),
      field('level', 'u8', 'level'),
      field('referenced', 'u8', 'bool'),
    ],
    print: ['hva {hva:x} gfn {gfn:x} level {level} {referenced:sym=youngOld}'],
    meaning: 'One page was aged: what old kernels have in place of kvm_age_hva.',
  }),
  kvm('kvm_vm_set_mem_attributes', {
    since: 'v7.3',
    fields: [
      field('start', 'gfn_t', 'gfn'),
      field('end', 'gfn_t', 'gfn'),
      field('attr', 'unsigned long', 'flags'),
    ],
    print: ['0x{start:014x} -- 0x{end:014x} [0x{attr:x}]', '{start} -- {end} [0x{attr:x}]'],
    meaning: 'A range of guest frames turns private or shared: an invalidation in its own right.',
  }),
  kvm('kvm_hv_flush_tlb', {
    fields: [
      field('processor_mask', 'u64', 'flags'),
      field('address_space', 'u64'),
      field('flags', 'u64', 'flags'),
      field('guest_mode', 'bool', 'bool', { since: 'v6.12' }),
    ],
    print: [
      [
        'processor_mask 0x{processor_mask:x} address_space 0x{address_space:x} flags 0x{flags:x} (L2)',
        { guest_mode: 1 },
      ],
      [
        'processor_mask 0x{processor_mask:x} address_space 0x{address_space:x} flags 0x{flags:x} ',
        { guest_mode: 0 },
      ],
      'processor_mask 0x{processor_mask:x} address_space 0x{address_space:x} flags 0x{flags:x}',
    ],
    meaning: 'A Windows guest asks for a flush of other vCPUs’ TLBs.',
  }),
  kvm('kvm_pv_tlb_flush', {
    fields: [field('vcpu_id', 'unsigned int', 'vcpu'), field('need_flush_tlb', 'bool', 'bool')],
    print: ['vcpu {vcpu_id} need_flush_tlb {need_flush_tlb:sym=trueFalse}'],
    meaning: 'A Linux guest left the flush of a preempted vCPU to the hypervisor.',
  }),
];

const dirtyRing = [
  field('index', 'int', 'vcpu'),
  field('dirty_index', 'u32', 'count'),
  field('reset_index', 'u32', 'count'),
];

const dirtyRings: readonly EventDef[] = [
  kvm('kvm_dirty_ring_push', {
    since: 'v6.1',
    fields: [...dirtyRing, field('slot', 'u32', 'count'), field('offset', 'u64', 'pages')],
    print: [
      'ring {index}: dirty 0x{dirty_index:x} reset 0x{reset_index:x} slot {slot} offset' +
        ' 0x{offset:x} (used {?})',
    ],
    meaning: 'A vCPU dirtied a page under live migration with dirty rings.',
  }),
  kvm('kvm_dirty_ring_reset', {
    since: 'v6.1',
    fields: dirtyRing,
    print: ['ring {index}: dirty 0x{dirty_index:x} reset 0x{reset_index:x} (used {?})'],
    meaning: 'Harvested entries of a dirty ring are write-protected again.',
  }),
  kvm('kvm_dirty_ring_exit', {
    since: 'v6.1',
    fields: [field('vcpu_id', 'int', 'vcpu')],
    print: ['vcpu {vcpu_id}'],
    meaning: 'A vCPU stops because its dirty ring is full.',
  }),
];

const gvaGfn = [field('gva', '__u64', 'gva'), field('gfn', 'u64', 'gfn')];
/** The kernel’s %#llx prints a zero without 0x; the second shape reads that. */
const gvaGfnShapes = ['gva = 0x{gva:x}, gfn = 0x{gfn:x}', 'gva = {gva}, gfn = {gfn}'];
const tokenGva = [field('token', '__u64'), field('gva', '__u64', 'gva')];
const tokenGvaShapes = ['token 0x{token:x} gva 0x{gva:x}', 'token {token} gva {gva}'];

const asyncFaults: readonly EventDef[] = [
  kvm('kvm_try_async_get_page', {
    fields: gvaGfn,
    print: gvaGfnShapes,
    meaning: 'The page is not there: KVM starts to fetch it while the guest may go on.',
  }),
  kvm('kvm_async_pf_repeated_fault', {
    since: 'v6.1',
    fields: gvaGfn,
    print: gvaGfnShapes,
    meaning: 'The guest faulted again on a page that is being fetched, so it has to halt.',
  }),
  kvm('kvm_async_pf_doublefault', {
    until: 'v5.10',
    fields: gvaGfn,
    print: gvaGfnShapes,
    meaning: 'What old kernels call kvm_async_pf_repeated_fault.',
  }),
  kvm('kvm_async_pf_not_present', {
    fields: tokenGva,
    print: tokenGvaShapes,
    meaning: 'The guest is told that a page is missing and may run another task.',
  }),
  kvm('kvm_async_pf_ready', {
    fields: tokenGva,
    print: tokenGvaShapes,
    meaning: 'The guest is told that the page has come.',
  }),
  kvm('kvm_async_pf_completed', {
    fields: [field('address', 'unsigned long', 'hva'), field('gva', 'u64', 'gva')],
    print: ['gva 0x{gva:x} address 0x{address:x}', 'gva {gva} address {address}'],
    meaning: 'The host has fetched the page of an asynchronous fault.',
  }),
];

export const kvmNotifierEvents: readonly EventDef[] = [...notifiers, ...dirtyRings, ...asyncFaults];
