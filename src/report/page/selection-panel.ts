/** The panel below a timeline: range on show, and the selected slice with its arrows as buttons. */
import { formatDuration, formatTime } from '../format.js';
import { factsOf } from './describe.js';
import { element, find } from './dom.js';
import type { TimelineView } from './timeline-view.js';

const MOST_FLOWS = 8;

export function showRange(view: TimelineView): void {
  const { start, end, width } = view.window;
  find(view.root, '.tl-range', HTMLElement).textContent =
    `${formatTime(start)} to ${formatTime(end)} (${formatDuration(width)})`;
}

export function showSelection(view: TimelineView): void {
  const panel = find(view.root, '.tl-selection', HTMLElement);
  const { selected, model } = view;
  if (selected === undefined) {
    panel.replaceChildren(
      element('p', { class: 'muted', text: 'Click a slice for its details and what it waited for.' }),
    );
    return;
  }
  const facts = factsOf(model, selected).flatMap(([name, value]) => [
    element('div', {}, [element('dt', { text: name }), element('dd', { text: value })]),
  ]);
  panel.replaceChildren(
    element('h4', { text: model.slices.name(selected) }),
    element('dl', { class: 'facts' }, facts),
    ...flowButtons(view, selected),
  );
}

function flowButtons(view: TimelineView, selected: number): HTMLElement[] {
  const out = view.model.flowsFrom(selected).map(({ to, name }) => flowButton(view, to, `→ ${name}`));
  const into = view.model.flowsTo(selected).map(({ from, name }) => flowButton(view, from, `← ${name}`));
  const all = [...out, ...into];
  if (all.length === 0) return [];
  const more = all.length - MOST_FLOWS;
  return [
    element('div', { class: 'buttons' }, [
      ...all.slice(0, MOST_FLOWS),
      ...(more > 0 ? [element('span', { class: 'muted', text: `and ${more} more` })] : []),
    ]),
  ];
}

function flowButton(view: TimelineView, target: number, label: string): HTMLElement {
  const { slices } = view.model;
  const took = formatDuration(slices.end[target] - slices.start[target]);
  const text = `${label}: ${slices.name(target)}, ${took}`;
  const button = element('button', { text, attributes: { type: 'button' } });
  button.addEventListener('click', () => view.reveal(target));
  return button;
}
