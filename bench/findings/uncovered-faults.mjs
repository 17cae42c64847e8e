/** What yielding does for faults outside of the range that is being invalidated, and what it costs. */
import { percent, seeds, simulated, spread, table, us } from './simulated.mjs';

/** @param {string} title @param {readonly { name: string, sets: readonly string[] }[]} rows */
function compare(title, rows) {
  const line = table(title, [
    'setup',
    'uncovered: median, us',
    'p99.9, us',
    'longest, us',
    'covered: p99, us',
    'mean invalidate_range_start, us',
    'yields',
    'useful',
    'flushes',
    'touches',
  ]);
  for (const { name, sets } of rows) {
    const runs = seeds(1, 3).map((seed) => simulated('uncovered', sets, { seed }));
    const yields = runs.reduce((sum, run) => sum + run.yields.count, 0);
    const useful = runs.reduce((sum, run) => sum + run.yields.useful, 0);
    line([
      name,
      spread(
        runs.map(({ faults }) => faults.uncovered.latency.p50Ns),
        us,
      ),
      spread(
        runs.map(({ faults }) => faults.uncovered.latency.p999Ns),
        us,
      ),
      spread(
        runs.map(({ faults }) => faults.uncovered.latency.maxNs),
        us,
      ),
      spread(
        runs.map(({ faults }) => faults.covered.latency.p99Ns),
        us,
      ),
      spread(
        runs.map(({ invalidations }) => invalidations.start.meanNs),
        us,
      ),
      spread(runs.map((run) => run.yields.count)),
      percent(useful, yields),
      spread(runs.map(({ flushes }) => flushes.count)),
      spread(runs.map(({ guest }) => guest.touches)),
    ]);
  }
}

compare(
  'uncovered: nine of ten touches outside; 200 ms, seeds 1 to 3',
  ['both', 'none'].flatMap((preCheck) =>
    ['contended', 'never', 'after-batch', 'waiter-useful'].map((needBreak) => ({
      name: `preCheck=${preCheck}, needBreak=${needBreak}`,
      sets: [`policy.preCheck=${preCheck}`, `policy.needBreak=${needBreak}`],
    })),
  ),
);
compare(
  'The same with other shares of touches inside, with the pre-check',
  ['0%', '50%'].flatMap((covered) =>
    ['contended', 'never'].map((needBreak) => ({
      name: `covered=${covered}, needBreak=${needBreak}`,
      sets: [`guest.access.covered=${covered}`, `policy.needBreak=${needBreak}`],
    })),
  ),
);
