/**
 * Distributions of durations: totals, percentiles by nearest rank, and a histogram in steps of 1, 2, 5.
 */
import type { Distribution } from './types.js';

/** Upper bounds of the histogram, ns: 100 ns to 100 s. */
const BOUNDS = Array.from(
  { length: 28 },
  (_, step) => [1, 2, 5][step % 3] * 10 ** (2 + Math.floor(step / 3)),
);

/** @param values durations in ns, in any order; reordered in place */
export function distributionOf(values: Float64Array): Distribution {
  const count = values.length;
  let totalNs = 0;
  let maxNs = 0;
  for (const value of values) {
    totalNs += value;
    if (value > maxNs) maxNs = value;
  }
  return {
    count,
    totalNs,
    meanNs: count === 0 ? 0 : Math.round(totalNs / count),
    p50Ns: percentile(values, 0.5),
    p90Ns: percentile(values, 0.9),
    p99Ns: percentile(values, 0.99),
    maxNs,
    histogram: histogramOf(values, maxNs),
  };
}

/**
 * The smallest value that at least a share of `share` of the values does not exceed: nearest rank.
 *
 * Selects instead of sorting, which matters for half a million values; reorders them in place.
 */
export function percentile(values: Float64Array, share: number): number {
  return values.length === 0 ? 0 : select(values, Math.max(0, Math.ceil(share * values.length) - 1));
}

/** The value that would stand at `rank` if all were sorted (Hoare's quickselect). */
function select(values: Float64Array, rank: number): number {
  let from = 0;
  let to = values.length - 1;
  while (from < to) {
    const pivot = median(values[from], values[(from + to) >>> 1], values[to]);
    let low = from;
    let high = to;
    while (low <= high) {
      while (values[low] < pivot) low++;
      while (values[high] > pivot) high--;
      if (low > high) break;
      const value = values[low];
      values[low++] = values[high];
      values[high--] = value;
    }
    if (rank <= high) to = high;
    else if (rank >= low) from = low;
    else break;
  }
  return values[rank];
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

/** Empty buckets below the smallest and above the largest value are left out. */
function histogramOf(values: Float64Array, maxNs: number): Distribution['histogram'] {
  const all = new Uint32Array(BOUNDS.length + 1);
  for (const value of values) {
    let bucket = 0;
    while (bucket < BOUNDS.length && value >= BOUNDS[bucket]) bucket++;
    all[bucket]++;
  }
  const first = all.findIndex((count) => count > 0);
  if (first < 0) return { upToNs: [], counts: [] };
  const last = all.findLastIndex((count) => count > 0);
  // JSON has no infinity: durations of more than 100 s end at the largest of them.
  const upToNs = [...BOUNDS, maxNs + 1].slice(first, last + 1);
  return { upToNs, counts: [...all.subarray(first, last + 1)] };
}
