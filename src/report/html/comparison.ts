/** Recordings side by side: a table with the worst of each line marked, and small charts. */
import type { LockSummary } from '../../explain/types-lock.js';
import { COMPARISON_LINES, isWorst, retriesPerMapped, type ComparisonLine } from '../comparison-lines.js';
import { formatCount, formatDuration } from '../format.js';
import type { ComparisonRow, StudyRecording } from '../types.js';
import { round } from './histogram.js';
import { html, type Markup } from './markup.js';

/** One column per recording. */
export function comparisonTable(rows: readonly ComparisonRow[]): Markup {
  return html`<div class="wide" role="region" aria-label="Comparison" tabindex="0">
    <table class="comparison">
      <thead>
        <tr>
          <th><span class="muted">▲ worst</span></th>
          ${rows.map(({ name }) => html`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${COMPARISON_LINES.map(
          (line) =>
            html`<tr>
              <th scope="row" ${line.hint !== undefined && html` title="${line.hint}"`}>${line.label}</th>
              ${rows.map((row) => cell(line, row, rows))}
            </tr>`,
        )}
        <tr>
          <th scope="row">verdict</th>
          ${rows.map(({ verdict }) => html`<td class="sentence">${verdict}</td>`)}
        </tr>
      </tbody>
    </table>
  </div>`;
}

function cell(line: ComparisonLine, row: ComparisonRow, rows: readonly ComparisonRow[]): Markup {
  return html`<td class="${isWorst(line, row, rows) ? 'worst' : 'words'}">${line.cell(row)}</td>`;
}

const WIDTH = 420;
const ROW = 40;

/** A bar per recording, each with its own name and value: no colour code to learn. */
export function comparisonCharts(
  rows: readonly ComparisonRow[],
  recordings: readonly StudyRecording[],
): Markup {
  return html`<div class="figures pairs">
    ${bars(
      'Retries per mapped fault',
      'wasted attempts for each page mapped',
      rows,
      retriesPerMapped,
      (value) => formatCount(Math.round(value * 1000) / 1000),
    )}
    ${bars('Longest episode', 'faults in a row on one page', rows, (row) => row.longestEpisode, formatCount)}
    ${bars('Longest stall', 'one vCPU, one page', rows, (row) => row.longestStallNs, formatDuration)}
    ${waitSpans(recordings)}
  </div>`;
}

function bars(
  title: string,
  what: string,
  rows: readonly ComparisonRow[],
  valueOf: (row: ComparisonRow) => number,
  format: (value: number) => string,
): Markup {
  const most = Math.max(...rows.map(valueOf), Number.MIN_VALUE);
  return html`<figure class="histogram">
    <figcaption><b>${title}</b> <span class="muted what">${what}</span></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${rows.length * ROW}" role="img" aria-label="${title}">
      ${rows.map((row, i) => {
        const value = valueOf(row);
        const width = value > 0 ? Math.max(2, (value / most) * (WIDTH - 80)) : 0;
        return html`<text class="name" x="0" y="${i * ROW + 13}">${row.name}</text>
          <rect class="column" x="0" y="${i * ROW + 18}" width="${round(width)}" height="13" />
          <text class="scale" x="${round(width + 6)}" y="${i * ROW + 29}">${format(value)}</text>`;
      })}
    </svg>
  </figure>`;
}

/** Median, 99th percentile and longest wait for the most contended mmu_lock, on one logarithmic axis. */
function waitSpans(recordings: readonly StudyRecording[]): Markup {
  const locks = recordings.map(({ name, explanation }) => ({
    name,
    lock: explanation.locks.find(({ mmuLock }) => mmuLock.likely),
  }));
  const seen = locks.flatMap(({ lock }) => (lock === undefined ? [] : [lock]));
  const low = Math.log10(Math.max(1, Math.min(...seen.map(({ p50Ns }) => p50Ns), 1e12)) / 2);
  const high = Math.log10(Math.max(10, ...seen.map(({ maxNs }) => maxNs)));
  const x = (ns: number): number =>
    ((Math.log10(Math.max(1, ns)) - low) / Math.max(0.5, high - low)) * (WIDTH - 12);
  return html`<figure class="histogram">
    <figcaption>
      <b>Waits for mmu_lock</b>
      <span class="muted what">median ●, 99th percentile ▐, longest |; logarithmic</span>
    </figcaption>
    <svg viewBox="0 0 ${WIDTH} ${locks.length * ROW}" role="img" aria-label="Waits for mmu_lock">
      ${locks.map(({ name, lock }, i) => waitSpan(name, lock, i * ROW, x))}
    </svg>
  </figure>`;
}

function waitSpan(name: string, lock: LockSummary | undefined, y: number, x: (ns: number) => number): Markup {
  const title = html`<text class="name" x="0" y="${y + 13}">${name}</text>`;
  if (lock === undefined) return html`${title}<text class="scale" x="0" y="${y + 29}">no wait seen</text>`;
  const [p50, p99, max] = [lock.p50Ns, lock.p99Ns, lock.maxNs].map(x);
  const [median, tail, longest] = [lock.p50Ns, lock.p99Ns, lock.maxNs].map(formatDuration);
  const words = `p50 ${median} · p99 ${tail} · max ${longest}`;
  return html`${title}<text class="scale" x="${WIDTH}" y="${y + 13}" text-anchor="end">${words}</text>
    <line class="end" x1="${round(p99)}" x2="${round(max)}" y1="${y + 25}" y2="${y + 25}" />
    <line class="end" x1="${round(max)}" x2="${round(max)}" y1="${y + 20}" y2="${y + 30}" />
    <line class="span" x1="${round(p50)}" x2="${round(p99)}" y1="${y + 25}" y2="${y + 25}" />
    <circle class="point" cx="${round(p50)}" cy="${y + 25}" r="4" />`;
}
