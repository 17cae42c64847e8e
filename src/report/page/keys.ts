/** The keyboard. Keys act on the timeline that is on show; typing and browser shortcuts are left alone. */
import { SCROLL_STEP, type TimelineView } from './timeline-view.js';

type Action = (view: TimelineView) => void;

const zoom =
  (factor: number): Action =>
  (view) => {
    const { selected, model, window } = view;
    const start = selected === undefined ? NaN : model.slices.start[selected];
    // A selected slice on show stays where it is; else the middle does.
    if (start >= window.start && start <= window.end) window.zoom(factor, start);
    else window.zoom(factor);
    view.changed();
  };

const pan =
  (share: number): Action =>
  (view) => {
    view.window.pan(share);
    view.changed();
  };

const scroll =
  (by: number): Action =>
  (view) =>
    view.scroller.scrollBy(0, by);

/** Along the chain of blocking: to what the slice waited for, or back to who waited for it. */
const follow =
  (direction: 'from' | 'to'): Action =>
  (view) => {
    if (view.selected === undefined) return;
    const { model, selected } = view;
    const next =
      direction === 'from' ? model.flowsFrom(selected).at(0)?.to : model.flowsTo(selected).at(0)?.from;
    if (next !== undefined) view.reveal(next);
  };

const fit: Action = (view) => {
  view.window.fit();
  view.changed();
};

const clear: Action = (view) => {
  view.highlight = undefined;
  view.select(undefined);
};

const showSelected: Action = (view) => {
  if (view.selected === undefined) return;
  view.window.showAround(view.model.slices.start[view.selected], view.model.slices.end[view.selected]);
  view.changed();
};

/** Anywhere on the page. */
const KEYS: Readonly<Record<string, Action>> = {
  w: zoom(0.6),
  s: zoom(1 / 0.6),
  a: pan(-0.25),
  d: pan(0.25),
  '+': zoom(0.6),
  '=': zoom(0.6),
  '-': zoom(1 / 0.6),
  f: fit,
  ']': follow('from'),
  '[': follow('to'),
  z: showSelected,
  Escape: clear,
};

/** Only while the timeline has the focus: elsewhere these scroll the page. */
const FOCUSED_KEYS: Readonly<Record<string, Action>> = {
  ArrowLeft: pan(-0.25),
  ArrowRight: pan(0.25),
  ArrowUp: scroll(-SCROLL_STEP),
  ArrowDown: scroll(SCROLL_STEP),
  Home: fit,
};

const BUTTONS: Readonly<Record<string, Action>> = {
  fit,
  in: zoom(0.6),
  out: zoom(1 / 0.6),
  left: pan(-0.25),
  right: pan(0.25),
};

export function listenToButtons(view: TimelineView): void {
  for (const button of view.root.querySelectorAll<HTMLElement>('[data-act]')) {
    const action = BUTTONS[button.dataset['act'] ?? ''];
    if (action) button.addEventListener('click', () => action(view));
  }
}

export function listenToKeys(current: () => TimelineView | undefined, help: HTMLDialogElement): void {
  for (const button of document.querySelectorAll('[data-help]')) {
    button.addEventListener('click', () => help.showModal());
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === '?') {
      event.preventDefault();
      if (help.open) help.close();
      else help.showModal();
      return;
    }
    const view = current();
    if (view === undefined || help.open) return;
    const focused = document.activeElement === view.scroller ? FOCUSED_KEYS[event.key] : undefined;
    const action = focused ?? KEYS[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action(view);
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}
