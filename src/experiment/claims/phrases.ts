/** Figures in sentences: the mean, or the median where seeds differ too much for one. */
import { isUseless, type ClaimRow, type Interval } from '../../report/claims.js';
import { formatCount, formatDuration, formatPercent } from '../../report/format.js';

function typical(figure: Interval): number {
  return isUseless(figure) ? figure.median : figure.mean;
}

export function time(figure: Interval): string {
  return formatDuration(typical(figure));
}

/** The longest stall; `over 15.1 ms` where the end of the run cut it off. */
export function stall({ stallNs, cutOff }: ClaimRow): string {
  return (cutOff > 0 ? 'over ' : '') + time(stallNs);
}

/** Three digits are enough: `6,240,000`, `13`. */
export function count(figure: Interval): string {
  return formatCount(Math.round(Number(typical(figure).toPrecision(3))));
}

/** By how much the longest stall differs: `16 times`, `over 16 times` where the end of the run cut it off. */
export function factor(a: ClaimRow, b: ClaimRow): string {
  const value = typical(a.stallNs) / typical(b.stallNs);
  if (!Number.isFinite(value)) return 'out of all proportion';
  return `${a.cutOff > 0 ? 'over ' : ''}${value.toFixed(value < 10 ? 1 : 0)} times`;
}

/** `87 % of yields are useful`, over all seeds. */
export function usefulShare(useful: Interval, yields: Interval): string {
  if (yields.mean === 0) return 'nothing yields';
  return `${formatPercent(useful.mean, yields.mean)} of yields are useful`;
}

/** `13 % fewer`. */
export function change(from: Interval, to: Interval): string {
  const percent = Math.round((100 * (to.mean - from.mean)) / from.mean);
  return percent === 0 ? 'as many' : `${Math.abs(percent)} % ${percent < 0 ? 'fewer' : 'more'}`;
}
