/** A statement, what was simulated for it, and what came out: what terminal and page show. */

/** Mean of a figure over seeds, with its 95 % interval (Student's t). */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Seeds. */
  readonly count: number;
}

export interface ClaimRow {
  readonly label: string;
  /** Longest time in which a vCPU completed no access. */
  readonly stallNs: Interval;
  /** 99th percentile of faults on pages in the range of a storm, and of all others. */
  readonly coveredP99Ns: Interval;
  readonly uncoveredP99Ns: Interval;
  /** Accesses of all guests per second. */
  readonly touchesPerSecond: Interval;
  /** How long the longest invalidate_range_start kept its caller. */
  readonly longestStartNs: Interval;
  readonly yields: Interval;
  /** Of those, the ones after which somebody let in installed a mapping. */
  readonly usefulYields: Interval;
  readonly flushes: Interval;
  readonly retries: Interval;
}

export interface ClaimReport {
  readonly id: string;
  readonly title: string;
  /** The statement, in our words, and where it was made. */
  readonly says: string;
  readonly holds: 'yes' | 'no' | 'partly';
  readonly verdict: readonly string[];
  /** The runs by situation: `16 vCPUs`, `64 vCPUs`. */
  readonly groups: readonly { readonly title: string; readonly rows: readonly ClaimRow[] }[];
}

/** Figures of a row, as tables and charts have them. */
export interface ClaimFigure {
  readonly head: string;
  readonly unit: 'ns' | 'count' | 'rate';
  readonly of: (row: ClaimRow) => Interval;
}

export const CLAIM_FIGURES: readonly ClaimFigure[] = [
  { head: 'longest stall', unit: 'ns', of: (row) => row.stallNs },
  { head: 'covered p99', unit: 'ns', of: (row) => row.coveredP99Ns },
  { head: 'uncovered p99', unit: 'ns', of: (row) => row.uncoveredP99Ns },
  { head: 'longest start', unit: 'ns', of: (row) => row.longestStartNs },
  { head: 'touches/s', unit: 'rate', of: (row) => row.touchesPerSecond },
  { head: 'yields', unit: 'count', of: (row) => row.yields },
  { head: 'useful', unit: 'count', of: (row) => row.usefulYields },
  { head: 'flushes', unit: 'count', of: (row) => row.flushes },
  { head: 'retries', unit: 'count', of: (row) => row.retries },
];
