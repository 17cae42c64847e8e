/** What was measured on real KVM, as terminal and page show it. */
import type { Distribution } from '../explain/types.js';
import { isAbove, type Interval } from './claims.js';
import { formatCount, formatDuration, formatPercent } from './format.js';

/** A storm of an arm, over its runs. */
export interface StormSummary {
  readonly name: string;
  readonly kind: string;
  readonly operationsPerSecond: Interval;
  readonly errors: Interval;
  readonly p50Ns: Interval;
  readonly p99Ns: Interval;
  readonly maxNs: Interval;
}

/** Figures of the guest, over the runs of an arm. Times are of single accesses. */
export interface GuestFigures {
  readonly touchesPerSecond: Interval;
  readonly coveredP50Ns: Interval;
  readonly coveredP99Ns: Interval;
  readonly coveredP999Ns: Interval;
  readonly coveredMaxNs: Interval;
  readonly uncoveredP50Ns: Interval;
  readonly uncoveredP99Ns: Interval;
  readonly uncoveredP999Ns: Interval;
  readonly uncoveredMaxNs: Interval;
  readonly stallNs: Interval;
  readonly jain: Interval;
}

/** One arm: the same scenario under certain settings of the host. */
export interface ArmSummary extends GuestFigures {
  readonly arm: string;
  /** That count. */
  readonly runs: number;
  /** Of those, during which the host was busy with something else. */
  readonly busyRuns: number;
  readonly storms: readonly StormSummary[];
}

export interface MeasurementReport {
  readonly scenario: string;
  readonly description: string;
  /** What was measured where, fact by fact. */
  readonly facts: readonly (readonly [name: string, text: string])[];
  readonly arms: readonly ArmSummary[];
  /** What was left out, what this host does in its own way, what went wrong: one sentence each. */
  readonly notes: readonly string[];
  /** Files, for whoever wants to look further. */
  readonly files: readonly string[];
}

/** A scenario of a study: measured on this host, or why not. */
export type MeasuredScenario =
  | {
      readonly scenario: string;
      readonly report: MeasurementReport;
      /** How long accesses took, all runs that count together. */
      readonly touches: { readonly covered: Distribution; readonly uncovered: Distribution };
    }
  | { readonly scenario: string; readonly notMeasured: string };

/** One line of the table of arms. */
export interface ArmLine {
  readonly label: string;
  readonly means: string;
  readonly of: (arm: ArmSummary) => Interval | undefined;
  readonly unit: 'ns' | 'rate' | 'share' | 'count';
  /** Whether more is worse; undefined: neither. */
  readonly moreIsWorse?: boolean;
}

function times(name: 'covered' | 'uncovered'): ArmLine[] {
  const where = name === 'covered' ? 'in the range of a storm' : 'outside of every range';
  const line = (label: string, key: keyof GuestFigures, means: string): ArmLine => ({
    label: `${name} ${label}`,
    means: `${means} of accesses ${where}`,
    of: (arm) => arm[key],
    unit: 'ns',
    moreIsWorse: true,
  });
  return [
    line('p50', `${name}P50Ns`, 'median'),
    line('p99', `${name}P99Ns`, '99th percentile'),
    line('p99.9', `${name}P999Ns`, '99.9th percentile'),
    line('max', `${name}MaxNs`, 'the longest'),
  ];
}

const GUEST_LINES: readonly ArmLine[] = [
  {
    label: 'touches/s',
    means: 'accesses of all vCPUs per second',
    of: (arm) => arm.touchesPerSecond,
    unit: 'rate',
    moreIsWorse: false,
  },
  {
    label: 'longest stall',
    means: 'the longest access of any vCPU',
    of: (arm) => arm.stallNs,
    unit: 'ns',
    moreIsWorse: true,
  },
  {
    label: 'fairness',
    means: "Jain's index over vCPUs: 1 when all got the same",
    of: (arm) => arm.jain,
    unit: 'share',
    moreIsWorse: false,
  },
  ...times('covered'),
  ...times('uncovered'),
];

function stormLines(arms: readonly ArmSummary[]): ArmLine[] {
  const names = [...new Set(arms.flatMap(({ storms }) => storms.map(({ name }) => name)))];
  return names.flatMap((name) => {
    const storm = (arm: ArmSummary): StormSummary | undefined =>
      arm.storms.find((each) => each.name === name);
    const line = (label: string, key: 'p50Ns' | 'p99Ns' | 'maxNs', means: string): ArmLine => ({
      label: `${name} ${label}`,
      means: `${means} of this storm's operations`,
      of: (arm) => storm(arm)?.[key],
      unit: 'ns',
    });
    return [
      {
        label: `${name}/s`,
        means: 'operations of this storm per second',
        of: (arm: ArmSummary) => storm(arm)?.operationsPerSecond,
        unit: 'rate' as const,
      },
      line('p50', 'p50Ns', 'median'),
      line('p99', 'p99Ns', '99th percentile'),
      line('max', 'maxNs', 'the longest'),
      {
        label: `${name} errors`,
        means: 'operations of this storm that failed',
        of: (arm: ArmSummary) => storm(arm)?.errors,
        unit: 'count' as const,
      },
    ];
  });
}

/** Lines of which at least one arm has something to show. */
export function armLines(arms: readonly ArmSummary[]): ArmLine[] {
  return [...GUEST_LINES, ...stormLines(arms)].filter(({ of }) =>
    arms.some((arm) => of(arm)?.values.some((value) => value !== 0)),
  );
}

/** `1.23 M (1.10–1.31)`: the median and, behind it, least and most. */
export function intervalText(interval: Interval | undefined, unit: ArmLine['unit']): string {
  // Nothing takes no time: there was none.
  if (interval === undefined || (unit === 'ns' && interval.values.every((value) => value === 0))) return '–';
  const { median, values } = interval;
  const text = (value: number): string => valueText(value, unit);
  const [least, most] = [text(Math.min(...values)), text(Math.max(...values))];
  if (values.length < 2 || (least === most && least === text(median))) return text(median);
  // The unit is said once where all three have the same.
  const [, of = ''] = /^\S+( .*)?$/.exec(least) ?? [];
  const short = of !== '' && most.endsWith(of) ? least.slice(0, -of.length) : least;
  const shortMost =
    of !== '' && text(median).endsWith(of) && short !== least ? most.slice(0, -of.length) : most;
  return `${text(median)} (${shortMost === most ? least : short}–${shortMost})`;
}

function valueText(value: number, unit: ArmLine['unit']): string {
  if (unit === 'ns') return formatDuration(Math.round(value));
  if (unit === 'share') return value.toFixed(3);
  if (unit === 'count') return formatCount(value);
  if (value >= 1e6) return `${threeDigits(value / 1e6)} M`;
  if (value >= 1e3) return `${threeDigits(value / 1e3)} k`;
  return value >= 10 ? String(Math.round(value)) : formatCount(value);
}

function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/**
 * What is different between two arms beyond doubt: their intervals, or where those say nothing all of
 * their runs, are apart. One sentence each; one alone when nothing is, or when it cannot be told.
 */
export function armDifferences(arms: readonly ArmSummary[]): string[] {
  if (arms.length !== 2) return [];
  const [a, b] = arms;
  if (a.runs < 2 || b.runs < 2) return ['One run of an arm tells no difference: take --repeat 5.'];
  const found = armLines(arms).flatMap(({ label, of, unit, moreIsWorse }) => {
    const [first, second] = [of(a), of(b)];
    if (moreIsWorse === undefined || first === undefined || second === undefined) return [];
    const more = isAbove(first, second) ? a : isAbove(second, first) ? b : undefined;
    if (more === undefined) return [];
    const [large, small] = more === a ? [first, second] : [second, first];
    const other = more === a ? b : a;
    const factor =
      small.median > 0 && large.median / small.median < 2
        ? formatPercent(large.median - small.median, small.median)
        : `${formatCount(Math.round((10 * large.median) / small.median) / 10)} times`;
    const figures = `${valueText(large.median, unit)} against ${valueText(small.median, unit)}`;
    const by = small.median > 0 ? `, ${factor} ${factor.endsWith('%') ? 'more' : 'as much'}` : '';
    return [`${label} is larger with ${more.arm} than with ${other.arm}: ${figures}${by}.`];
  });
  return found.length > 0 ? found : ['Nothing differs beyond doubt: intervals overlap in every line.'];
}
