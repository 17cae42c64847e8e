/**
 * Starts a report page: opens timelines when they are shown, and ties buttons, keys, address and print to
 * them.
 */
import { element, find } from './dom.js';
import { formatPlace, parsePlace } from './hash.js';
import { listenToButtons, listenToKeys } from './keys.js';
import { modelOf } from './model.js';
import { listenToPointer } from './pointer.js';
import { showRange, showSelection } from './selection-panel.js';
import { TimelineView } from './timeline-view.js';
import { readPacked } from './unpack.js';

/** Sections of recordings, one in a plain report; their timelines once opened. */
const sections = [...document.querySelectorAll<HTMLElement>('[data-recording]')];
const tabs = [...document.querySelectorAll<HTMLElement>('[data-tab]')];
const opened = new Map<number, Promise<TimelineView>>();
const ready = new Map<number, TimelineView>();
let current = 0;

function open(recording: number): Promise<TimelineView> {
  const known = opened.get(recording);
  if (known) return known;
  const opening = openTimeline(recording);
  opened.set(recording, opening);
  return opening;
}

async function openTimeline(recording: number): Promise<TimelineView> {
  const root = find(sections[recording], '.timeline', HTMLElement);
  try {
    const packed = await readPacked(find(root, '.tl-data', HTMLScriptElement).textContent);
    const view = new TimelineView(root, modelOf(packed));
    view.onChange = () => {
      showRange(view);
      showSelection(view);
      writeAddress(recording, view);
    };
    listenToPointer(view);
    listenToButtons(view);
    showRange(view);
    showSelection(view);
    ready.set(recording, view);
    root.dataset['ready'] = 'true';
    return view;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    find(root, '.tl-scroll', HTMLElement).replaceChildren(
      element('p', { class: 'tl-failed', text: `The timeline could not be opened: ${reason}` }),
    );
    throw error;
  }
}

let addressTimer = 0;

/** The address follows what is on show; browsers limit how often. */
function writeAddress(recording: number, view: TimelineView): void {
  if (recording !== current) return;
  clearTimeout(addressTimer);
  addressTimer = window.setTimeout(() => {
    const { window: shown, model } = view;
    const all = shown.start === model.start && shown.end === model.end;
    const place = {
      recording,
      ...(all ? {} : { time: [shown.start, shown.end] as const }),
      ...(view.selected === undefined ? {} : { slice: view.selected }),
    };
    history.replaceState(null, '', formatPlace(place));
  }, 150);
}

async function show(recording: number): Promise<TimelineView> {
  current = recording;
  sections.forEach((section, i) => section.classList.toggle('off', i !== recording));
  tabs.forEach((tab, i) => {
    tab.setAttribute('aria-selected', String(i === recording));
    tab.tabIndex = i === recording ? 0 : -1;
  });
  return open(recording);
}

async function followAddress(): Promise<void> {
  const place = parsePlace(location.hash);
  if (place === undefined || place.recording >= sections.length) return;
  const view = await show(place.recording);
  if (place.time) view.window.show(...place.time);
  if (place.slice !== undefined && place.slice < view.model.slices.count) {
    if (place.time) view.select(place.slice);
    else view.reveal(place.slice);
  }
  view.changed();
  view.root.scrollIntoView({ block: 'center' });
}

/** Buttons that point into a timeline: data-start, data-end, and perhaps data-tid. */
async function jump(button: HTMLElement): Promise<void> {
  const section = button.closest<HTMLElement>('[data-recording]');
  const recording = Number(button.dataset['in'] ?? section?.dataset['recording'] ?? current);
  const view = await show(recording);
  const tid = button.dataset['tid'];
  view.point({
    start: Number(button.dataset['start']),
    end: Number(button.dataset['end']),
    ...(tid === undefined ? {} : { tid: Number(tid) }),
  });
  view.root.scrollIntoView({ block: 'center', behavior: 'instant' });
  view.scroller.focus({ preventScroll: true });
}

function report(error: unknown): void {
  console.error(error);
}

function listenToTabs(): void {
  tabs.forEach((tab, i) => {
    tab.addEventListener('click', () => void show(i).catch(report));
    tab.addEventListener('keydown', (event) => {
      const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
      if (step === 0) return;
      const next = (i + step + tabs.length) % tabs.length;
      tabs[next].focus();
      void show(next).catch(report);
    });
  });
}

/** Print shows everything: all recordings, all folded parts, the whole of every timeline. */
function listenToPrint(): void {
  let folded: HTMLDetailsElement[] = [];
  addEventListener('beforeprint', () => {
    document.documentElement.classList.add('printing');
    folded = [...document.querySelectorAll<HTMLDetailsElement>('details:not([open], .screen-only)')];
    for (const details of folded) details.open = true;
    for (const view of ready.values()) view.print(true);
  });
  addEventListener('afterprint', () => {
    document.documentElement.classList.remove('printing');
    for (const details of folded) details.open = false;
    for (const view of ready.values()) view.print(false);
  });
}

/** The others are opened when the browser has nothing better to do, so that print has them. */
async function openOthers(): Promise<void> {
  for (let recording = 0; recording < sections.length; recording++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await open(recording);
  }
}

async function start(): Promise<void> {
  listenToTabs();
  listenToPrint();
  listenToKeys(() => ready.get(current), find(document, '#keys', HTMLDialogElement));
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-start]') : null;
    if (button) void jump(button).catch(report);
  });
  addEventListener('hashchange', () => void followAddress().catch(report));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const view of ready.values()) view.redraw();
  });
  if (sections.length === 0) return;
  await show(0);
  await followAddress();
  await openOthers();
}

void start().catch(report);
