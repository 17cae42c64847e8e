/**
 * Histograms of durations as SVG: logarithmic axis, median and tail marked. Vectors print well and need no
 * script.
 */
import type { Distribution } from '../../explain/types.js';
import { formatCount, formatDuration, formatTick } from '../format.js';
import { html, type Markup } from './markup.js';

const WIDTH = 420;
const HEIGHT = 150;
const BOTTOM = 24;
const TOP = 26;

const NONE = html`<p class="muted empty">None in this recording.</p>`;

type Bars = readonly { readonly from: number; readonly to: number; readonly count: number }[];

/** @param what one line on what was measured */
export function histogram(title: string, what: string, distribution: Distribution): Markup {
  const { count, p50Ns, p90Ns, p99Ns, maxNs, totalNs } = distribution;
  const bars = barsOf(distribution);
  const figures: readonly (readonly [name: string, value: string])[] = [
    ['count', formatCount(count)],
    ['p50', formatDuration(p50Ns)],
    ['p90', formatDuration(p90Ns)],
    ['p99', formatDuration(p99Ns)],
    ['max', formatDuration(maxNs)],
    ['total', formatDuration(totalNs)],
  ];
  return html`<figure class="histogram">
    <figcaption><b>${title}</b> <span class="muted what">${what}</span></figcaption>
    ${bars.length === 0 ? NONE : drawing(title, distribution, bars)}
    ${
      count > 0 &&
      html`<dl class="facts small">
        ${figures.map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>`
    }
  </figure>`;
}

/** Buckets between the first and the last that hold something. */
function barsOf({ histogram: { upToNs, counts } }: Distribution): Bars {
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  if (first < 0) return [];
  const bars: { from: number; to: number; count: number }[] = [];
  for (let i = first; i <= last; i++) {
    const to = Math.max(1, upToNs[i]);
    // The first bucket reaches down to 0, which a logarithmic axis has not.
    const from = i > 0 ? Math.max(1, upToNs[i - 1]) : Math.max(1, to / ratioOf(upToNs));
    bars.push({ from, to, count: counts[i] });
  }
  return bars;
}

function ratioOf(upToNs: readonly number[]): number {
  return upToNs.length > 1 ? Math.max(1.1, upToNs[1] / Math.max(1, upToNs[0])) : 2;
}

function drawing(title: string, { p50Ns, p99Ns, maxNs }: Distribution, bars: Bars): Markup {
  const low = Math.log10(bars[0].from);
  const high = Math.max(low + 0.3, Math.log10(bars[bars.length - 1].to));
  const x = (ns: number): number => ((Math.log10(Math.max(ns, 1)) - low) / (high - low)) * WIDTH;
  const most = bars.reduce((a, { count }) => Math.max(a, count), 1);
  const room = HEIGHT - BOTTOM - TOP;
  const rects = bars.map(({ from, to, count }) => {
    if (count === 0) return undefined;
    // A single outlier among a hundred thousand still gets its two pixels.
    const height = Math.max(2, (count / most) * room);
    const left = x(from);
    const width = Math.max(1, x(to) - left - 0.6);
    const text = `${formatTick(from)} to ${formatTick(to)}: ${formatCount(count)}`;
    return html`<rect
      class="column"
      x="${round(left)}"
      y="${round(HEIGHT - BOTTOM - height)}"
      width="${round(width)}"
      height="${round(height)}"
      ><title>${text}</title></rect
    >`;
  });
  const [median, tail, longest] = [p50Ns, p99Ns, maxNs].map(formatDuration);
  const label = `${title}: median ${median}, 99th percentile ${tail}, longest ${longest}`;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">
    <line class="base" x1="0" x2="${WIDTH}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}" />
    ${decades(low, high).map((ns) => tick(ns, x(ns)))} ${rects} ${marker('p50', x(p50Ns), 20)}
    ${marker('p99', x(p99Ns), 9)}
    <text class="scale" x="${WIDTH}" y="${TOP + 10}" text-anchor="end">${formatCount(most)}</text>
  </svg>`;
}

function tick(ns: number, x: number): Markup {
  const anchor = x < 20 ? 'start' : x > WIDTH - 20 ? 'end' : 'middle';
  return html`<line class="grid" x1="${round(x)}" x2="${round(x)}" y1="${TOP}" y2="${HEIGHT - BOTTOM + 4}" />
    <text class="scale" x="${round(x)}" y="${HEIGHT - 7}" text-anchor="${anchor}">${formatTick(ns)}</text>`;
}

function marker(name: string, x: number, y: number): Markup {
  const right = x < WIDTH - 40;
  return html`<line class="marker" x1="${round(x)}" x2="${round(x)}" y1="${y - 6}" y2="${HEIGHT - BOTTOM}" />
    <text
      class="marker"
      x="${round(x + (right ? 4 : -4))}"
      y="${y + 2}"
      text-anchor="${right ? 'start' : 'end'}"
      >${name}</text
    >`;
}

/** Powers of ten within the axis, every second one when there are many. */
function decades(low: number, high: number): number[] {
  const step = high - low > 6 ? 2 : 1;
  const ticks: number[] = [];
  for (let power = Math.ceil(low); power <= high; power += step) ticks.push(10 ** power);
  if (ticks.length > 1) return ticks;
  // Less than a decade: round fractions of it.
  const power = 10 ** Math.floor(low);
  return [1, 2, 5, 10, 20, 50]
    .map((each) => each * power)
    .filter((ns) => ns >= 10 ** low && ns <= 10 ** high);
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
