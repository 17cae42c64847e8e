/** Paints what surrounds the slices: axis, names, highlighted range, selection, arrows. */
import { AXIS_HEIGHT, ROW_HEIGHT, pixelOf, type Layout, type Scale } from './layout.js';
import type { Brush } from './draw-lanes.js';
import type { Flow, Model } from './model.js';
import { axisLabel, axisSteps } from './time-window.js';

/** Lines go behind the slices: paint them after the lanes' background and before the slices. */
export function drawAxis({ context, palette }: Brush, model: Model, scale: Scale, height: number): void {
  const end = scale.start + (scale.right - scale.left) * scale.nsPerPixel;
  const { times, step } = axisSteps(scale.start, end, (scale.right - scale.left) / 110);
  context.font = `11px ${palette.font}`;
  context.textBaseline = 'middle';
  for (const time of times) {
    const x = Math.round(pixelOf(scale, time)) + 0.5;
    context.strokeStyle = palette.line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x, AXIS_HEIGHT - 6);
    context.lineTo(x, height);
    context.stroke();
    const label = axisLabel(time, step, model.end - model.start);
    context.fillStyle = palette.muted;
    if (x + context.measureText(label).width + 4 < scale.right)
      context.fillText(label, x + 4, AXIS_HEIGHT / 2);
  }
}

/** Names of lanes and groups. @param offset from the top of the canvas to the top of the first lane */
export function drawNames(
  { context, palette }: Brush,
  model: Model,
  layout: Layout,
  offset: number,
  marked: number | undefined,
): void {
  context.textBaseline = 'middle';
  for (const box of layout.boxes) {
    const y = offset + box.top;
    const { track, indent } = model.lanes[box.lane];
    if (box.group !== undefined) {
      context.font = `600 11px ${palette.font}`;
      context.fillStyle = palette.muted;
      context.fillText(box.group, 0, y - 9);
    }
    const isMarked = marked !== undefined && track.tid === marked;
    context.font = `${isMarked ? '700 ' : ''}12px ${palette.font}`;
    context.fillStyle = isMarked ? palette.accent : palette.text;
    const left = 2 + indent * 12;
    context.fillText(shorten(context, track.name, layout.gutter - left - 8), left, y + ROW_HEIGHT / 2);
  }
}

/** Cut in the middle: the thread's id stands at the end, and names of a kind begin alike. */
function shorten(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  const cut = (kept: number): string => {
    const end = Math.min(8, Math.floor(kept / 2));
    return `${text.slice(0, kept - end)}…${text.slice(text.length - end)}`;
  };
  let kept = text.length - 1;
  while (kept > 2 && context.measureText(cut(kept)).width > width) kept--;
  return cut(kept);
}

/** A range of time that somebody pointed at; goes behind the slices. */
export function drawHighlight(
  { context, palette }: Brush,
  range: { start: number; end: number },
  scale: Scale,
  height: number,
): void {
  const from = Math.max(scale.left, pixelOf(scale, range.start));
  const to = Math.min(scale.right, pixelOf(scale, range.end));
  if (to < scale.left || from > scale.right) return;
  context.fillStyle = palette.accent;
  context.globalAlpha = 0.16;
  context.fillRect(from, AXIS_HEIGHT, Math.max(1, to - from), height - AXIS_HEIGHT);
  context.globalAlpha = 1;
  context.fillRect(from, AXIS_HEIGHT - 4, Math.max(3, to - from), 4);
}

export function drawOutline(brush: Brush, box: SliceBox): void {
  const { context, palette } = brush;
  context.lineWidth = 2;
  context.strokeStyle = palette.text;
  context.strokeRect(box.from - 1, box.y, Math.max(3, box.to - box.from) + 2, ROW_HEIGHT);
}

/** Where a slice is painted, cut to the canvas. */
export interface SliceBox {
  readonly from: number;
  readonly to: number;
  readonly y: number;
}

export function boxOf(
  model: Model,
  layout: Layout,
  scale: Scale,
  offset: number,
  slice: number,
): SliceBox | undefined {
  const lane = model.slices.lane[slice];
  const row = model.lanes[lane].rows.findIndex(({ slices }) => includes(slices, slice));
  const from = pixelOf(scale, model.slices.start[slice]);
  const to = pixelOf(scale, model.slices.end[slice]);
  if (row < 0 || to < scale.left || from > scale.right) return undefined;
  return {
    from: Math.max(scale.left, from),
    to: Math.min(scale.right, to),
    y: offset + layout.boxes[lane].top + row * ROW_HEIGHT,
  };
}

/** Slices of a row have rising numbers. */
function includes(slices: Uint32Array, slice: number): boolean {
  let [low, high] = [0, slices.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slices[middle] < slice) low = middle + 1;
    else high = middle;
  }
  return slices[low] === slice;
}

/**
 * From the slice that waited to what it waited for; an end outside the window is drawn at the window's edge.
 */
export function drawArrow(
  { context, palette }: Brush,
  flow: Flow,
  boxes: { from: SliceBox | undefined; to: SliceBox | undefined },
): void {
  if (boxes.from === undefined || boxes.to === undefined) return;
  const start = { x: boxes.from.to, y: boxes.from.y + ROW_HEIGHT / 2 };
  const end = { x: arrival(boxes.to, boxes.from), y: boxes.to.y + ROW_HEIGHT / 2 };
  const bend = Math.min(80, 24 + Math.abs(end.x - start.x) / 2);
  context.strokeStyle = context.fillStyle = palette.text;
  context.lineWidth = 1.6;
  context.beginPath();
  context.moveTo(start.x, start.y);
  context.bezierCurveTo(start.x + bend, start.y, end.x + bend, end.y, end.x, end.y);
  context.stroke();
  context.beginPath();
  context.moveTo(end.x, end.y);
  context.lineTo(end.x + 8, end.y - 4.5);
  context.lineTo(end.x + 8, end.y + 4.5);
  context.closePath();
  context.fill();
  context.font = `600 11px ${palette.font}`;
  context.textBaseline = 'middle';
  const middle = { x: (start.x + end.x) / 2 + bend * 0.75 + 5, y: (start.y + end.y) / 2 };
  const width = context.measureText(flow.name).width;
  context.globalAlpha = 0.88;
  context.fillStyle = palette.background;
  context.fillRect(middle.x - 3, middle.y - 8, width + 6, 16);
  context.globalAlpha = 1;
  context.fillStyle = palette.text;
  context.fillText(flow.name, middle.x, middle.y);
}

/** The arrow ends where the target ends, or beside the waiter when the target is longer. */
function arrival(target: SliceBox, waiter: SliceBox): number {
  return Math.min(target.to, Math.max(target.from, waiter.to));
}
