/**
 * Who makes a walk yield when the pre-check keeps faults away from the lock: one NUMA scan, with KSM and
 * without.
 */
import { ms, seeds, simulated, spread, table } from './simulated.mjs';

const NUMA = '{ kind: numa-balancing, scanSize: 64MiB, scanDelay: 40ms, scanPeriod: 100ms }';
const KSM = '{ kind: ksm, pagesToScan: 2000, sleep: 1ms, duplicates: 50% }';

const line = table('seed-incident with backing 4KiB: one scan of 16,384 pages; seeds 1 to 3', [
  'storms',
  'yield',
  'longest stall, ms',
  'scan: invalidate_range_start, ms',
  'yields',
  'useful',
]);
const STORMS = [
  { name: 'NUMA', storms: NUMA },
  { name: 'NUMA and KSM', storms: `${KSM}, ${NUMA}` },
];
for (const { name, storms } of STORMS) {
  for (const rule of ['contended', 'never']) {
    const sets = ['guest.backing=4KiB', `storms=[${storms}]`, `policy.needBreak=${rule}`];
    const runs = seeds(1, 3).map((seed) => simulated('seed-incident', sets, { seed }));
    line([
      name,
      rule,
      spread(
        runs.map(({ guest }) => guest.longestStall?.durationNs ?? 0),
        ms,
      ),
      spread(
        runs.map(({ invalidations }) => invalidations.start.maxNs),
        ms,
      ),
      spread(runs.map(({ yields }) => yields.count)),
      spread(runs.map(({ yields }) => yields.useful)),
    ]);
  }
}
