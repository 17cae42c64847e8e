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
  const waiting = faulting.reduce((a, b) => (b.lockWaitTotalNs > a.lockWaitTotalNs ? b : a));
  const lost = `${percent(worst)} of ${count(worst.attempts)} fault attempts came back without a mapping`;
  const first =
    worst === best
      ? `Under ${of(worst)}, ${lost}${perMapped(worst)}.`
      : `Under ${of(worst)}, ${lost}${perMapped(worst)}; under ${of(best)} it was ${percent(best)}.`;
  const second =
    `The longest a vCPU kept faulting on one page was ${count(longest.longestEpisode)} attempts in a row ` +
    `(${longest.name}), and waiting for mmu_lock cost most under ${waiting.name}: ` +
    `${count(waiting.lockWaits)} waits, ${milliseconds(waiting.lockWaitTotalNs)} in all, ` +
    `${milliseconds(waiting.lockWaitMaxNs)} at worst.`;
  return [first, second];
}

function share(row: ComparisonRow): number {
  return row.retried / row.attempts;
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
