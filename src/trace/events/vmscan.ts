/**
 * Reclaim: who frees memory, and how much it looked at. Every page that it unmaps from a guest is an
 * invalidation, and every page that it looks at is an aging call.
 *
 * Source: include/trace/events/vmscan.h of Linux 5.10, 6.1, 6.12, 6.18 and 7.3. Allocation flags are not read
 * from text: their names and bits differ from kernel to kernel.
 */
import { eventOf, field } from './define.js';
import type { EventDef } from './types.js';

const vmscan = eventOf('vmscan');

const nid = field('nid', 'int', 'node');
const zid = field('zid', 'int', 'enum');
const order = field('order', 'int', 'level');
const gfpFlags = field('gfp_flags', 'unsigned long', 'flags', { earlier: [['gfp_t', 'v5.10']] });
const memcgId = field('memcg_id', 'u64', undefined, { since: 'v7.3' });
const pages = (name: string) => field(name, 'unsigned long', 'pages');
const amount = (name: string) => field(name, 'unsigned int', 'pages');
const priority = field('priority', 'int', 'level');
const reclaimFlags = field('reclaim_flags', 'int', 'flags');
/** `enum zone_type` depends on the kernel’s configuration: its name is not read. */
const highestZone = field('highest_zoneidx', 'int', 'enum');

const kswapd: readonly EventDef[] = [
  vmscan('mm_vmscan_kswapd_wake', {
    fields: [nid, zid, order],
    print: ['nid={nid} order={order}'],
    meaning: 'kswapd of a node starts to work.',
  }),
  vmscan('mm_vmscan_kswapd_sleep', {
    fields: [nid],
    print: ['nid={nid}'],
    meaning: 'kswapd of a node has nothing left to do.',
  }),
  vmscan('mm_vmscan_wakeup_kswapd', {
    fields: [nid, zid, order, gfpFlags],
    print: ['nid={nid} order={order} gfp_flags={?}'],
    meaning: 'An allocation found too little free memory and wakes kswapd.',
  }),
  vmscan('mm_vmscan_balance_pgdat_begin', {
    since: 'v7.3',
    fields: [nid, order, highestZone],
    print: ['nid={nid} order={order} highest_zoneidx={?}'],
    meaning: 'kswapd starts to balance a node.',
  }),
  vmscan('mm_vmscan_balance_pgdat_end', {
    since: 'v7.3',
    fields: [nid, order, highestZone, pages('nr_reclaimed')],
    print: ['nid={nid} order={order} highest_zoneidx={?} nr_reclaimed={nr_reclaimed}'],
    meaning: 'kswapd has balanced a node.',
  }),
];

const reclaims = [
  ['mm_vmscan_direct_reclaim', 'A task that allocates reclaims memory itself'],
  ['mm_vmscan_memcg_reclaim', 'A memory cgroup reached its limit and reclaims'],
] as const;

const directReclaim: readonly EventDef[] = reclaims.flatMap(([name, what]) => [
  vmscan(`${name}_begin`, {
    fields: [gfpFlags, memcgId, order],
    earlierOrder: { names: ['order', 'gfp_flags'], until: 'v6.18' },
    print: [
      'order={order} gfp_flags={?} pid={?} memcg_id={memcg_id} {?}',
      'order={order} gfp_flags={?} pid={?} memcg_id={memcg_id}',
      'order={order} gfp_flags={?}',
    ],
    meaning: `${what}: start.`,
  }),
  vmscan(`${name}_end`, {
    fields: [pages('nr_reclaimed'), memcgId],
    print: [
      'nr_reclaimed={nr_reclaimed} pid={?} memcg_id={memcg_id} {?}',
      'nr_reclaimed={nr_reclaimed} pid={?} memcg_id={memcg_id}',
      'nr_reclaimed={nr_reclaimed}',
    ],
    meaning: `${what}: end.`,
  }),
]);

const shrunk = [
  nid,
  ...['nr_scanned', 'nr_reclaimed', 'nr_dirty', 'nr_writeback', 'nr_congested', 'nr_immediate'].map(pages),
  amount('nr_activate0'),
  amount('nr_activate1'),
  pages('nr_ref_keep'),
  pages('nr_unmap_fail'),
];
const shrunkShape =
  'nid={nid} nr_scanned={nr_scanned} nr_reclaimed={nr_reclaimed} nr_dirty={nr_dirty}' +
  ' nr_writeback={nr_writeback} nr_congested={nr_congested} nr_immediate={nr_immediate}' +
  ' nr_activate_anon={nr_activate0} nr_activate_file={nr_activate1} nr_ref_keep={nr_ref_keep}' +
  ' nr_unmap_fail={nr_unmap_fail}';

const shrinking: readonly EventDef[] = [
  vmscan('mm_vmscan_lru_shrink_inactive', {
    fields: [...shrunk, priority, reclaimFlags],
    print: [`${shrunkShape} priority={priority} flags={reclaim_flags:flags=reclaimFlags}`],
    meaning: 'A batch of inactive pages was reclaimed, or kept because it was in use.',
  }),
  vmscan('mm_vmscan_lru_shrink_active', {
    fields: [
      nid,
      ...['nr_taken', 'nr_active', 'nr_deactivated', 'nr_referenced'].map(pages),
      priority,
      reclaimFlags,
    ],
    print: [
      'nid={nid} nr_taken={nr_taken} nr_active={nr_active} nr_deactivated={nr_deactivated}' +
        ' nr_referenced={nr_referenced} priority={priority} flags={reclaim_flags:flags=reclaimFlags}',
    ],
    meaning: 'A batch of active pages was aged.',
  }),
  vmscan('mm_vmscan_reclaim_pages', {
    since: 'v6.18',
    fields: shrunk,
    print: [shrunkShape],
    meaning: 'Pages were reclaimed because someone asked for just those (MADV_PAGEOUT, DAMON).',
  }),
  vmscan('mm_vmscan_throttled', {
    since: 'v6.1',
    fields: [
      nid,
      field('usec_timeout', 'int', 'us'),
      field('usec_delayed', 'int', 'us'),
      field('reason', 'int', 'flags'),
    ],
    print: [
      'nid={nid} usec_timeout={usec_timeout} usect_delayed={usec_delayed}' +
        ' reason={reason:flags=throttleFlags}',
    ],
    meaning: 'A reclaiming task was made to wait.',
  }),
];

export const vmscanEvents: readonly EventDef[] = [...kswapd, ...directReclaim, ...shrinking];
