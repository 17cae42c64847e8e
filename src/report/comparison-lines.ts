/** The lines of the comparison: what is compared, in which words. The same in terminal and page. */
import { formatCount, formatDuration, formatPercent } from './format.js';
import type { ComparisonRow } from './types.js';

export interface ComparisonLine<Row = ComparisonRow> {
  readonly label: string;
  readonly cell: (row: Row) => string;
  /** What the line is about, for newcomers. */
  readonly hint?: string;
  /** Figure in which a larger value is worse; used to mark the worst. */
  readonly worse?: (row: Row) => number;
}

export const COMPARISON_LINES: readonly ComparisonLine[] = [
  { label: 'kernel', cell: (row) => row.kernel },
  { label: 'preemption', cell: (row) => row.preempt },
  { label: 'storm', cell: (row) => row.storm, hint: 'what invalidated guest memory' },
  { label: 'duration', cell: (row) => formatDuration(row.durationNs) },
  { label: 'events', cell: (row) => formatCount(row.events) },
  { label: 'lost', cell: (row) => formatCount(row.lostEvents), worse: (row) => row.lostEvents },
  { label: 'fault attempts', cell: (row) => formatCount(row.attempts) },
  {
    label: 'retried',
    cell: (row) => `${formatCount(row.retried)} (${formatPercent(row.retried, row.attempts)})`,
    hint: 'attempts that mapped nothing; the guest had to fault again',
    worse: (row) => (row.attempts === 0 ? 0 : row.retried / row.attempts),
  },
  {
    label: 'retries/mapped',
    cell: (row) => (row.mapped === 0 ? '-' : formatCount(row.retried / row.mapped)),
    hint: 'wasted attempts for each page that was mapped',
    worse: retriesPerMapped,
  },
  {
    label: 'longest episode',
    cell: (row) => `${formatCount(row.longestEpisode)} attempts`,
    hint: 'most faults in a row of one vCPU on one page',
    worse: (row) => row.longestEpisode,
  },
  {
    label: 'with retries',
    cell: (row) => perSecond(row.episodesWithRetry, row),
    hint: 'episodes of more than one attempt',
    worse: (row) => rateOf(row.episodesWithRetry, row),
  },
  {
    label: 'longest stall',
    cell: (row) => formatDuration(row.longestStallNs),
    hint: 'longest time in one episode with retries',
    worse: (row) => row.longestStallNs,
  },
  { label: 'invalidations', cell: (row) => perSecond(row.invalidations, row) },
  {
    label: 'mmu_lock waits',
    cell: (row) => perSecond(row.lockWaits, row),
    worse: (row) => rateOf(row.lockWaits, row),
  },
  {
    label: 'waited, all',
    cell: (row) =>
      `${formatDuration(row.lockWaitTotalNs)} (${formatDuration(rateOf(row.lockWaitTotalNs, row))}/s)`,
    hint: 'time in mmu_lock waits, all tasks added up; in brackets for each second of the recording',
    worse: (row) => rateOf(row.lockWaitTotalNs, row),
  },
  {
    label: 'waited, longest',
    cell: (row) => formatDuration(row.lockWaitMaxNs),
    worse: (row) => row.lockWaitMaxNs,
  },
];

/** Recordings differ in length: what piles up with time is compared by the second. */
function rateOf(value: number, { durationNs }: ComparisonRow): number {
  return durationNs === 0 ? 0 : value / (durationNs / 1e9);
}

function perSecond(value: number, row: ComparisonRow): string {
  return `${formatCount(value)} (${formatCount(Math.round(rateOf(value, row)))}/s)`;
}

/** 0 when nothing was mapped. */
export function retriesPerMapped(row: ComparisonRow): number {
  return row.mapped === 0 ? 0 : row.retried / row.mapped;
}

/** Whether the row is the worst in this line; never when all are equal. */
export function isWorst<Row>(line: ComparisonLine<Row>, row: Row, rows: readonly Row[]): boolean {
  const { worse } = line;
  if (worse === undefined || rows.length < 2) return false;
  const values = rows.map(worse);
  return worse(row) === Math.max(...values) && Math.min(...values) < Math.max(...values);
}
