/** One unmap of 22,528 gfns: how often three hot gfns make it flush, and what lights that. */
import { ms, seeds, simulated, spread, table } from './simulated.mjs';

const GFNS = 22_528;
/** More than the one flush at the end: somebody faulted while the unmap held the lock. */
const LIT = 1;

/** @param {readonly string[]} sets @param {number} runs @param {readonly string[]} [costs] */
function unmaps(sets, runs, costs = []) {
  return seeds(1, runs).map((seed) => simulated('yan-unmap', sets, { seed, costs }));
}

/** @param {ReturnType<typeof unmaps>} runs */
const flushes = (runs) => runs.map((run) => run.flushes.count);

const HOT = 'guest.access.hotTouches=99.9%';
const FIGURES = ['vmExit', 'flushes', 'gfns between two', 'unmap, ms'];

const quiet = unmaps(['guest.access.hotTouches=100%'], 3);
const walkNs = quiet[0].invalidations.start.meanNs;
// Three vCPUs, each with 100 ns of work and 8.5 ns for the touch.
const perNs = 3 / 108.5;

const lit = table('Flushes of one unmap, v6.7, preempt=full, 40 seeds each', [
  'touches elsewhere',
  'one flush',
  'a storm',
  'expected share of storms',
  'flushes in a storm',
  'longest unmap, ms',
]);
for (const hot of ['99.9%', '99.97%', '99.99%', '99.995%', '99.998%', '99.999%', '99.9995%', '100%']) {
  const runs = unmaps([`guest.access.hotTouches=${hot}`], 40);
  const storms = flushes(runs).filter((count) => count > LIT);
  const elsewhere = 1 - Number.parseFloat(hot) / 100;
  // Touches elsewhere come at random; on average half of the range has been unmapped.
  const expected = 1 - Math.exp((-elsewhere * perNs * walkNs) / 2);
  lit([
    `${(elsewhere * 1e6).toFixed(0)} in a million`,
    40 - storms.length,
    storms.length,
    expected.toFixed(2),
    storms.length === 0 ? '-' : spread(storms),
    ms(Math.max(...runs.map(({ invalidations }) => invalidations.start.maxNs))),
  ]);
}

const bimodal = unmaps(['guest.access.hotTouches=99.998%'], 40);
process.stdout.write(`\nFlushes at 99.998 %, seeds 1 to 40: ${flushes(bimodal).join(' ')}\n`);

const preCheck = table('The same with a pre-check (99.9 %), seeds 1 to 10', [
  'pre-check',
  'flushes',
  'yields',
  'unmap, ms',
]);
for (const value of ['none', 'after-pfn', 'both']) {
  const runs = unmaps([HOT, `policy.preCheck=${value}`], 10);
  preCheck([
    value,
    spread(flushes(runs)),
    spread(runs.map(({ yields }) => yields.count)),
    spread(
      runs.map(({ invalidations }) => invalidations.start.maxNs),
      ms,
    ),
  ]);
}

const back = table('How soon a waiter is back: cost of vmExit (99.9 %, seeds 1 to 3)', FIGURES);
// Where exits are slow, so is the first pass.
for (const [cost, startMs] of /** @type {const} */ ([
  ['100ns', 30],
  ['270ns', 30],
  ['1us', 30],
  ['3us', 60],
  ['10us', 150],
  ['30us', 350],
])) {
  const times = [`storms.0.start=${startMs}ms`, `duration=${startMs + 40}ms`];
  back([cost, ...figures(unmaps([HOT, ...times], 3, [`vmExit=${cost}`]))]);
}

const many = table('How many want a page in it (99.9 %, 16 CPUs, seeds 1 to 3)', FIGURES.with(0, 'vCPUs'));
for (const vcpus of [1, 2, 3, 4, 6, 8]) {
  many([vcpus, ...figures(unmaps([HOT, `guest.vcpus=${vcpus}`, 'machine.cpus=16', 'duration=150ms'], 3))]);
}

/** @param {ReturnType<typeof unmaps>} runs */
function figures(runs) {
  const counts = flushes(runs);
  const middle = counts.toSorted((x, y) => x - y)[counts.length >> 1];
  const unmapNs = runs.map(({ invalidations }) => invalidations.start.maxNs);
  return [spread(counts), (GFNS / middle).toFixed(1), spread(unmapNs, ms)];
}
