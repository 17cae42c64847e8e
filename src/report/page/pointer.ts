/** Mouse, pen and touch on one timeline: drag, wheel, click, hover; and the frame of the overview. */
import { styleWords, factsOf } from './describe.js';
import { element } from './dom.js';
import { timeAt } from './layout.js';
import type { TimelineView } from './timeline-view.js';

/** A press that moves less than this is a click. */
const CLICK_PIXELS = 4;

export function listenToPointer(view: TimelineView): void {
  listenToDrag(view);
  listenToWheel(view);
  listenToHover(view);
  listenToOverview(view);
  view.scroller.addEventListener('dblclick', (event) => {
    const slice = view.sliceAt(...place(view, event));
    if (slice === undefined) return;
    view.window.showAround(view.model.slices.start[slice], view.model.slices.end[slice]);
    view.changed();
  });
}

/** Point on the canvas, which stays at the top of the scrolled box. */
function place(view: TimelineView, event: MouseEvent): [x: number, y: number] {
  const box = view.scroller.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function listenToDrag(view: TimelineView): void {
  const { scroller } = view;
  let from: { x: number; y: number; start: number; scrollTop: number; moved: boolean } | undefined;
  scroller.addEventListener('pointerdown', (event) => {
    // The scroll bar lies beside the lanes and is not ours.
    if (event.button !== 0 || event.offsetX > scroller.clientWidth) return;
    const { scrollTop } = scroller;
    from = { x: event.clientX, y: event.clientY, start: view.window.start, scrollTop, moved: false };
    scroller.setPointerCapture(event.pointerId);
  });
  scroller.addEventListener('pointermove', (event) => {
    if (from === undefined) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (!from.moved && Math.hypot(dx, dy) < CLICK_PIXELS) return;
    from.moved = true;
    scroller.classList.add('dragging');
    const start = from.start - dx * view.scale.nsPerPixel;
    view.window.show(start, start + view.window.width);
    scroller.scrollTop = from.scrollTop - dy;
    view.changed();
  });
  scroller.addEventListener('pointerup', (event) => {
    if (from !== undefined && !from.moved) view.select(view.sliceAt(...place(view, event)));
    from = undefined;
    scroller.classList.remove('dragging');
  });
  scroller.addEventListener('pointercancel', () => {
    from = undefined;
    scroller.classList.remove('dragging');
  });
}

/** The wheel scrolls the page until the timeline has been clicked (or Ctrl is held): then it zooms. */
function listenToWheel(view: TimelineView): void {
  const { scroller } = view;
  scroller.addEventListener(
    'wheel',
    (event) => {
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const zooms = !sideways && (event.ctrlKey || event.metaKey || document.activeElement === scroller);
      if (!sideways && !zooms) return;
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
      const delta = (sideways && event.deltaX !== 0 ? event.deltaX : event.deltaY) * lines;
      if (sideways) view.window.pan(delta / view.scroller.clientWidth);
      else
        view.window.zoom(
          Math.exp(Math.max(-1, Math.min(1, delta / 400))),
          timeAt(view.scale, place(view, event)[0]),
        );
      view.changed();
    },
    { passive: false },
  );
}

function listenToHover(view: TimelineView): void {
  const tip = element('div', { class: 'tl-tip', attributes: { 'aria-hidden': 'true' } });
  tip.hidden = true;
  view.root.append(tip);
  view.scroller.addEventListener('pointerleave', () => (tip.hidden = true));
  view.scroller.addEventListener('pointermove', (event) => {
    const [x, y] = place(view, event);
    const slice = event.buttons === 0 ? view.sliceAt(x, y) : undefined;
    const lines = slice === undefined ? mergedLines(view, x, y) : sliceLines(view, slice);
    tip.hidden = lines.length === 0 || event.buttons !== 0;
    view.scroller.classList.toggle('over', slice !== undefined);
    if (tip.hidden) return;
    tip.replaceChildren(...lines);
    const box = view.root.getBoundingClientRect();
    const left = event.clientX - box.left + 14;
    tip.style.left = `${Math.max(0, Math.min(left, box.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${event.clientY - box.top + 16}px`;
  });
}

function sliceLines(view: TimelineView, slice: number): HTMLElement[] {
  const facts = factsOf(view.model, slice).filter(
    ([name]) => name !== 'on' && name !== 'to' && name !== 'events',
  );
  return [
    element('strong', { text: view.model.slices.name(slice) }),
    ...facts.slice(0, 9).map(([name, value]) => element('div', { text: `${name} ${value}` })),
  ];
}

function mergedLines(view: TimelineView, x: number, y: number): HTMLElement[] {
  return view
    .mergedAt(x, y)
    .map(({ style, count }) =>
      element('div', { text: `${count} short slices merged: ${styleWords(style)}` }),
    );
}

function listenToOverview(view: TimelineView): void {
  const { overview } = view;
  const move = (event: PointerEvent): void => {
    const box = overview.getBoundingClientRect();
    const { gutter } = view.layout;
    const share = (event.clientX - box.left - gutter) / Math.max(1, box.width - gutter);
    const middle = view.model.start + share * (view.model.end - view.model.start);
    view.window.show(middle - view.window.width / 2, middle + view.window.width / 2);
    view.changed();
  };
  overview.addEventListener('pointerdown', (event) => {
    overview.setPointerCapture(event.pointerId);
    move(event);
  });
  overview.addEventListener('pointermove', (event) => {
    if (event.buttons === 1) move(event);
  });
}
