/** A statement, what was simulated for it, and what came out: what terminal and page show. */

/** Mean of a figure over seeds, with its 95 % interval (Student's t). */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly median: number;
  /** One for each seed, in their order. */
  readonly values: readonly number[];
}

export type FigureName =
  | 'stallNs'
  | 'coveredP99Ns'
  | 'uncoveredP99Ns'
  | 'uncoveredMaxNs'
  | 'meanStartNs'
  | 'longestStartNs'
  | 'touchesPerSecond'
  | 'yields'
  | 'usefulYields'
  | 'uselessYields'
  | 'flushes'
  | 'preCheck1'
  | 'preCheck2'
  | 'recheck';

/** One situation, several seeds. */
export interface ClaimRow extends Readonly<Record<FigureName, Interval>> {
  readonly label: string;
  /** Seeds whose run ended while their longest stall still went on: stallNs is a lower bound then. */
  readonly cutOff: number;
}

/** The runs of one situation: `16 vCPUs`, `64 vCPUs`. */
export interface ClaimGroup {
  readonly title: string;
  /** What it is about, the most important first: what a narrow terminal shows, and what is drawn. */
  readonly figures: readonly FigureName[];
  readonly rows: readonly ClaimRow[];
}

export interface ClaimReport {
  readonly id: string;
  readonly title: string;
  /** The statement, in our words. */
  readonly says: string;
  /** Where it was made: date and Message-ID. */
  readonly source: string;
  readonly holds: 'yes' | 'no' | 'partly';
  readonly verdict: readonly string[];
  readonly groups: readonly ClaimGroup[];
}

/** Figures of a row, as tables and charts name them. */
export interface ClaimFigure {
  readonly name: FigureName;
  readonly head: string;
  readonly means: string;
  readonly unit: 'ns' | 'count' | 'rate';
}

export const CLAIM_FIGURES: readonly ClaimFigure[] = [
  {
    name: 'stallNs',
    head: 'longest stall',
    means: 'the longest that a vCPU completed no access',
    unit: 'ns',
  },
  {
    name: 'coveredP99Ns',
    head: 'covered p99',
    means: '99th percentile of faults in the range of a storm',
    unit: 'ns',
  },
  {
    name: 'uncoveredP99Ns',
    head: 'uncovered p99',
    means: '99th percentile of faults outside of every range',
    unit: 'ns',
  },
  {
    name: 'uncoveredMaxNs',
    head: 'uncovered max',
    means: 'the longest fault outside of every range',
    unit: 'ns',
  },
  {
    name: 'touchesPerSecond',
    head: 'touches/s',
    means: 'accesses of all vCPUs per second',
    unit: 'rate',
  },
  {
    name: 'meanStartNs',
    head: 'start mean',
    means: 'how long invalidate_range_start kept its caller, mean',
    unit: 'ns',
  },
  {
    name: 'longestStartNs',
    head: 'start max',
    means: 'how long invalidate_range_start kept its caller, longest',
    unit: 'ns',
  },
  {
    name: 'yields',
    head: 'yields',
    means: 'times that a walk let go of mmu_lock because somebody waited',
    unit: 'count',
  },
  {
    name: 'usefulYields',
    head: 'useful',
    means: 'yields after which somebody let in installed a mapping',
    unit: 'count',
  },
  {
    name: 'uselessYields',
    head: 'useless',
    means: 'yields that let somebody in who installed nothing',
    unit: 'count',
  },
  { name: 'flushes', head: 'flushes', means: 'remote TLB flushes', unit: 'count' },
  {
    name: 'preCheck1',
    head: 'retries: 1st check',
    means: 'faults told to come back before their page was looked up',
    unit: 'count',
  },
  {
    name: 'preCheck2',
    head: '2nd check',
    means: 'faults told to come back after that, still without mmu_lock',
    unit: 'count',
  },
  {
    name: 'recheck',
    head: 'under lock',
    means: 'faults told to come back holding mmu_lock',
    unit: 'count',
  },
];

/** The description of a figure. */
export function figureOf(name: FigureName): ClaimFigure {
  return CLAIM_FIGURES.find((figure) => figure.name === name) ?? CLAIM_FIGURES[0];
}

/** Whether none of the runs had anything of this kind, so that there is nothing to show. */
export function isAbsent(name: FigureName, rows: readonly ClaimRow[]): boolean {
  return rows.every((row) => row[name].values.every((value) => value === 0));
}

/**
 * Whether seeds differ so much that the mean says nothing: its interval reaches below nought, where nothing
 * can be. Median and range are said then.
 */
export function isUseless({ low, high, mean }: Interval): boolean {
  return low < 0 && high > mean;
}

/** Whether `a` is larger beyond doubt: intervals apart, or all seeds apart where the mean says nothing. */
export function isAbove(a: Interval, b: Interval): boolean {
  if (isUseless(a) || isUseless(b)) return Math.min(...a.values) > Math.max(...b.values);
  return a.low > b.high;
}
