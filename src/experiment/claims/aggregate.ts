/** Figures of one run, and intervals over the runs of several seeds. */
import type { ClaimRow, FigureName, Interval } from '../../report/claims.js';
import type { SimulationResult } from '../../simulate/result.js';

/** What is kept of a run. */
export interface Figures extends Readonly<Record<FigureName, number>> {
  /** The run ended while the longest stall still went on. */
  readonly cutOff: boolean;
}

export function figuresOf({ guest, faults, invalidations, yields, flushes }: SimulationResult): Figures {
  return {
    stallNs: guest.longestStall?.durationNs ?? 0,
    coveredP99Ns: faults.covered.latency.p99Ns,
    uncoveredP99Ns: faults.uncovered.latency.p99Ns,
    uncoveredMaxNs: Math.max(faults.uncovered.latency.maxNs, faults.uncovered.oldestUnfinishedNs),
    touchesPerSecond: guest.touchesPerSecond,
    meanStartNs: invalidations.start.meanNs,
    longestStartNs: invalidations.start.maxNs,
    yields: yields.count,
    usefulYields: yields.useful,
    uselessYields: yields.useless,
    flushes: flushes.count,
    preCheck1: faults.retries.preCheck1,
    preCheck2: faults.retries.preCheck2,
    recheck: faults.retries.recheck,
    cutOff: guest.longestStall?.unfinished ?? false,
  };
}

/** Quantiles 0.975 of Student's t, by degrees of freedom from 1 on. */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
const NORMAL = 1.959964;

/**
 * Quantile 0.975 of Student's t. Beyond the table Fisher's expansion around the normal one, whose error is
 * below 0.001 there.
 *
 * @internal for tests
 */
export function studentT(freedom: number): number {
  const z = NORMAL;
  const first = (z ** 3 + z) / (4 * freedom);
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2);
  return T[freedom - 1] ?? z + first + second;
}

/** Mean and 95 % interval; a single value has no interval but itself. */
export function interval(values: readonly number[]): Interval {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const sorted = values.toSorted((a, b) => a - b);
  const median = (sorted[Math.floor((count - 1) / 2)] + sorted[Math.ceil((count - 1) / 2)]) / 2;
  if (count < 2) return { mean, low: mean, high: mean, median, values };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = studentT(count - 1) * Math.sqrt(variance / count);
  return { mean, low: mean - half, high: mean + half, median, values };
}

export function rowOf(label: string, runs: readonly Figures[]): ClaimRow {
  const of = (name: FigureName): Interval => interval(runs.map((run) => run[name]));
  return {
    label,
    cutOff: runs.filter(({ cutOff }) => cutOff).length,
    stallNs: of('stallNs'),
    coveredP99Ns: of('coveredP99Ns'),
    uncoveredP99Ns: of('uncoveredP99Ns'),
    uncoveredMaxNs: of('uncoveredMaxNs'),
    touchesPerSecond: of('touchesPerSecond'),
    meanStartNs: of('meanStartNs'),
    longestStartNs: of('longestStartNs'),
    yields: of('yields'),
    usefulYields: of('usefulYields'),
    uselessYields: of('uselessYields'),
    flushes: of('flushes'),
    preCheck1: of('preCheck1'),
    preCheck2: of('preCheck2'),
    recheck: of('recheck'),
  };
}
