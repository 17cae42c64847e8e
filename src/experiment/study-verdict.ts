/**
 * The answer of a study in two sentences, from its numbers alone.
 */
import type { ComparisonRow } from '../report/types.js';

/**
 * Which recording shows most wasted faults and which least, and how long the worst one kept a guest waiting.
 */
export function studyVerdict(rows: readonly ComparisonRow[]): string[] {
  const faulting = rows.filter((row) => row.attempts > 0);
  if (faulting.length === 0)
    return ['No recording holds a page fault of a guest, so there is nothing to compare.'];
  const byShare = [...faulting].sort((a, b) => share(b) - share(a));
  const [worst] = byShare;
  const best = byShare[byShare.length - 1];
  const longest = faulting.reduce((a, b) => (b.longestEpisode > a.longestEpisode ? b : a));
  // Recordings differ in length: what counts is the share of the time.
  const waiting = faulting.reduce((a, b) => (waitShare(b) > waitShare(a) ? b : a));
  const lost = `${percent(worst)} of ${count(worst.attempts)} fault attempts came back without a mapping`;
  const first =
    worst === best
      ? `Under ${of(worst)}, ${lost}${perMapped(worst)}.`
      : `Under ${of(worst)}, ${lost}${perMapped(worst)}; under ${of(best)} it was ${percent(best)}.`;
  const second =
    `The longest a vCPU kept faulting on one page was ${count(longest.longestEpisode)} attempts in a row ` +
    `(${longest.name}), and waiting for mmu_lock took most of the time under ${waiting.name}: ` +
    `${count(waiting.lockWaits)} waits of ${milliseconds(waiting.lockWaitTotalNs)} in all ` +
    `within ${milliseconds(waiting.durationNs)}, the longest ${milliseconds(waiting.lockWaitMaxNs)}.`;
  return [first, second];
}

function share(row: ComparisonRow): number {
  return row.retried / row.attempts;
}

/** Time waited per time recorded; above 1 when several waited at once. */
function waitShare(row: ComparisonRow): number {
  return row.durationNs === 0 ? 0 : row.lockWaitTotalNs / row.durationNs;
}

function of(row: ComparisonRow): string {
  return `${row.storm} on ${row.kernel}${row.preempt === '' ? '' : ` (${row.preempt})`}`;
}

function percent(row: ComparisonRow): string {
  return `${(100 * share(row)).toFixed(1)} %`;
}

function perMapped(row: ComparisonRow): string {
  return row.mapped === 0 ? '' : ` (${(row.retried / row.mapped).toFixed(1)} retries for each page mapped)`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function milliseconds(ns: number): string {
  return `${count(Math.round(ns / 1e6))} ms`;
}
