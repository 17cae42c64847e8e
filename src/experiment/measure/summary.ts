/**
 * The runs of an arm in figures: mean with its interval, median, and every value, so that the spread is
 * never lost.
 */
import type { RunResult, StormResult } from '../../measure/run/result.js';
import type { Interval } from '../../report/claims.js';
import type { ArmSummary } from '../../report/measurement.js';
import { interval } from '../claims/aggregate.js';

/** One run that counts. */
interface CountedRun {
  readonly result: RunResult;
  readonly busy: boolean;
}

/** @param runs of the arm, at least one */
export function summariseArm(arm: string, runs: readonly CountedRun[]): ArmSummary {
  const of = (figure: (result: RunResult) => number): Interval =>
    interval(runs.map(({ result }) => figure(result)));
  return {
    arm,
    runs: runs.length,
    busyRuns: runs.filter(({ busy }) => busy).length,
    touchesPerSecond: of(({ guest }) => guest.touchesPerSecond),
    coveredP50Ns: of(({ touches }) => touches.covered.p50Ns),
    coveredP99Ns: of(({ touches }) => touches.covered.p99Ns),
    coveredP999Ns: of(({ touches }) => touches.covered.p999Ns),
    coveredMaxNs: of(({ touches }) => touches.covered.maxNs),
    uncoveredP50Ns: of(({ touches }) => touches.uncovered.p50Ns),
    uncoveredP99Ns: of(({ touches }) => touches.uncovered.p99Ns),
    uncoveredP999Ns: of(({ touches }) => touches.uncovered.p999Ns),
    uncoveredMaxNs: of(({ touches }) => touches.uncovered.maxNs),
    stallNs: of(({ guest }) => guest.longestStall?.durationNs ?? 0),
    jain: of(({ guest }) => guest.fairness.jain),
    storms: runs[0].result.storms.map(({ name, kind }, index) => {
      const storm = (figure: (result: StormResult) => number): Interval =>
        of(({ storms }) => figure(storms[index]));
      return {
        name,
        kind,
        operationsPerSecond: storm((each) => each.operationsPerSecond),
        errors: storm(({ errors }) => errors),
        p50Ns: storm(({ latency }) => latency.p50Ns),
        p99Ns: storm(({ latency }) => latency.p99Ns),
        maxNs: storm(({ latency }) => latency.maxNs),
      };
    }),
  };
}
