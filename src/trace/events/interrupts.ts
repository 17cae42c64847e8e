/**
 * Inter-processor interrupts from sender to handler, and the primary MMU's TLB flushes: systems ipi, csd,
 * irq_vectors and tlb. KVM kicks vCPUs and flushes remote TLBs through these.
 *
 * Source: include/trace/events/{ipi,csd,tlb}.h and arch/x86/include/asm/trace/irq_vectors.h of Linux 5.10,
 * 6.1, 6.12, 6.18, 7.2 and 7.3, and trace-cmd's tlb plugin.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const ipi = eventOf('ipi');
const csd = eventOf('csd');
const irqVectors = eventOf('irq_vectors');
const tlb = eventOf('tlb');

/** Text shows these addresses as symbols (`ack_kick+0x0/0x10`), which the number cannot keep. */
const callsite = field('callsite', 'void *', 'kernel-address');
const callback = field('callback', 'void *', 'kernel-address');
const func = field('func', 'void *', 'kernel-address');
const request = field('csd', 'void *', 'kernel-address');

export const ipiEvents: readonly EventDef[] = [
  ipi('ipi_send_cpu', {
    since: 'v6.4',
    fields: [field('cpu', 'unsigned int', 'cpu'), callsite, callback],
    print: ['cpu={cpu} callsite={?} callback={?}'],
    meaning: 'An interrupt is sent to one CPU; callback ack_kick names a KVM kick. Text keeps no addresses.',
  }),
  ipi('ipi_send_cpumask', {
    since: 'v6.4',
    fields: [field('cpumask', '__data_loc cpumask_t'), callsite, callback],
    print: ['cpumask={cpumask:mask} callsite={?} callback={?}'],
    meaning: 'An interrupt is sent to several CPUs, as for a remote TLB flush of a VM.',
  }),
];

export const csdEvents: readonly EventDef[] = [
  csd('csd_queue_cpu', {
    since: 'v6.5',
    fields: [field('cpu', 'unsigned int', 'cpu'), callsite, func, request],
    print: ['cpu={cpu} callsite={?} func={?} csd={csd:ptr}'],
    meaning: 'A function call is queued for another CPU; csd joins it with its entry and exit there.',
  }),
  csd('csd_function_entry', {
    since: 'v6.5',
    fields: [func, request],
    print: ['func={?}, csd={csd:ptr}'],
    meaning: 'The other CPU starts the queued function.',
  }),
  csd('csd_function_exit', {
    since: 'v6.5',
    fields: [func, request],
    print: ['func={?}, csd={csd:ptr}'],
    meaning: 'The other CPU has done the queued function: the sender’s wait may end.',
  }),
];

const vectors = [
  ['call_function', 'a function call sent to several CPUs'],
  ['call_function_single', 'a function call sent to this CPU'],
  ['reschedule', 'a request to reschedule, which is also how KVM kicks a vCPU without waiting'],
] as const;

export const irqVectorEvents: readonly EventDef[] = vectors.flatMap(([name, what]) =>
  (['entry', 'exit'] as const).map((side) =>
    irqVectors(`${name}_${side}`, {
      fields: [field('vector', 'int')],
      print: ['vector={vector}'],
      meaning: `The handler of ${what} ${side === 'entry' ? 'starts' : 'ends'}.`,
    }),
  ),
);

export const tlbEvents: readonly EventDef[] = [
  tlb('tlb_flush', {
    fields: [field('reason', 'int', 'enum'), field('pages', 'unsigned long', 'pages', { shown: 'signed' })],
    print: [
      'pages:{pages} reason:{reason:sym=tlbFlushReason} ({reason})',
      'pages:{pages} reason:{?} ({reason})',
    ],
    plugin: ['pages={pages} reason={?} ({reason})'],
    meaning: 'This CPU flushes its TLB for the primary MMU; -1 pages means all of it.',
  }),
];
