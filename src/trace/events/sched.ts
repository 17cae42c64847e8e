/**
 * The scheduler: who runs, who is woken, who moves, and what NUMA balancing does with tasks.
 *
 * Source: include/trace/events/sched.h of Linux 5.10, 6.1, 6.12, 6.18, 7.2 and 7.3, and trace-cmd's sched
 * plugin.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const sched = eventOf('sched');

/** A task name that became a dynamic string after 6.12. */
const movedComm = (name: string) =>
  field(name, '__data_loc char[]', 'name', { earlier: [['char[16]', 'v6.12']] });
const fixedComm = (name: string) => field(name, 'char[16]', 'name');
const pid = (name: string) => field(name, 'pid_t', 'tid');
const cpu = (name: string) => field(name, 'int', 'cpu');
const node = (name: string) => field(name, 'int', 'node');

const wakeFields = [
  fixedComm('comm'),
  pid('pid'),
  field('prio', 'int'),
  field('success', 'int', 'bool', { until: 'v5.10' }),
  cpu('target_cpu'),
];
/** %03d: zeros in front are read as decimal all the same. */
const wakeShape = 'comm={comm:s} pid={pid} prio={prio} target_cpu={target_cpu}';
const wakePlugin = [
  '{comm:s}:{pid} [{prio}] CPU:{target_cpu}',
  '{comm:s}:{pid} [{prio}] success={success} CPU:{target_cpu}',
];

const running: readonly EventDef[] = [
  sched('sched_switch', {
    fields: [
      fixedComm('prev_comm'),
      pid('prev_pid'),
      field('prev_prio', 'int'),
      field('prev_state', 'long', 'flags'),
      fixedComm('next_comm'),
      pid('next_pid'),
      field('next_prio', 'int'),
    ],
    print: [
      'prev_comm={prev_comm:s} prev_pid={prev_pid} prev_prio={prev_prio}' +
        ' prev_state={prev_state:sym=taskState}' +
        ' ==> next_comm={next_comm:s} next_pid={next_pid} next_prio={next_prio}',
    ],
    plugin: [
      '{prev_comm:s}:{prev_pid} [{prev_prio}] {prev_state:flags=taskStatePlugin}' +
        ' ==> {next_comm:s}:{next_pid} [{next_prio}]',
    ],
    meaning:
      'A CPU goes from one task to the next. R and R+ mean that the previous task still wanted to run.',
  }),
  sched('sched_waking', {
    fields: wakeFields,
    print: [wakeShape],
    meaning: 'A task is being woken; fires on the CPU of the waker.',
  }),
  sched('sched_wakeup', {
    fields: wakeFields,
    print: [wakeShape],
    plugin: wakePlugin,
    meaning: 'A task became runnable on its target CPU.',
  }),
  sched('sched_wakeup_new', {
    fields: wakeFields,
    print: [wakeShape],
    plugin: wakePlugin,
    meaning: 'A new task became runnable for the first time.',
  }),
  sched('sched_migrate_task', {
    fields: [movedComm('comm'), pid('pid'), field('prio', 'int'), cpu('orig_cpu'), cpu('dest_cpu')],
    print: ['comm={comm:s} pid={pid} prio={prio} orig_cpu={orig_cpu} dest_cpu={dest_cpu}'],
    meaning: 'A task moves to another CPU.',
  }),
];

const delayFields = [movedComm('comm'), pid('pid'), field('delay', 'u64', 'ns')];
const delayShape = 'comm={comm:s} pid={pid} delay={delay} [ns]';

const statistics: readonly EventDef[] = [
  sched('sched_stat_runtime', {
    fields: [
      movedComm('comm'),
      pid('pid'),
      field('runtime', 'u64', 'ns'),
      field('vruntime', 'u64', 'ns', { until: 'v6.1' }),
    ],
    print: [
      'comm={comm:s} pid={pid} runtime={runtime} [ns]',
      'comm={comm:s} pid={pid} runtime={runtime} [ns] vruntime={vruntime} [ns]',
    ],
    meaning: 'Time that a task ran since the last such event.',
  }),
  sched('sched_stat_wait', {
    fields: delayFields,
    print: [delayShape],
    meaning: 'Time that a runnable task waited for a CPU (kernels with scheduler statistics only).',
  }),
  sched('sched_stat_sleep', {
    fields: delayFields,
    print: [delayShape],
    meaning: 'Time that a task slept and could be interrupted (kernels with scheduler statistics only).',
  }),
  sched('sched_stat_blocked', {
    fields: delayFields,
    print: [delayShape],
    meaning:
      'Time that a task was blocked, such as on a mutex or on I/O (kernels with scheduler statistics only).',
  }),
  sched('sched_stat_iowait', {
    fields: delayFields,
    print: [delayShape],
    meaning: 'Time that a task waited for I/O (kernels with scheduler statistics only).',
  }),
];

const lives: readonly EventDef[] = [
  sched('sched_process_fork', {
    fields: [movedComm('parent_comm'), pid('parent_pid'), movedComm('child_comm'), pid('child_pid')],
    print: ['comm={parent_comm:s} pid={parent_pid} child_comm={child_comm:s} child_pid={child_pid}'],
    meaning: 'A task forks. Copy-on-write of a VM’s memory invalidates all of it.',
  }),
  sched('sched_process_exec', {
    fields: [field('filename', '__data_loc char[]', 'name'), pid('pid'), pid('old_pid')],
    print: ['filename={filename:s} pid={pid} old_pid={old_pid}'],
    meaning: 'A task runs a new program.',
  }),
  sched('sched_process_exit', {
    fields: [
      fixedComm('comm'),
      pid('pid'),
      field('prio', 'int'),
      field('group_dead', 'bool', 'bool', { since: 'v6.18' }),
    ],
    print: [
      'comm={comm:s} pid={pid} prio={prio} group_dead={group_dead:sym=trueFalse}',
      'comm={comm:s} pid={pid} prio={prio}',
    ],
    meaning: 'A task ends.',
  }),
];

const pairFields = ['src', 'dst'].flatMap((side) => [
  pid(`${side}_pid`),
  pid(`${side}_tgid`),
  pid(`${side}_ngid`),
  cpu(`${side}_cpu`),
  node(`${side}_nid`),
]);
const pairShape = ['src', 'dst']
  .map(
    (side) =>
      `${side}_pid={${side}_pid} ${side}_tgid={${side}_tgid} ${side}_ngid={${side}_ngid}` +
      ` ${side}_cpu={${side}_cpu} ${side}_nid={${side}_nid}`,
  )
  .join(' ');

const numaBalancing: readonly EventDef[] = [
  sched('sched_move_numa', {
    fields: [
      pid('pid'),
      pid('tgid'),
      pid('ngid'),
      cpu('src_cpu'),
      node('src_nid'),
      cpu('dst_cpu'),
      node('dst_nid'),
    ],
    print: [
      'pid={pid} tgid={tgid} ngid={ngid} src_cpu={src_cpu} src_nid={src_nid} dst_cpu={dst_cpu}' +
        ' dst_nid={dst_nid}',
    ],
    meaning: 'NUMA balancing moves a task to the node of its memory.',
  }),
  sched('sched_stick_numa', {
    fields: pairFields,
    print: [pairShape],
    meaning: 'NUMA balancing wanted to move a task and could not.',
  }),
  sched('sched_swap_numa', {
    fields: pairFields,
    print: [pairShape],
    meaning: 'NUMA balancing swaps two tasks between nodes.',
  }),
  sched('sched_skip_vma_numa', {
    since: 'v6.12',
    fields: [
      field('numa_scan_offset', 'unsigned long', 'hva'),
      field('vm_start', 'unsigned long', 'hva'),
      field('vm_end', 'unsigned long', 'hva'),
      field('reason', 'enum numa_vmaskip_reason', 'enum'),
    ],
    print: [
      'numa_scan_offset={numa_scan_offset:x} vm_start={vm_start:x} vm_end={vm_end:x}' +
        ' reason={reason:sym=numaSkipReason}',
    ],
    meaning: 'The NUMA scan leaves out a mapping, and why: what it does not skip it invalidates.',
  }),
];

export const schedEvents: readonly EventDef[] = [...running, ...statistics, ...lives, ...numaBalancing];
