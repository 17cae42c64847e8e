/**
 * Paints lanes. Slices narrower than a pixel share it, and the worst of them gives its colour: none vanishes.
 */
import { rankOf } from '../timeline/packed.js';
import { ROW_HEIGHT, pixelOf, type LaneBox, type Scale } from './layout.js';
import { firstReaching, type Lane, type Model, type Row } from './model.js';
import { fillOf, type Hatches, type Palette } from './palette.js';

export interface Brush {
  readonly context: CanvasRenderingContext2D;
  readonly palette: Palette;
  readonly hatches: Hatches;
}

/** From here on a slice is drawn as itself and not as pixels. */
const LEAST_WIDTH = 2;
const HATCH_WIDTH = 5;
const LABEL_WIDTH = 34;
const NOTHING = 255;
/** Index of the wait in CATEGORIES. */
const WAIT = 5;

export function drawLaneBackground({ context, palette }: Brush, box: LaneBox, y: number, scale: Scale): void {
  context.fillStyle = palette.lane;
  context.fillRect(scale.left, y, scale.right - scale.left, box.height);
}

export function drawLane(brush: Brush, model: Model, lane: Lane, y: number, scale: Scale): void {
  const pixels = new Uint8Array(Math.ceil(scale.right - scale.left) + 1);
  drawMerged(brush, model, lane, y, scale, pixels);
  lane.rows.forEach((row, i) => drawRow(brush, model, row, y + i * ROW_HEIGHT, scale, pixels));
}

/** Merged slices are paler than slices of their own. */
function drawMerged(
  brush: Brush,
  model: Model,
  lane: Lane,
  y: number,
  scale: Scale,
  pixels: Uint8Array,
): void {
  if (lane.density.length === 0) return;
  pixels.fill(NOTHING);
  for (const { style, start } of lane.density) {
    for (const time of start) {
      const from = Math.max(0, Math.floor(pixelOf(scale, time) - scale.left));
      const to = Math.min(pixels.length - 1, Math.floor(pixelOf(scale, time + model.bucketNs) - scale.left));
      for (let pixel = from; pixel <= to; pixel++) mark(pixels, pixel, style);
    }
  }
  brush.context.globalAlpha = 0.4;
  drawPixels(brush, pixels, y, scale);
  brush.context.globalAlpha = 1;
}

function drawRow(
  brush: Brush,
  { slices }: Model,
  row: Row,
  y: number,
  scale: Scale,
  pixels: Uint8Array,
): void {
  const { start, end, style } = slices;
  const stop = scale.start + (scale.right - scale.left) * scale.nsPerPixel;
  pixels.fill(NOTHING);
  let hasPixels = false;
  for (let i = firstReaching(row, scale.start); i < row.slices.length; i++) {
    const slice = row.slices[i];
    if (start[slice] > stop) break;
    const width = (end[slice] - start[slice]) / scale.nsPerPixel;
    const from = pixelOf(scale, start[slice]);
    if (width >= LEAST_WIDTH) {
      drawSlice(brush, slices.name(slice), style[slice], from, width, y, scale);
      continue;
    }
    const pixel = Math.floor(from - scale.left);
    if (pixel < 0 || pixel >= pixels.length) continue;
    mark(pixels, pixel, style[slice]);
    hasPixels = true;
  }
  if (hasPixels) drawPixels(brush, pixels, y, scale);
}

function mark(pixels: Uint8Array, pixel: number, style: number): void {
  if (pixels[pixel] === NOTHING || rankOf(style) > rankOf(pixels[pixel])) pixels[pixel] = style;
}

function drawPixels({ context, palette, hatches }: Brush, pixels: Uint8Array, y: number, scale: Scale): void {
  for (let from = 0; from < pixels.length;) {
    const style = pixels[from];
    let to = from + 1;
    while (to < pixels.length && pixels[to] === style) to++;
    if (style !== NOTHING) {
      const [top, height] = barOf(style);
      context.fillStyle = fillOf(palette, style);
      context.fillRect(scale.left + from, y + top, to - from, height);
      const hatch = to - from >= HATCH_WIDTH ? hatches.of(context, style) : undefined;
      if (hatch) {
        context.fillStyle = hatch;
        context.fillRect(scale.left + from, y + top, to - from, height);
      }
    }
    from = to;
  }
}

/** Top and height within the row. Waits are lower than the rest: a second sign beside the colour. */
function barOf(style: number): readonly [top: number, height: number] {
  return (style & 7) === WAIT ? [6, ROW_HEIGHT - 7] : [1, ROW_HEIGHT - 2];
}

function drawSlice(
  { context, palette, hatches }: Brush,
  name: string,
  style: number,
  start: number,
  length: number,
  y: number,
  scale: Scale,
): void {
  const from = Math.max(start, scale.left);
  const width = Math.min(start + length, scale.right) - from;
  const [top, height] = barOf(style);
  context.fillStyle = fillOf(palette, style);
  // A hairline between neighbours, as long as there is room for one.
  context.fillRect(from, y + top, width > 4 ? width - 0.5 : width, height);
  const hatch = width >= HATCH_WIDTH ? hatches.of(context, style) : undefined;
  if (hatch) {
    context.fillStyle = hatch;
    context.fillRect(from, y + top, width - 0.5, height);
  }
  if (width >= LABEL_WIDTH) drawLabel({ context, palette, hatches }, name, style, from, width, y);
}

function drawLabel(
  { context, palette, hatches }: Brush,
  name: string,
  style: number,
  from: number,
  width: number,
  y: number,
): void {
  const [top, height] = barOf(style);
  const size = (style & 7) === WAIT ? 10 : 11;
  context.font = `${size}px ${palette.font}`;
  // Measuring every name is slow; a guess on the safe side decides how much of it fits.
  const characters = Math.floor((width - 8) / (size * 0.6));
  const label = name.length <= characters ? name : `${name.slice(0, Math.max(1, characters - 1))}…`;
  if (hatches.of(context, style)) {
    // The hatching must not run through the letters.
    context.fillStyle = fillOf(palette, style);
    const covered = Math.min(width - 3, context.measureText(label).width + 6);
    context.fillRect(from + 1, y + top + 1, covered, height - 2);
  }
  context.fillStyle = '#111';
  context.textBaseline = 'middle';
  context.fillText(label, from + 4, y + top + height / 2 + 0.5);
}
