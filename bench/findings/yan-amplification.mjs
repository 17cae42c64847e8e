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

const quiet = unmaps(['guest.access.hotTouches=100%'], 3);
const walkNs = quiet[0].invalidations.start.meanNs;
// Touches in 30 ms without a fault in them: those of the whole run, without the first pass.
const perNs = (quiet[0].guest.touches - GFNS) / 47e6;

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

const preCheck = table('The same with a pre-check (99.9 %), seeds 1 to 10', ['pre-check', 'flushes', 'yields', 'unmap, ms']);
for (const value of ['none', 'after-pfn', 'both']) {
  const runs = unmaps(['guest.access.hotTouches=99.9%', `policy.preCheck=${value}`], 10);
  preCheck([
    value,
    spread(flushes(runs)),
    spread(runs.map(({ yields }) => yields.count)),
    spread(runs.map(({ invalidations }) => invalidations.start.maxNs), ms),
  ]);
}

const back = table('How soon a waiter is back: cost of vmExit (99.9 %, seeds 1 to 5)', ['vmExit', 'flushes', 'gfns between two', 'unmap, ms']);
for (const cost of ['100ns', '270ns', '1us', '3us', '10us', '30us', '100us', '1ms']) {
  const runs = unmaps(['guest.access.hotTouches=99.9%'], 5, [`vmExit=${cost}`]);
  back([
    cost,
    spread(flushes(runs)),
    (GFNS / spread3(flushes(runs))).toFixed(1),
    spread(runs.map(({ invalidations }) => invalidations.start.maxNs), ms),
  ]);
}

const many = table('How many want a page in it (99.9 %, 16 CPUs, seeds 1 to 5)', ['vCPUs', 'flushes', 'gfns between two', 'unmap, ms']);
for (const vcpus of [1, 2, 3, 4, 6, 8, 12]) {
  const runs = unmaps(['guest.access.hotTouches=99.9%', `guest.vcpus=${vcpus}`, 'machine.cpus=16'], 5);
  many([
    vcpus,
    spread(flushes(runs)),
    (GFNS / spread3(flushes(runs))).toFixed(1),
    spread(runs.map(({ invalidations }) => invalidations.start.maxNs), ms),
  ]);
}

/** The middle of them. @param {readonly number[]} values */
function spread3(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
