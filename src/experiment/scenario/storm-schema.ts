/**
 * Storms: what changes the host's memory under the guest. One schema per kind; knobs have the kernel's names
 * and defaults.
 */
import { z } from 'zod';
import { duration, positiveDuration, range, share, size, whole } from './fields.js';

const timing = {
  name: z.string().min(1).optional().describe('what phases, results and --set call it; the kind if left out'),
  start: duration().prefault('0ns').describe('when it begins, from the start of the run'),
  stop: positiveDuration().optional().describe('when it ends; the end of the run if left out'),
  cycle: positiveDuration().optional().describe('on for the share `duty` of every cycle, off for the rest'),
  duty: share().optional().describe('share of each cycle in which it is on'),
};

/** Operations that come one after the other, each on a step of a range. */
const steps = {
  ...timing,
  range: range().prefault('all').describe('the memory that it works on'),
  step: size().optional().describe('memory of one operation; the whole range if left out'),
  order: z.enum(['sequential', 'random']).default('sequential').describe('how it goes through the range'),
  period: duration()
    .prefault('0ns')
    .describe('from the start of one operation to the next; 0ns: back to back'),
  times: whole(1, 1e9).optional().describe('operations of each thread; no limit if left out'),
  threads: whole(1, 1024).default(1).describe('how many do this at once'),
};

const madvise = z.strictObject({
  kind: z.literal('madvise'),
  ...steps,
  advice: z.enum(['dontneed', 'free', 'pageout', 'collapse']).describe('which MADV_* advice'),
});

const mprotect = z.strictObject({ kind: z.literal('mprotect'), ...steps });
const mremap = z.strictObject({ kind: z.literal('mremap'), ...steps });
const uffdWp = z.strictObject({ kind: z.literal('uffd-wp'), ...steps });

const unmap = z.strictObject({
  kind: z.literal('unmap'),
  ...steps,
  blockable: z.boolean().default(true).describe('whether KVM may yield; false: the OOM reaper'),
  window: duration().prefault('0ns').describe('what the host does between start and end of the invalidation'),
});

const migrate = z.strictObject({
  kind: z.literal('migrate'),
  ...steps,
  method: z.enum(['move-pages', 'mbind', 'compaction']).default('move-pages').describe('who moves the pages'),
});

const ksm = z.strictObject({
  kind: z.literal('ksm'),
  ...timing,
  range: range().prefault('all').describe('memory that may be merged'),
  pagesToScan: whole(1, 1e6).default(100).describe('pages_to_scan: pages of one batch'),
  sleep: duration().prefault('20ms').describe('sleep_millisecs: between batches'),
  maxPageSharing: whole(2, 1e6).default(256).describe('max_page_sharing: PTEs that may share a page'),
  smartScan: z
    .boolean()
    .default(true)
    .describe('smart_scan (6.7): pages that did not merge are skipped at times'),
  duplicates: share().prefault('50%').describe('share of the pages that have an equal'),
  afterWrite: z
    .enum(['same', 'unique'])
    .default('same')
    .describe('what an unshared page holds: it merges again, or not'),
});

const numaBalancing = z.strictObject({
  kind: z.literal('numa-balancing'),
  ...timing,
  scanSize: size().prefault('256MiB').describe('scan_size_mb: memory of one scan'),
  scanDelay: duration().prefault('1s').describe('scan_delay_ms: before the first scan'),
  scanPeriod: positiveDuration().prefault('1s').describe('scan_period_min_ms'),
  scanPeriodMax: positiveDuration().prefault('60s').describe('scan_period_max_ms'),
  migrate: z.boolean().default(true).describe('whether hinting faults move pages'),
});

const fork = z.strictObject({
  kind: z.literal('fork'),
  ...timing,
  period: positiveDuration().prefault('1s').describe('from one fork to the next'),
  hold: duration().prefault('100ms').describe('how long the child lives'),
  times: whole(1, 1e9).optional().describe('forks; no limit if left out'),
});

const memslot = z.strictObject({
  kind: z.literal('memslot'),
  ...timing,
  action: z.enum(['delete', 'move', 'flags']).default('delete').describe('delete: and add it again'),
  slot: whole(0, 32_766).describe('which memslot, from 0'),
  period: duration().prefault('10ms').describe('from the start of one change to the next'),
  times: whole(1, 1e9).optional().describe('changes; no limit if left out'),
});

const dirtyLog = z.strictObject({
  kind: z.literal('dirty-log'),
  ...steps,
  method: z.enum(['bitmap', 'ring']).default('bitmap').describe('KVM_GET_DIRTY_LOG, or the dirty ring'),
  eagerSplit: z.boolean().default(true).describe('kvm.eager_page_split'),
});

const aging = z.strictObject({
  kind: z.literal('aging'),
  ...steps,
  by: z.enum(['mglru', 'damon', 'idle']).default('mglru').describe('who asks whether pages are young'),
});

const balloon = z.strictObject({
  kind: z.literal('balloon'),
  ...steps,
  step: size().prefault('4KiB').describe('memory of one madvise'),
});

const kinds = [
  madvise,
  mprotect,
  mremap,
  uffdWp,
  unmap,
  migrate,
  ksm,
  numaBalancing,
  fork,
  memslot,
  dirtyLog,
  aging,
  balloon,
] as const;

/** Every kind of storm. */
export const STORM_KINDS: readonly StormOf['kind'][] = kinds.map((each) => each.shape.kind.value);

export const stormSchema = z.discriminatedUnion('kind', [...kinds], {
  error: ({ code, input }) =>
    code === 'invalid_union' && typeof input === 'object'
      ? `no such storm: there are ${STORM_KINDS.join(', ')}`
      : undefined,
});

export type StormOf = z.output<(typeof kinds)[number]>;
