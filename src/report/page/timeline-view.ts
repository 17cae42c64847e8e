/** One timeline on the page: what is on show, selected and highlighted, and how it is painted. */
import { drawArrow, drawAxis, drawHighlight, drawNames, drawOutline, boxOf } from './draw-frame.js';
import { drawLane, drawLaneBackground, type Brush } from './draw-lanes.js';
import { contextOf, find } from './dom.js';
import {
  AXIS_HEIGHT,
  ROW_HEIGHT,
  layoutOf,
  mergedAt,
  scaleOf,
  sliceAt,
  type Layout,
  type Scale,
} from './layout.js';
import type { Flow, Model } from './model.js';
import { countOverview, drawOverview, type OverviewCounts } from './overview.js';
import { Hatches, readPalette } from './palette.js';
import { TimeWindow } from './time-window.js';

/** What somebody pointed at: a range of time and, where known, the thread it is about. */
export interface Highlight {
  readonly start: number;
  readonly end: number;
  readonly tid?: number;
}

/** Lanes beyond this height are scrolled. */
const TALLEST = 560;
/** A printed page cannot be scrolled, but canvases have a limit. */
const TALLEST_PRINTED = 12_000;
const PRINTED_WIDTH = 1040;

export class TimelineView {
  readonly window: TimeWindow;
  selected: number | undefined;
  highlight: Highlight | undefined;
  layout: Layout;
  scale: Scale;
  /** Called after every change of what is on show or selected. */
  onChange: () => void = () => undefined;
  readonly scroller: HTMLElement;
  readonly overview: HTMLCanvasElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly spacer: HTMLElement;
  private readonly hatches = new Hatches();
  private width = 0;
  private counts: OverviewCounts = [];
  private frame = 0;
  private printing = false;
  private beforePrint = { start: 0, end: 0 };

  constructor(
    readonly root: HTMLElement,
    readonly model: Model,
  ) {
    this.window = new TimeWindow(model);
    this.scroller = find(root, '.tl-scroll', HTMLElement);
    this.overview = find(root, '.tl-overview', HTMLCanvasElement);
    this.canvas = find(root, '.tl-lanes', HTMLCanvasElement);
    this.spacer = find(root, '.tl-spacer', HTMLElement);
    this.layout = layoutOf(model, 0);
    this.scale = scaleOf(this.window, 0, 1);
    new ResizeObserver(() => this.resize()).observe(this.scroller);
    this.scroller.addEventListener('scroll', () => this.redraw());
    this.resize();
  }

  /** Paints before the next frame, once however often it is asked for. */
  redraw(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  /** Something on show changed: paints, and tells. */
  changed(): void {
    this.redraw();
    this.onChange();
  }

  select(slice: number | undefined): void {
    this.selected = slice;
    this.changed();
  }

  /** Selects, and moves time and lanes until the slice can be seen. */
  reveal(slice: number): void {
    const [start, end] = [this.model.slices.start[slice], this.model.slices.end[slice]];
    const visible = start >= this.window.start && end <= this.window.end;
    const tooSmall = end - start < this.window.width / 400;
    if (!visible || tooSmall) this.window.showAround(start - (end - start), end + (end - start));
    this.scrollToLane(this.model.slices.lane[slice]);
    this.select(slice);
  }

  /** Shows a range of time, highlighted, and the lane of its thread. */
  point(highlight: Highlight): void {
    this.highlight = highlight;
    this.window.showAround(highlight.start, highlight.end);
    const lane = this.model.lanes.findIndex(
      ({ track }) => track.tid !== undefined && track.tid === highlight.tid,
    );
    if (lane >= 0) this.scrollToLane(lane);
    this.changed();
  }

  sliceAt(x: number, y: number): number | undefined {
    return sliceAt(this.model, this.layout, this.scale, x, y - this.offset);
  }

  mergedAt(x: number, y: number): { style: number; count: number }[] {
    return mergedAt(this.model, this.layout, this.scale, x, y - this.offset);
  }

  /** Arrows at the selected slice. */
  get flows(): readonly Flow[] {
    if (this.selected === undefined) return [];
    return [...this.model.flowsFrom(this.selected), ...this.model.flowsTo(this.selected)];
  }

  /** For print: the whole trace, all lanes, at a fixed width; `false` goes back. */
  print(on: boolean): void {
    if (on === this.printing) return;
    this.printing = on;
    if (on) {
      this.beforePrint = { start: this.window.start, end: this.window.end };
      this.window.fit();
    } else this.window.show(this.beforePrint.start, this.beforePrint.end);
    this.resize();
    // The browser takes the picture at once, before the next frame.
    if (on) this.draw();
  }

  private scrollToLane(lane: number): void {
    const { top, height } = this.layout.boxes[lane];
    const { scrollTop, clientHeight } = this.scroller;
    const hidden = top < scrollTop || top + height > scrollTop + clientHeight - AXIS_HEIGHT;
    if (hidden) this.scroller.scrollTop = top + height / 2 - (clientHeight - AXIS_HEIGHT) / 2;
  }

  /** From the top of the canvas to the top of the first lane. */
  private get offset(): number {
    return AXIS_HEIGHT - (this.printing ? 0 : this.scroller.scrollTop);
  }

  private get height(): number {
    const whole = this.layout.height + AXIS_HEIGHT;
    return this.printing ? Math.min(whole, TALLEST_PRINTED) : Math.min(whole, TALLEST);
  }

  private resize(): void {
    const width = this.printing ? PRINTED_WIDTH : this.scroller.clientWidth;
    // A hidden timeline has no width; it is drawn when it is shown.
    if (width === 0) return;
    this.width = width;
    this.layout = layoutOf(this.model, width);
    this.counts = countOverview(this.model, Math.round(width - this.layout.gutter));
    this.scroller.style.height = `${this.height}px`;
    this.spacer.style.height = `${this.layout.height + AXIS_HEIGHT - this.height}px`;
    this.redraw();
  }

  private draw(): void {
    if (this.width === 0) return;
    const pixels = Math.max(1, this.printing ? 2 : devicePixelRatio);
    const palette = readPalette(this.root);
    const { model, layout, width, height } = this;
    const context = contextOf(this.canvas, width, height, pixels);
    const brush: Brush = { context, palette, hatches: this.hatches };
    this.scale = scaleOf(this.window, layout.gutter, width);
    context.clearRect(0, 0, width, height);
    context.save();
    context.beginPath();
    context.rect(0, AXIS_HEIGHT, width, height - AXIS_HEIGHT);
    context.clip();
    drawNames(brush, model, layout, this.offset, this.highlight?.tid);
    const onShow = layout.boxes
      .map((box) => ({ box, y: this.offset + box.top }))
      .filter(({ box, y }) => y + box.height >= AXIS_HEIGHT && y <= height);
    for (const { box, y } of onShow) drawLaneBackground(brush, box, y, this.scale);
    context.restore();
    drawAxis(brush, model, this.scale, height);
    if (this.highlight) drawHighlight(brush, this.highlight, this.scale, height);
    context.save();
    context.beginPath();
    context.rect(layout.gutter, AXIS_HEIGHT, width, height - AXIS_HEIGHT);
    context.clip();
    for (const { box, y } of onShow) drawLane(brush, model, model.lanes[box.lane], y, this.scale);
    context.restore();
    context.save();
    context.beginPath();
    context.rect(layout.gutter - 2, AXIS_HEIGHT - 2, width, height);
    context.clip();
    this.drawSelection(brush);
    context.restore();
    drawOverview(this.overview, {
      model,
      counts: this.counts,
      palette,
      window: this.window,
      width,
      gutter: layout.gutter,
      scale: pixels,
    });
    this.root.dataset['drawn'] = `${this.window.start} ${this.window.end}`;
  }

  private drawSelection(brush: Brush): void {
    if (this.selected === undefined) return;
    const at = (slice: number): ReturnType<typeof boxOf> =>
      boxOf(this.model, this.layout, this.scale, this.offset, slice);
    for (const flow of this.flows.slice(0, 40))
      drawArrow(brush, flow, { from: at(flow.from), to: at(flow.to) });
    const box = at(this.selected);
    if (box) drawOutline(brush, box);
  }
}

/** Height of one step of vertical scrolling by key. */
export const SCROLL_STEP = 3 * ROW_HEIGHT;
