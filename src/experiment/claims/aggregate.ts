/** Figures of one run, and intervals over the runs of several seeds. */
import type { ClaimRow, Interval } from '../../report/claims.js';
import type { SimulationResult } from '../../simulate/result.js';

/** What is kept of a run. */
export type Figures = { readonly [Name in Exclude<keyof ClaimRow, 'label'>]: number };

export function figuresOf({ guest, faults, invalidations, yields, flushes }: SimulationResult): Figures {
  return {
    stallNs: guest.longestStall?.durationNs ?? 0,
    coveredP99Ns: faults.covered.latency.p99Ns,
    uncoveredP99Ns: faults.uncovered.latency.p99Ns,
    touchesPerSecond: guest.touchesPerSecond,
    longestStartNs: invalidations.start.maxNs,
    yields: yields.count,
    usefulYields: yields.useful,
    flushes: flushes.count,
    retries: faults.retries.total,
  };
}

/** Quantiles 0.975 of Student's t, by degrees of freedom from 1 on. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const NORMAL = 1.96;

/**
 * Mean and 95 % interval; a single value has no interval but itself.
 *
 * @internal for tests
 */
export function interval(values: readonly number[]): Interval {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, low: mean, high: mean, count };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = (T[count - 2] ?? NORMAL) * Math.sqrt(variance / count);
  return { mean, low: mean - half, high: mean + half, count };
}

export function rowOf(label: string, runs: readonly Figures[]): ClaimRow {
  const of = (name: keyof Figures): Interval => interval(runs.map((run) => run[name]));
  return {
    label,
    stallNs: of('stallNs'),
    coveredP99Ns: of('coveredP99Ns'),
    uncoveredP99Ns: of('uncoveredP99Ns'),
    touchesPerSecond: of('touchesPerSecond'),
    longestStartNs: of('longestStartNs'),
    yields: of('yields'),
    usefulYields: of('usefulYields'),
    flushes: of('flushes'),
    retries: of('retries'),
  };
}
