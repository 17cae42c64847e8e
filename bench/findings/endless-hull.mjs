/** How long a fault waits while invalidations overlap, by how KVM remembers their ranges. */
import { ms, simulated, table, us } from './simulated.mjs';

const SETUP = ['machine.cpus=32', 'guest.memory=64MiB', 'guest.vcpus=4', 'guest.access.region=shared'];
const COLUMNS = ['faults that ended', 'median, us', 'p99, ms', 'longest, ms', 'most attempts', 'touches'];

/** @param {readonly string[]} sets */
function run(sets) {
  return simulated('quiet', [...SETUP, ...sets], { untilMs: 50 });
}

/** @param {ReturnType<typeof run>} result */
function figures({ faults: { covered }, guest }) {
  const { latency, oldestUnfinishedNs } = covered;
  // With latencies that grew too long to end within the run.
  return [
    latency.count,
    us(latency.p50Ns),
    ms(latency.p99Ns),
    `${latency.maxNs < oldestUnfinishedNs ? '> ' : ''}${ms(Math.max(latency.maxNs, oldestUnfinishedNs))}`,
    covered.mostAttempts,
    guest.touches,
  ];
}

const apart = table(
  'n threads, each with 64 KiB under invalidation for about a quarter of the time; 50 ms, seed 1',
  ['n', 'rangeTracking', 'under way on average', 'expected life of a hull, ms', ...COLUMNS],
);
for (const n of [1, 2, 4, 8, 12, 16, 24]) {
  for (const tracking of ['hull', 'exact']) {
    // Periods differ, so that the threads drift against each other.
    const storms = Array.from({ length: n }, (_, i) => {
      const period = 190_000 + 1_370 * i;
      const times = `window: 40us, start: ${7 * i}us, period: ${period}ns`;
      return `{ kind: unmap, name: s${i}, step: 64KiB, order: random, ${times} }`;
    });
    const result = run([`policy.rangeTracking=${tracking}`, `storms=[${storms.join(', ')}]`]);
    const { count, startToEnd } = result.invalidations;
    const underWay = (count * startToEnd.meanNs) / result.run.simulatedNs;
    // As long as a busy period where they come at random: (e^underWay - 1) / rate.
    const lifeNs = (Math.exp(underWay) - 1) / (count / result.run.simulatedNs);
    apart([n, tracking, underWay.toFixed(2), ms(lifeNs), ...figures(result)]);
  }
}

const endless = table(
  'n threads, one invalidation after the other, each held open for 20 us; 50 ms, seed 1',
  ['n', 'rangeTracking', 'sequence', ...COLUMNS],
);
for (const n of [1, 2, 3, 4, 8]) {
  for (const [tracking, sequence] of [
    ['hull', 'global'],
    ['hull', 'per-range'],
    ['exact', 'global'],
    ['exact', 'per-range'],
  ]) {
    const storms = `storms=[{ kind: unmap, step: 64KiB, order: random, threads: ${n}, window: 20us }]`;
    const policy = [`policy.rangeTracking=${tracking}`, `policy.sequence=${sequence}`];
    endless([n, tracking, sequence, ...figures(run([...policy, storms]))]);
  }
}

const pages = table('madvise-page with n threads, each gives back one page after the other; 100 ms, seed 1', [
  'n',
  'rangeTracking',
  'under way on average',
  ...COLUMNS,
]);
for (const n of [1, 2, 4, 6, 8]) {
  for (const tracking of ['hull', 'exact']) {
    const sets = ['machine.cpus=16', `storms.0.threads=${n}`, `policy.rangeTracking=${tracking}`];
    const result = simulated('madvise-page', sets, { untilMs: 100 });
    const { count, startToEnd } = result.invalidations;
    pages([
      n,
      tracking,
      ((count * startToEnd.meanNs) / result.run.simulatedNs).toFixed(2),
      ...figures(result),
    ]);
  }
}
