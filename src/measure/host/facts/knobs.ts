/**
 * Every setting of the host that bears on page faults and invalidations, and can be changed while it runs.
 */
import { statSync } from 'node:fs';
import { namesIn } from './read.js';
import { KSM, settingValue } from '../settings.js';

const MM = '/sys/kernel/mm';
const SCHED = '/sys/kernel/debug/sched';

/** Folders of which every file that root may write is a setting. */
const FOLDERS: readonly string[] = [
  KSM,
  `${MM}/transparent_hugepage`,
  `${MM}/transparent_hugepage/khugepaged`,
  `${MM}/lru_gen`,
  `${MM}/damon/admin/kdamonds`,
  `${MM}/numa`,
  SCHED,
  `${SCHED}/numa_balancing`,
  '/sys/module/damon_reclaim/parameters',
  '/sys/module/damon_lru_sort/parameters',
];

const FILES: readonly string[] = [
  '/proc/sys/kernel/numa_balancing',
  '/proc/sys/kernel/numa_balancing_promote_rate_limit_MBps',
  '/proc/sys/vm/compaction_proactiveness',
  '/proc/sys/vm/min_free_kbytes',
  '/proc/sys/vm/overcommit_memory',
  '/proc/sys/vm/swappiness',
  '/proc/sys/vm/unprivileged_userfaultfd',
  '/proc/sys/vm/watermark_scale_factor',
  '/proc/sys/vm/zone_reclaim_mode',
  '/sys/devices/system/cpu/cpufreq/boost',
  '/sys/devices/system/cpu/smt/control',
];

/** Folders with one folder for each size, CPU or module, and the files in it. */
const EACH: readonly (readonly [folder: string, name: RegExp, files: readonly string[]])[] = [
  [`${MM}/transparent_hugepage`, /^hugepages-/, ['enabled']],
  [`${MM}/hugepages`, /^hugepages-/, ['nr_hugepages', 'nr_overcommit_hugepages']],
  [`${MM}/damon/admin/kdamonds`, /^\d+$/, ['state']],
  ['/sys/devices/system/cpu', /^cpu\d+$/, ['cpufreq/scaling_governor']],
];

/** From path to value; a setting that this host does not have, or does not show to us, is left out. */
export function readKnobs(): Record<string, string> {
  const paths = [
    ...FOLDERS.flatMap((folder) => writableIn(folder)),
    ...EACH.flatMap(([folder, pattern, files]) =>
      namesIn(folder)
        .filter((name) => pattern.test(name))
        .flatMap((name) => files.map((file) => `${folder}/${name}/${file}`)),
    ),
    ...namesIn('/sys/module')
      .filter((name) => /^kvm(_|$)/.test(name))
      .flatMap((name) => writableIn(`/sys/module/${name}/parameters`)),
    ...FILES,
  ];
  return Object.fromEntries(
    paths.flatMap((path) => {
      const value = settingValue(path);
      return value === undefined ? [] : [[path, value] as const];
    }),
  );
}

/** Files that their owner may write: counters beside them are read-only. */
function writableIn(folder: string): string[] {
  return namesIn(folder)
    .map((name) => `${folder}/${name}`)
    .filter((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat !== undefined && stat.isFile() && (stat.mode & 0o200) !== 0;
    });
}
