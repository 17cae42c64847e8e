/** A figure over seeds as a cell: value and spread in one unit. */
import { formatCount } from './format.js';
import { isUseless, type ClaimFigure, type ClaimRow, type FigureName, type Interval } from './claims.js';

export interface ClaimCell {
  /** The mean; the median where it says more. */
  readonly value: string;
  /** `±0.85`, or the range of the seeds behind a median: `(8–15)`; empty when all are the same. */
  readonly spread: string;
  /** With the space before it: ` ms`; empty for counts. */
  readonly unit: string;
}

const NS = [
  [1e9, ' s'],
  [1e6, ' ms'],
  [1e3, ' µs'],
  [1, ' ns'],
] as const;
const RATE = [
  [1e6, ' M'],
  [1e3, ' k'],
  [1, ''],
] as const;
const COUNT = [[1, '']] as const;
const SCALES = { ns: NS, rate: RATE, count: COUNT };

/**
 * Whether the figure is a lower bound, because the longest stall was cut off: who stalls on the pages of an
 * invalidation waits for its start, which nothing has counted yet.
 */
function isCut(name: FigureName, { cutOff, coveredP99Ns }: ClaimRow): boolean {
  if (cutOff === 0) return false;
  if (name === 'coveredP99Ns' || name === 'longestStartNs') return coveredP99Ns.mean > 0;
  return name === 'stallNs' || name === 'uncoveredMaxNs';
}

export function claimCell({ name, unit }: ClaimFigure, row: ClaimRow): ClaimCell {
  const figure: Interval = row[name];
  const { values } = figure;
  // No such fault, no such invalidation.
  if (unit === 'ns' && values.every((each) => each === 0)) return { value: '–', spread: '', unit: '' };
  const middle = isUseless(figure) ? figure.median : figure.mean;
  const scales: readonly (readonly [number, string])[] = SCALES[unit];
  const [divisor, suffix] = scales.find(([each]) => middle >= each * 0.9995) ?? scales[scales.length - 1];
  const scaled = middle / divisor;
  const digits = unit === 'count' || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  const text = (value: number): string => {
    const fixed = (value / divisor).toFixed(digits);
    return digits === 0 ? formatCount(Number(fixed)) : fixed;
  };
  const value = (isCut(name, row) ? '≥' : '') + text(middle);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least === most) return { value, spread: '', unit: suffix };
  const spread = isUseless(figure) ? `(${text(least)}–${text(most)})` : `±${text(figure.high - figure.mean)}`;
  return { value, spread, unit: suffix };
}
