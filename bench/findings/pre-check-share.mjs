/** Which test finds an invalidation: the first pre-check (P1), the second (P2) or the recheck. */
import { percent, seeds, simulated, spread, table, us } from './simulated.mjs';

const KSM = [
  'host.kernel=v6.8',
  'guest.memory=16MiB',
  'guest.vcpus=8',
  'guest.pin=false',
  'guest.access.region=shared',
  'guest.access.writes=30%',
  'storms=[{ kind: ksm, pagesToScan: 2000, sleep: 1ms }]',
];
const SETUPS = [
  { name: 'ksmd and 8 vCPUs on 8 CPUs, full', scenario: 'quiet', sets: [...KSM, 'host.preempt=full'] },
  {
    name: 'ksmd and 8 vCPUs on 8 CPUs, voluntary',
    scenario: 'quiet',
    sets: [...KSM, 'host.preempt=voluntary'],
  },
  {
    name: 'ksmd and 8 vCPUs on 9 CPUs, full',
    scenario: 'quiet',
    sets: [...KSM, 'host.preempt=full', 'machine.cpus=9'],
  },
  {
    name: 'the same, sequence=per-range',
    scenario: 'quiet',
    sets: [...KSM, 'host.preempt=full', 'machine.cpus=9', 'policy.sequence=per-range'],
  },
  {
    name: 'ksm-and-numa, full, 600 ms',
    scenario: 'ksm-and-numa',
    sets: ['host.kernel=v6.8', 'host.preempt=full'],
    untilMs: 600,
  },
  {
    name: 'single pages given back (madvise-page), full',
    scenario: 'madvise-page',
    sets: ['host.preempt=full'],
  },
  {
    name: 'the same, sequence=per-range',
    scenario: 'madvise-page',
    sets: ['host.preempt=full', 'policy.sequence=per-range'],
  },
];

const shares = table('200 ms, seeds 1 to 3', [
  'setup',
  'P1',
  'P2',
  'recheck',
  'share of P1',
  'mean window, us',
  'longest window, us',
]);
for (const { name, scenario, sets, untilMs = 200 } of SETUPS) {
  const runs = seeds(1, 3).map((seed) => simulated(scenario, sets, { seed, untilMs }));
  const total = { first: 0, second: 0, recheck: 0 };
  for (const { faults } of runs) {
    total.first += faults.retries.preCheck1;
    total.second += faults.retries.preCheck2;
    total.recheck += faults.retries.recheck;
  }
  shares([
    name,
    total.first,
    total.second,
    total.recheck,
    percent(total.first, total.first + total.second + total.recheck),
    spread(
      runs.map(({ invalidations }) => invalidations.startToEnd.meanNs),
      us,
    ),
    spread(
      runs.map(({ invalidations }) => invalidations.startToEnd.maxNs),
      us,
    ),
  ]);
}

const windows = table(
  'Eight vCPUs, one page at a time of 16 is invalidated for so long, back to back; 20 ms, seed 1',
  ['held open for', 'mean window, us', 'P1 a window', 'P2 + recheck a window', 'share of P1'],
);
for (const window of ['0ns', '1us', '2us', '5us', '10us', '20us', '50us', '100us', '500us']) {
  const { faults, invalidations } = simulated(
    'quiet',
    [
      'host.kernel=v6.8',
      'machine.cpus=16',
      'guest.memory=64KiB',
      'guest.vcpus=8',
      'guest.access.region=shared',
      `storms=[{ kind: unmap, step: 4KiB, order: random, window: ${window} }]`,
    ],
    { untilMs: 20 },
  );
  const { preCheck1, preCheck2, recheck } = faults.retries;
  windows([
    window,
    us(invalidations.startToEnd.meanNs),
    (preCheck1 / invalidations.count).toFixed(2),
    ((preCheck2 + recheck) / invalidations.count).toFixed(2),
    percent(preCheck1, preCheck1 + preCheck2 + recheck),
  ]);
}
