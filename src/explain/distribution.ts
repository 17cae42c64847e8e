/**
 * Distributions of durations: totals, percentiles by nearest rank, and a histogram in steps of 1, 2, 5.
 */
import type { Distribution } from './types.js';

/** Upper bounds of the histogram, ns: 100 ns to 100 s. */
const BOUNDS = Array.from(
  { length: 28 },
  (_, step) => [1, 2, 5][step % 3] * 10 ** (2 + Math.floor(step / 3)),
);

/** @param values durations in ns, in any order; sorted in place */
export function distributionOf(values: Float64Array): Distribution {
  values.sort();
  const count = values.length;
  const totalNs = values.reduce((sum, value) => sum + value, 0);
  return {
    count,
    totalNs,
    meanNs: count === 0 ? 0 : Math.round(totalNs / count),
    p50Ns: percentile(values, 0.5),
    p90Ns: percentile(values, 0.9),
    p99Ns: percentile(values, 0.99),
    maxNs: count === 0 ? 0 : values[count - 1],
    histogram: histogramOf(values),
  };
}

/** The smallest value that at least a share of `share` of the ascending values does not exceed. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? 0 : sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Empty buckets below the smallest and above the largest value are left out. */
function histogramOf(sorted: Float64Array): Distribution['histogram'] {
  const counts: number[] = [];
  const upToNs: number[] = [];
  let at = 0;
  for (const bound of [...BOUNDS, Infinity]) {
    const from = at;
    while (at < sorted.length && sorted[at] < bound) at++;
    if (at === 0) continue;
    // JSON has no infinity: durations of more than 100 s end at the largest of them.
    upToNs.push(bound === Infinity ? sorted[sorted.length - 1] + 1 : bound);
    counts.push(at - from);
    if (at === sorted.length) break;
  }
  return { upToNs, counts };
}
