/**
 * Where lanes and rows lie on the canvas, in CSS pixels; and what lies under a point. Numbers only, no
 * document.
 */
import { firstReaching, type Model } from './model.js';

export const ROW_HEIGHT = 18;
const LANE_GAP = 7;
/** Before the first lane of each kind, for its title. */
const GROUP_HEIGHT = 20;
/** Height of the time axis above the lanes. */
export const AXIS_HEIGHT = 24;

export interface LaneBox {
  /** Index of the lane. */
  readonly lane: number;
  /** From the top of the first lane. */
  readonly top: number;
  readonly height: number;
  /** Title of the group that begins with this lane. */
  readonly group?: string;
}

export interface Layout {
  readonly boxes: readonly LaneBox[];
  readonly height: number;
  /** Of the column of names. */
  readonly gutter: number;
}

const GROUPS = { vcpu: 'vCPUs', invalidator: 'Who changes memory', lock: 'Locks', other: 'Other' } as const;

export function layoutOf({ lanes }: Model, width: number): Layout {
  let top = 0;
  let kind = '';
  const boxes = lanes.map((lane, i): LaneBox => {
    const begins = lane.indent === 0 && lane.track.kind !== kind;
    if (begins) {
      kind = lane.track.kind;
      top += GROUP_HEIGHT;
    }
    const height = lane.rows.length * ROW_HEIGHT;
    const box = { lane: i, top, height, ...(begins ? { group: GROUPS[lane.track.kind] } : {}) };
    top += height + LANE_GAP;
    return box;
  });
  return { boxes, height: top, gutter: Math.round(Math.min(220, Math.max(96, width * 0.19))) };
}

/** How times map to pixels of the lanes' part of the canvas. */
export interface Scale {
  readonly start: number;
  readonly nsPerPixel: number;
  /** Pixel of `start`. */
  readonly left: number;
  readonly right: number;
}

export function scaleOf(window: { start: number; end: number }, left: number, right: number): Scale {
  return {
    start: window.start,
    nsPerPixel: (window.end - window.start) / Math.max(1, right - left),
    left,
    right,
  };
}

export function pixelOf(scale: Scale, time: number): number {
  return scale.left + (time - scale.start) / scale.nsPerPixel;
}

export function timeAt(scale: Scale, pixel: number): number {
  return scale.start + (pixel - scale.left) * scale.nsPerPixel;
}

/** Lane and row under a height from the top of the first lane. */
function rowAt(layout: Layout, y: number): { lane: number; row: number } | undefined {
  const box = layout.boxes.find(({ top, height }) => y >= top && y < top + height);
  return box && { lane: box.lane, row: Math.floor((y - box.top) / ROW_HEIGHT) };
}

/**
 * The slice under a point, within two pixels, so that a slice narrower than a pixel can be hit. Of several
 * the nearest counts, then the longest.
 */
export function sliceAt(
  model: Model,
  layout: Layout,
  scale: Scale,
  x: number,
  y: number,
): number | undefined {
  const place = rowAt(layout, y);
  const row = place && model.lanes[place.lane].rows[place.row];
  if (row === undefined || x < scale.left) return undefined;
  const { start, end } = model.slices;
  const time = timeAt(scale, x);
  const reach = 2 * scale.nsPerPixel;
  let best: number | undefined;
  let bestDistance = Infinity;
  for (let i = firstReaching(row, time - reach); i < row.slices.length; i++) {
    const slice = row.slices[i];
    if (start[slice] > time + reach) break;
    const distance = Math.max(start[slice] - time, time - end[slice], 0);
    const longer = best !== undefined && end[slice] - start[slice] > end[best] - start[best];
    if (distance < bestDistance || (distance === bestDistance && longer))
      [best, bestDistance] = [slice, distance];
  }
  return best !== undefined && bestDistance <= reach ? best : undefined;
}

/** Merged slices under a point, by style. */
export function mergedAt(
  model: Model,
  layout: Layout,
  scale: Scale,
  x: number,
  y: number,
): { style: number; count: number }[] {
  const place = rowAt(layout, y);
  if (place === undefined || x < scale.left) return [];
  const time = timeAt(scale, x);
  return model.lanes[place.lane].density.flatMap(({ style, start, counts }) => {
    const count = counts.reduce(
      (sum, each, i) =>
        sum + (time >= start[i] - scale.nsPerPixel && time < start[i] + model.bucketNs ? each : 0),
      0,
    );
    return count > 0 ? [{ style, count }] : [];
  });
}
