/** A slice in words: for the tooltip, the panel below the timeline, and screen readers. */
import { formatCount, formatDuration, formatTime } from '../format.js';
import { CATEGORIES, INFERRED, RETRIED } from '../timeline/packed.js';
import type { Model } from './model.js';

export type Fact = readonly [name: string, value: string];

export function styleWords(style: number): string {
  const category = style & RETRIED ? 'fault, retried' : CATEGORIES[style & 7];
  return style & INFERRED ? `${category}, end inferred` : category;
}

/** Kind, lane, time and details of a slice. */
export function factsOf(model: Model, slice: number): Fact[] {
  const { slices } = model;
  const [start, end] = [slices.start[slice], slices.end[slice]];
  const [first, last] = [slices.firstEvent[slice], slices.lastEvent[slice]];
  return [
    ['what', styleWords(slices.style[slice])],
    ['on', slices.tracks[slices.lane[slice]].name],
    ['took', formatDuration(end - start)],
    ['from', formatTime(start)],
    ['to', formatTime(end)],
    ['events', first === last ? formatCount(first) : `${formatCount(first)} to ${formatCount(last)}`],
    ...slices.details(slice).map(([key, value]): Fact => [wordsOf(key), valueOf(key, value)]),
  ];
}

/** `lockWaitNs` -> `lock wait`: the unit is in the value. */
function wordsOf(key: string): string {
  return key
    .replace(/Ns$/, '')
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .trim();
}

function valueOf(key: string, value: string | number): string {
  if (typeof value === 'string') return value;
  // Two kinds of nanoseconds: lengths, and places in the trace.
  if (/Until(Ns)?$/.test(key) || /^at[A-Z].*Ns$/.test(key)) return formatTime(value);
  return key.endsWith('Ns') ? formatDuration(value) : formatCount(value);
}
