/**
 * Those who change host memory under a guest, except reclaim: page migration, KSM, huge pages, mmap_lock,
 * DAMON.
 *
 * Source: include/trace/events/{migrate,ksm,huge_memory,mmap_lock,damon}.h of Linux 5.10, 6.1, 6.12, 6.18,
 * 7.2, 7.3.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const migrate = eventOf('migrate');
const ksm = eventOf('ksm');
const mmapLock = eventOf('mmap_lock');
const damon = eventOf('damon');

const mode = field('mode', 'enum migrate_mode', 'enum');
const reason = field('reason', 'enum migrate_reason', 'enum', { earlier: [['int', 'v7.2']] });
const migrated = 'nr_succeeded={succeeded} nr_failed={failed} nr_thp_succeeded={thp_succeeded}';
const thpParts = 'nr_thp_failed={thp_failed} nr_thp_split={thp_split}';
const modeReason = 'mode={mode:sym=migrateMode} reason={reason:sym=migrateReason}';
const migrationEntry = {
  since: 'v6.1',
  fields: [
    field('addr', 'unsigned long', 'hva'),
    field('pte', 'unsigned long', 'spte'),
    field('order', 'int', 'level'),
  ],
  print: ['addr={addr:x}, pte={pte:x} order={order}'],
} as const;

export const migrateEvents: readonly EventDef[] = [
  migrate('mm_migrate_pages_start', {
    since: 'v6.1',
    fields: [mode, reason],
    print: [modeReason],
    meaning: 'Pages are about to be migrated, and why: numa_misplaced is NUMA balancing.',
  }),
  migrate('mm_migrate_pages', {
    fields: [
      field('succeeded', 'unsigned long', 'pages'),
      field('failed', 'unsigned long', 'pages'),
      field('thp_succeeded', 'unsigned long', 'count'),
      field('thp_failed', 'unsigned long', 'count'),
      field('thp_split', 'unsigned long', 'count'),
      field('large_folio_split', 'unsigned long', 'count', { since: 'v6.12' }),
      mode,
      reason,
    ],
    print: [
      `${migrated} ${thpParts} nr_split={large_folio_split} ${modeReason}`,
      `${migrated} ${thpParts} ${modeReason}`,
    ],
    meaning: 'A batch of pages was migrated; each unmapped page was an invalidation.',
  }),
  migrate('set_migration_pte', {
    ...migrationEntry,
    meaning: 'A page is unmapped and a migration entry stands in its place: who touches it waits.',
  }),
  migrate('remove_migration_pte', {
    ...migrationEntry,
    meaning: 'The migrated page is mapped again.',
  }),
];

const ksmPfn = field('pfn', 'unsigned long', 'pfn');
const ksmItem = [field('rmap_item', 'void *', 'kernel-address'), field('mm', 'void *', 'kernel-address')];
const ksmError = field('err', 'int', 'errno');
const ksmMm = {
  since: 'v6.3',
  fields: [field('mm', 'void *', 'kernel-address')],
  print: ['mm {mm:ptr}'],
} as const;
const ksmScan = {
  since: 'v6.3',
  fields: [field('seq', 'int', 'count'), field('rmap_entries', 'u32', 'count')],
  print: ['seq {seq} rmap size {rmap_entries}'],
} as const;
const merged = 'pfn {pfn} rmap_item {rmap_item:ptr} mm {mm:ptr} error {err}';

export const ksmEvents: readonly EventDef[] = [
  ksm('ksm_start_scan', { ...ksmScan, meaning: 'ksmd starts a pass over all mergeable memory.' }),
  ksm('ksm_stop_scan', { ...ksmScan, meaning: 'ksmd has ended a pass.' }),
  ksm('ksm_enter', { ...ksmMm, meaning: 'A process’s memory becomes mergeable (MADV_MERGEABLE).' }),
  ksm('ksm_exit', { ...ksmMm, meaning: 'A process with mergeable memory ends.' }),
  ksm('ksm_merge_one_page', {
    since: 'v6.3',
    fields: [ksmPfn, ...ksmItem, ksmError],
    print: [`ksm ${merged}`],
    meaning: 'Two equal pages were merged into a new KSM page: two write-protections, each an invalidation.',
  }),
  ksm('ksm_merge_with_ksm_page', {
    since: 'v6.3',
    fields: [field('ksm_page', 'void *', 'kernel-address'), ksmPfn, ...ksmItem, ksmError],
    print: [[merged, { ksm_page: 0 }], `ksm ${merged}`],
    meaning:
      'A page was merged with a KSM page that exists (`ksm`: its address is not in the text), or' +
      ' failed to be.',
  }),
  ksm('ksm_remove_ksm_page', {
    since: 'v6.3',
    fields: [ksmPfn],
    print: ['pfn {pfn}'],
    meaning: 'A KSM page has no users left.',
  }),
  ksm('ksm_remove_rmap_item', {
    since: 'v6.3',
    fields: [ksmPfn, ...ksmItem],
    print: ['pfn {pfn} rmap_item {rmap_item:ptr} mm {mm:ptr}'],
    meaning: 'A page left its KSM page, for instance because the guest wrote to it.',
  }),
  ksm('ksm_advisor', {
    since: 'v6.12',
    fields: [
      field('scan_time', 's64', 'ms'),
      field('pages_to_scan', 'unsigned long', 'pages'),
      field('cpu_percent', 'unsigned int', 'count'),
    ],
    print: ['ksm scan time {scan_time} pages_to_scan {pages_to_scan} cpu percent {cpu_percent}'],
    meaning: 'The KSM advisor set how many pages a pass scans.',
  }),
];

/** The cgroup’s path until 6.12, its number since. */
const lockOwner = [
  field('mm', 'struct mm_struct *', 'kernel-address'),
  field('memcg_path', '__data_loc char[]', 'name', { until: 'v6.12' }),
  field('memcg_id', 'u64', undefined, { since: 'v6.18' }),
  field('write', 'bool', 'bool'),
];
const lockTexts = [
  'mm={mm:ptr} memcg_id={memcg_id} write={write:sym=trueFalse}',
  'mm={mm:ptr} memcg_path={memcg_path:s} write={write:sym=trueFalse}',
];

export const mmapLockEvents: readonly EventDef[] = [
  mmapLock('mmap_lock_start_locking', {
    since: 'v6.1',
    fields: lockOwner,
    print: lockTexts,
    meaning: 'A task wants a process’s mmap_lock, which is taken outside mmu_lock.',
  }),
  mmapLock('mmap_lock_acquire_returned', {
    since: 'v6.1',
    fields: [...lockOwner, field('success', 'bool', 'bool')],
    print: lockTexts.map((text) => `${text} success={success:sym=trueFalse}`),
    meaning: 'The task has mmap_lock, or failed to get it.',
  }),
  mmapLock('mmap_lock_released', {
    since: 'v6.1',
    fields: lockOwner,
    print: lockTexts,
    meaning: 'The task gives mmap_lock back.',
  }),
];

const region = [field('start', 'unsigned long', 'hva'), field('end', 'unsigned long', 'hva')];

export const damonEvents: readonly EventDef[] = [
  damon('damon_aggregated', {
    since: 'v6.1',
    fields: [
      field('target_id', 'unsigned long', 'count'),
      field('nr_regions', 'unsigned int', 'count'),
      ...region,
      field('nr_accesses', 'unsigned int', 'count'),
      field('age', 'unsigned int', 'count'),
    ],
    print: ['target_id={target_id} nr_regions={nr_regions} {start}-{end}: {nr_accesses} {age}'],
    meaning: 'DAMON’s view of how often a region was used; it learns that by aging, which KVM has to answer.',
  }),
  damon('damos_before_apply', {
    since: 'v6.12',
    fields: [
      field('context_idx', 'unsigned int', 'count'),
      field('scheme_idx', 'unsigned int', 'count'),
      field('target_idx', 'unsigned long', 'count'),
      ...region,
      field('nr_accesses', 'unsigned int', 'count'),
      field('age', 'unsigned int', 'count'),
      field('nr_regions', 'unsigned int', 'count'),
    ],
    print: [
      'ctx_idx={context_idx} scheme_idx={scheme_idx} target_idx={target_idx} nr_regions={nr_regions}' +
        ' {start}-{end}: {nr_accesses} {age}',
    ],
    meaning: 'A DAMON scheme is about to act on a region, such as paging it out.',
  }),
];
