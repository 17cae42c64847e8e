/** Distributions: how long faults, stalls and lock waits took, and how many attempts episodes needed. */
import type { Distribution, FaultSummary } from '../../explain/types.js';
import type { Timeline } from '../../trace/timeline.js';
import { formatCount } from '../format.js';
import type { ReportInput } from '../types.js';
import { histogram, round } from './histogram.js';
import { html, type Markup } from './markup.js';

export function figures({ explanation: { fault }, timeline }: ReportInput): Markup {
  return html`<div class="figures">
    ${histogram('Fault latency', 'fault to guest entry, every attempt', fault.latency)}
    ${histogram('Map latency', 'fault to new mapping, of those that mapped', fault.mapLatency)}
    ${histogram('Stalls', 'first fault to last entry, episodes with retries', fault.stallLatency)}
    ${histogram('Waits for mmu_lock', 'those of the timeline', lockWaits(timeline))} ${lengths(fault)}
  </div>`;
}

/** Four buckets for each doubling: the waits have no distribution of their own in the explanation. */
const PER_DOUBLING = 4;

/** Durations of the waits that the timeline draws. */
function lockWaits({ slices }: Timeline): Distribution {
  const durations = slices.filter(({ category }) => category === 'wait').map(({ start, end }) => end - start);
  const sorted = Float64Array.from(durations).sort();
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  const totalNs = sorted.reduce((sum, each) => sum + each, 0);
  const bucketOf = (ns: number): number => Math.floor(Math.log2(Math.max(1, ns)) * PER_DOUBLING);
  const counts = Array.from({ length: sorted.length === 0 ? 0 : bucketOf(at(1)) + 1 }, () => 0);
  for (const ns of sorted) counts[bucketOf(ns)]++;
  return {
    count: sorted.length,
    totalNs,
    meanNs: sorted.length === 0 ? 0 : totalNs / sorted.length,
    p50Ns: at(0.5),
    p90Ns: at(0.9),
    p99Ns: at(0.99),
    maxNs: at(1),
    histogram: { upToNs: counts.map((_, i) => 2 ** ((i + 1) / PER_DOUBLING)), counts },
  };
}

const WIDTH = 420;
const ROW = 19;
const LABEL = 96;

/**
 * Episodes by attempts: bars on a logarithmic axis, since one of a thousand attempts matters among a million
 * of one.
 */
function lengths({ episodeLengths: { upTo, counts }, episodes }: FaultSummary): Markup {
  const last = counts.findLastIndex((count) => count > 0);
  const rows = counts.slice(0, last + 1).map((count, i) => {
    const from = i === 0 ? 1 : upTo[i - 1] + 1;
    const label = from >= upTo[i] ? formatCount(from) : `${formatCount(from)} to ${formatCount(upTo[i])}`;
    return { label, count };
  });
  const most = Math.log10(1 + Math.max(1, ...counts));
  const height = rows.length * ROW + 4;
  const room = WIDTH - LABEL - 70;
  return html`<figure class="histogram">
    <figcaption>
      <b>Attempts per episode</b> <span class="muted what">episodes by length; logarithmic bars</span>
    </figcaption>
    ${
      rows.length === 0
        ? html`<p class="muted empty">No episodes in this recording.</p>`
        : html`<svg
            viewBox="0 0 ${WIDTH} ${height}"
            role="img"
            aria-label="${formatCount(episodes)} episodes by attempts"
          >
            ${rows.map(({ label, count }, i) => {
              const width = (Math.log10(1 + count) / most) * room;
              const y = i * ROW + 2;
              return html`<text class="scale" x="${LABEL - 6}" y="${y + 13}" text-anchor="end">${label}</text>
                <rect
                  class="${i === 0 ? 'column' : 'column bad'}"
                  x="${LABEL}"
                  y="${y + 2}"
                  width="${round(width)}"
                  height="${ROW - 5}"
                />
                <text class="scale" x="${round(LABEL + width + 5)}" y="${y + 13}"
                  >${formatCount(count)}</text
                >`;
            })}
          </svg>`
    }
  </figure>`;
}
