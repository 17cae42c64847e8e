/** Whether invalidations of few pages yield, in the TDP MMU and in the shadow MMU. */
import { seeds, simulated, spread, table } from './simulated.mjs';

const line = table('madvise-page with another step, v6.12, preempt=full, 200 ms, seeds 1 to 3', [
  'MMU',
  'pages',
  'invalidations',
  'yields',
  'yields each',
  'useful',
  'writers that waited',
]);
for (const [name, sets] of /** @type {const} */ ([
  ['tdp', []],
  ['shadow', ['policy.mmu=shadow']],
  ['shadow, shadowNotifierYield=never', ['policy.mmu=shadow', 'policy.shadowNotifierYield=never']],
])) {
  for (const pages of [1, 2, 4, 16]) {
    const all = ['host.preempt=full', `storms.0.step=${4 * pages}KiB`, ...sets];
    const runs = seeds(1, 3).map((seed) => simulated('madvise-page', all, { seed }));
    line([
      name,
      pages,
      spread(runs.map(({ invalidations }) => invalidations.count)),
      spread(runs.map(({ yields }) => yields.count)),
      spread(
        runs.map(({ yields, invalidations }) => yields.count / invalidations.count),
        (x) => x.toFixed(2),
      ),
      spread(runs.map(({ yields }) => yields.useful)),
      spread(runs.map(({ mmuLock }) => mmuLock.write.wait.count)),
    ]);
  }
}
