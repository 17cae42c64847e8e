/**
 * Numbers that the kernel's own events (locks, scheduler, memory management) print as words. Sources: the
 * headers of include/trace/events of the same names, and the enums they use.
 */
import { computedTable, entriesOf, flagTable, symbolTable } from './symbol-table.js';

/** LCB_F_* of include/trace/events/lock.h. */
const lockFlags = entriesOf('0x1 SPIN | 0x2 READ | 0x4 WRITE | 0x8 RT | 0x10 PERCPU | 0x20 MUTEX');

/** Bits of the state that sched_switch reports, in the order of include/trace/events/sched.h. */
const taskStateBits = flagTable(
  'taskStateBits',
  entriesOf('0 R | 0x1 S | 0x2 D | 0x4 T | 0x8 t | 0x10 X | 0x20 Z | 0x40 P | 0x80 I'),
);

/** TASK_REPORT_MAX: the task was preempted; printed as `+` behind the letters. */
const PREEMPTED = 0x100;

const taskState = computedTable(
  'taskState',
  (state) => taskStateBits.format(state & (PREEMPTED - 1)) + (state & PREEMPTED ? '+' : ''),
  (text) => {
    const preempted = text.endsWith('+');
    const bits = taskStateBits.parse(preempted ? text.slice(0, -1) : text);
    return bits === undefined || text === '' ? undefined : bits + (preempted ? PREEMPTED : 0);
  },
);

/** trace-cmd's plugin has the letters of an old kernel: Z and X swapped, `x` for parked, `W` for idle. */
const taskStatePlugin = flagTable(
  'taskStatePlugin',
  entriesOf('0 R | 0x1 S | 0x2 D | 0x4 T | 0x8 t | 0x10 Z | 0x20 X | 0x40 x | 0x80 W'),
);

/** enum tlb_flush_reason; the second spelling of 3 is older kernels' and trace-cmd's. */
const tlbFlushReasons = entriesOf(`
  0 flush on task switch | 1 remote shootdown | 2 local shootdown | 3 local MM shootdown
  3 local mm shootdown
  4 remote IPI send | 4 remote ipi send | 5 remote wrong CPU
`);

const migrateModes = entriesOf(
  '0 MIGRATE_ASYNC | 1 MIGRATE_SYNC_LIGHT | 2 MIGRATE_SYNC | 3 MIGRATE_SYNC_NO_COPY',
);

const migrateReasons = entriesOf(`
  0 compaction | 1 memory_failure | 2 memory_hotplug | 3 syscall_or_cpuset | 4 mempolicy_mbind
  5 numa_misplaced
  6 contig_range | 6 cma | 7 longterm_pin | 8 demotion | 9 damon
`);

/** enum scan_result of mm/khugepaged.c, Linux 7.3; names that older kernels used for the same come behind. */
const collapseResults = entriesOf(`
  0 failed | 1 succeeded | 2 no_pte_table | 3 page_pmd_mapped | 4 exceed_none_pte | 5 exceed_swap_pte
  6 exceed_shared_pte | 7 pte_non_present | 8 pte_uffd_wp | 9 pte_mapped_hugepage | 10 lack_referenced_page
  11 page_null | 12 scan_aborted | 13 not_suitable_page_count | 14 page_not_in_lru | 15 page_locked
  16 page_not_anon | 17 page_lazyfree | 18 page_compound | 19 no_process_for_page | 20 vma_null
  21 vma_check_failed | 22 not_suitable_address_range | 23 could_not_delete_page_from_lru
  24 alloc_huge_page_failed | 25 ccgroup_charge_failed | 26 truncated | 27 page_has_private | 28 store_failed
  29 copy_poisoned_page | 30 page_filled | 31 page_dirty_or_writeback | 2 pmd_null | 2 pmd_none
`);

const numaSkipReasons = entriesOf(`
  0 unsuitable | 1 shared_ro | 2 inaccessible | 3 scan_delay | 4 pid_inactive | 5 ignore_pid_inactive
  6 seq_completed
`);

const reclaimFlags = entriesOf(`
  0 RECLAIM_WB_NONE | 0x1 RECLAIM_WB_ANON | 0x2 RECLAIM_WB_FILE | 0x10 RECLAIM_WB_MIXED | 0x4 RECLAIM_WB_SYNC
  0x8 RECLAIM_WB_ASYNC
`);

const throttleFlags = entriesOf(`
  0 VMSCAN_THROTTLE_NONE | 0x1 VMSCAN_THROTTLE_WRITEBACK | 0x2 VMSCAN_THROTTLE_ISOLATED
  0x4 VMSCAN_THROTTLE_NOPROGRESS | 0x8 VMSCAN_THROTTLE_CONGESTED
`);

export const kernelTables = [
  flagTable('lockFlags', lockFlags),
  taskState,
  taskStatePlugin,
  symbolTable('tlbFlushReason', tlbFlushReasons),
  symbolTable('migrateMode', migrateModes),
  symbolTable('migrateReason', migrateReasons),
  symbolTable('collapseResult', collapseResults),
  symbolTable('numaSkipReason', numaSkipReasons),
  flagTable('reclaimFlags', reclaimFlags),
  flagTable('throttleFlags', throttleFlags),
  symbolTable('trueFalse', entriesOf('1 true | 0 false')),
];
