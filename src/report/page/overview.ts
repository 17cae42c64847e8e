/** The strip above the lanes: the whole trace in three lines, and the part on show as a frame to drag. */
import { RETRIED } from '../timeline/packed.js';
import { contextOf } from './dom.js';
import type { Model } from './model.js';
import type { Palette } from './palette.js';

const LINES = [
  { name: 'retried', shows: (style: number) => (style & RETRIED) !== 0, fill: 6 },
  { name: 'waits', shows: (style: number) => (style & 7) === 5, fill: 5 },
  { name: 'invalidations', shows: (style: number) => (style & 7) === 4, fill: 4 },
] as const;

const LINE_HEIGHT = 12;
const OVERVIEW_HEIGHT = LINES.length * LINE_HEIGHT + 6;

/** Slices per pixel of the whole trace, line by line. */
export type OverviewCounts = readonly Float64Array[];

export function countOverview(model: Model, width: number): OverviewCounts {
  const nsPerPixel = (model.end - model.start) / Math.max(1, width);
  const { slices } = model;
  return LINES.map(({ shows }) => {
    // Differences first: a slice of a million pixels costs as much as one of one.
    const counts = new Float64Array(Math.max(1, width) + 1);
    const add = (start: number, end: number, count: number): void => {
      const clamp = (time: number): number =>
        Math.max(0, Math.min(counts.length - 2, Math.floor((time - model.start) / nsPerPixel)));
      counts[clamp(start)] += count;
      counts[clamp(end) + 1] -= count;
    };
    for (let slice = 0; slice < slices.count; slice++) {
      if (shows(slices.style[slice])) add(slices.start[slice], slices.end[slice], 1);
    }
    for (const merged of model.lanes.flatMap(({ density }) => density)) {
      if (shows(merged.style)) merged.start.forEach((time, i) => add(time, time, merged.counts[i]));
    }
    for (let i = 1; i < counts.length; i++) counts[i] += counts[i - 1];
    return counts.subarray(0, -1);
  });
}

export function drawOverview(
  canvas: HTMLCanvasElement,
  options: {
    model: Model;
    counts: OverviewCounts;
    palette: Palette;
    window: { start: number; end: number };
    width: number;
    gutter: number;
    scale: number;
  },
): void {
  const { model, counts, palette, window, width, gutter } = options;
  const context = contextOf(canvas, width, OVERVIEW_HEIGHT, options.scale);
  context.clearRect(0, 0, width, OVERVIEW_HEIGHT);
  context.font = `11px ${palette.font}`;
  context.textBaseline = 'middle';
  LINES.forEach(({ name, fill }, line) => {
    const y = 3 + line * LINE_HEIGHT;
    context.fillStyle = palette.muted;
    context.fillText(name, 2, y + LINE_HEIGHT / 2);
    context.fillStyle = palette.lane;
    context.fillRect(gutter, y, width - gutter, LINE_HEIGHT - 2);
    context.fillStyle = palette.fills[fill];
    const most = counts[line].reduce((a, b) => Math.max(a, b), 1);
    counts[line].forEach((count, pixel) => {
      if (count < 1) return;
      // Even one slice is visible; the rest by its logarithm.
      context.globalAlpha = 0.45 + (0.55 * Math.log1p(count)) / Math.log1p(most);
      context.fillRect(gutter + pixel, y, 1, LINE_HEIGHT - 2);
    });
    context.globalAlpha = 1;
  });
  const perNs = (width - gutter) / (model.end - model.start);
  const from = gutter + (window.start - model.start) * perNs;
  const to = gutter + (window.end - model.start) * perNs;
  context.fillStyle = palette.background;
  context.globalAlpha = 0.4;
  context.fillRect(gutter, 0, from - gutter, OVERVIEW_HEIGHT);
  context.fillRect(to, 0, width - to, OVERVIEW_HEIGHT);
  context.globalAlpha = 1;
  context.strokeStyle = palette.accent;
  context.lineWidth = 2;
  context.strokeRect(from + 1, 1, Math.max(3, to - from - 2), OVERVIEW_HEIGHT - 2);
}
