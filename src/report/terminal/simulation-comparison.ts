/** Simulated runs side by side in a terminal: policies, kernels or seeds. */
import type { EpisodeResult, SimulationResult } from '../../simulate/result.js';
import type { ComparisonLine } from '../comparison-lines.js';
import { formatCount, formatDuration, formatPercent } from '../format.js';
import { sheetOf, type TerminalOptions } from './sheet.js';
import { sideBySide } from './side-by-side.js';

/** One run, and what to call it. */
export interface SimulationColumn {
  readonly name: string;
  readonly result: SimulationResult;
}

type Line = ComparisonLine<SimulationColumn>;

/** A line with a duration, of which more is worse. */
function duration(label: string, of: (result: SimulationResult) => number): Line {
  return {
    label,
    cell: ({ result }) => formatDuration(of(result)),
    worse: ({ result }) => of(result),
  };
}

/** A line with a count; `worse` says of what more is worse. */
function count(label: string, of: (result: SimulationResult) => number, isWorse = true): Line {
  const line: Line = { label, cell: ({ result }) => formatCount(of(result)) };
  return isWorse ? { ...line, worse: ({ result }) => of(result) } : line;
}

/** Faults of one kind: an episode that never ended counts as far as it got. */
function worstOf({ latency, oldestUnfinishedNs }: EpisodeResult): number {
  return Math.max(latency.maxNs, oldestUnfinishedNs);
}

function episodes(name: string, of: (result: SimulationResult) => EpisodeResult): Line[] {
  return [
    duration(`${name} p50`, (result) => of(result).latency.p50Ns),
    duration(`${name} p99`, (result) => of(result).latency.p99Ns),
    duration(`${name} max`, (result) => worstOf(of(result))),
  ];
}

const LINES: readonly Line[] = [
  { label: 'kernel', cell: ({ result: { run } }) => run.kernel },
  { label: 'preemption', cell: ({ result: { run } }) => run.policy.preempt },
  {
    label: 'touches/s',
    cell: ({ result }) => formatCount(result.guest.touchesPerSecond),
    worse: ({ result }) => -result.guest.touchesPerSecond,
  },
  duration('longest stall', ({ guest }) => guest.longestStall?.durationNs ?? 0),
  {
    label: 'fairness',
    cell: ({ result }) => result.guest.fairness.jain.toFixed(3),
    worse: ({ result }) => -result.guest.fairness.jain,
  },
  ...episodes('covered', ({ faults }) => faults.covered),
  ...episodes('uncovered', ({ faults }) => faults.uncovered),
  {
    label: 'retried',
    cell: ({ result: { faults } }) => {
      const { retry } = faults.outcomes;
      return `${formatCount(retry)} (${formatPercent(retry, faults.attempts)})`;
    },
    worse: ({ result: { faults } }) => (faults.attempts === 0 ? 0 : faults.outcomes.retry / faults.attempts),
  },
  {
    label: 'at pre-check 1',
    cell: ({ result: { faults } }) => formatPercent(faults.retries.preCheck1, faults.retries.total),
  },
  count('invalidations', ({ invalidations }) => invalidations.count, false),
  duration('start p50', ({ invalidations }) => invalidations.start.p50Ns),
  duration('start max', ({ invalidations }) => invalidations.start.maxNs),
  duration('readers waited', ({ mmuLock }) => mmuLock.read.wait.totalNs),
  duration('writers waited', ({ mmuLock }) => mmuLock.write.wait.totalNs),
  duration('longest hold', ({ mmuLock }) => Math.max(mmuLock.read.hold.maxNs, mmuLock.write.hold.maxNs)),
  count('yields', ({ yields }) => yields.count, false),
  {
    label: 'useful',
    cell: ({ result: { yields } }) => formatPercent(yields.useful, yields.count),
  },
  count('flushes', ({ flushes }) => flushes.count),
  count('IPIs', ({ flushes }) => flushes.allIpis),
  { label: 'ended', cell: ({ result: { run } }) => run.stopped },
];

/**
 * Runs side by side, the worst of each line marked with `!`. When they do not fit, the table goes on in a
 * second block. Ends with a line break; empty without runs.
 *
 * @internal for tests until a study compares policies
 */
export function renderSimulationComparison(
  columns: readonly SimulationColumn[],
  options: TerminalOptions,
): string {
  if (columns.length === 0) return '';
  return `${sideBySide(columns, LINES, sheetOf(options)).join('\n\n')}\n`;
}
