/** The timeline's furniture, its data, and its twin as a table for those who cannot see it. */
import type { Timeline, TimelineSlice } from '../../trace/timeline.js';
import { compress } from '../assets.js';
import { formatCount, formatDuration, formatTime } from '../format.js';
import { CATEGORIES, INFERRED, RETRIED, styleOf, type PackedTimeline } from '../timeline/packed.js';
import { packTimeline } from '../timeline/pack.js';
import type { ReportInput } from '../types.js';
import { jumpButton } from './jump.js';
import { html, trusted, type Markup } from './markup.js';
import { htmlTable } from './table.js';

const LEGEND: readonly (readonly [swatch: string, words: string])[] = [
  ['fault', 'fault episode'],
  ['retried', 'with retries'],
  ['wait', 'waits for a lock'],
  ['invalidation', 'invalidation'],
  ['hold', 'holds the lock'],
  ['flush', 'flush'],
  ['other', 'other'],
  ['inferred', 'inferred, not recorded'],
];

export function timelineSection({ explanation: { trace }, timeline }: ReportInput): Markup {
  const packed = packTimeline(timeline, trace);
  return html`<div class="timeline">
      <div class="tl-bar">
        <div class="buttons" role="toolbar" aria-label="Timeline">
          <button type="button" data-act="left" aria-label="earlier">←</button>
          <button type="button" data-act="right" aria-label="later">→</button>
          <button type="button" data-act="in" aria-label="zoom in">+</button>
          <button type="button" data-act="out" aria-label="zoom out">−</button>
          <button type="button" data-act="fit">Fit</button>
          <button type="button" data-help="">Keys</button>
        </div>
        <ul class="legend" aria-label="Legend">
          ${legendOf(packed).map(legendItem)}
        </ul>
        <output class="tl-range"></output>
      </div>
      <canvas class="tl-overview" aria-hidden="true"></canvas>
      <div
        class="tl-scroll"
        tabindex="0"
        role="application"
        aria-label="Timeline: letters W, A, S, D and F move and zoom; the table below says the same in words"
      >
        <canvas class="tl-lanes" aria-hidden="true"></canvas>
        <div class="tl-spacer"></div>
        <noscript>The timeline needs JavaScript. The tables below say the same.</noscript>
      </div>
      ${notice(timeline, packed)}
      <div class="tl-selection" aria-live="polite"></div>
      <script type="application/octet-stream" class="tl-data">
        ${trusted(compress(JSON.stringify(packed)))}
      </script>
    </div>
    ${twin(timeline)}`;
}

const legendItem = ([swatch, words]: (typeof LEGEND)[number]): Markup =>
  html`<li><i class="swatch ${swatch}"></i>${words}</li>`;

/** Only what this recording has. */
function legendOf({ style, density }: PackedTimeline): (typeof LEGEND)[number][] {
  const styles = new Set([...style, ...density.map((each) => each.style)]);
  const seen = new Set<string>();
  for (const each of styles) {
    seen.add(each & RETRIED ? 'retried' : CATEGORIES[each & 7]);
    if (each & INFERRED) seen.add('inferred');
  }
  return LEGEND.filter(([swatch]) => seen.has(swatch));
}

/** What is not drawn singly, in the open. */
function notice(timeline: Timeline & { dropped?: number }, packed: PackedTimeline): Markup | undefined {
  const merged = packed.total - packed.startDelta.length;
  const dropped = timeline.dropped ?? 0;
  if (merged === 0 && dropped === 0) return undefined;
  return html`<p class="notice" role="note">
    ${
      merged > 0 &&
      `${formatCount(merged)} of ${formatCount(packed.total)} slices, all shorter than ` +
        `${formatDuration(packed.mergedBelowNs)}, are merged into paler shading. `
    }${
      dropped > 0 &&
      `${formatCount(dropped)} short and uneventful slices of the trace are not in the drawing. `
    }All
    figures count them.
  </p>`;
}

const TWIN_ROWS = 40;

/** The most telling slices in words: those with retries first, then the longest. */
function twin({ slices, tracks }: Timeline): Markup {
  const names = new Map(tracks.map(({ id, name, tid }) => [id, { name, tid }]));
  const weight = (slice: TimelineSlice): number =>
    slice.end - slice.start + (styleOf(slice) & RETRIED ? 1e15 : 0);
  const rows = mostOf(slices, weight, TWIN_ROWS);
  return html`<details class="twin">
    <summary>The timeline as a table: its ${rows.length} most telling slices</summary>
    ${htmlTable('Slices', rows, [
      {
        head: '',
        cell: ({ start, end, track }) => {
          const tid = names.get(track)?.tid;
          return jumpButton('show', { start, end, ...(tid === undefined ? {} : { tid }) });
        },
      },
      { head: 'on', cell: ({ track }) => names.get(track)?.name },
      { head: 'slice', cell: ({ name }) => name },
      {
        head: 'kind',
        cell: (slice) =>
          slice.category +
          (styleOf(slice) & RETRIED ? ', retried' : '') +
          (slice.inferred === true ? ', inferred' : ''),
      },
      { head: 'from', number: true, cell: ({ start }) => formatTime(start) },
      { head: 'took', number: true, cell: ({ start, end }) => formatDuration(end - start) },
    ])}
  </details>`;
}

function mostOf(
  slices: readonly TimelineSlice[],
  weight: (slice: TimelineSlice) => number,
  most: number,
): TimelineSlice[] {
  const weights = Float64Array.from(slices, weight).sort();
  const least = weights[Math.max(0, weights.length - most)] ?? 0;
  return slices
    .filter((slice) => weight(slice) >= least)
    .toSorted((a, b) => weight(b) - weight(a))
    .slice(0, most);
}
