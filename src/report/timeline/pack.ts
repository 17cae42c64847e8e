/** Timeline to columns. */
import type { Timeline, TimelineSlice, TimelineTrack } from '../../trace/timeline.js';
import { styleOf, type DetailColumn, type PackedTimeline } from './packed.js';
import { reduce } from './reduce.js';

/** Slices a page carries singly; more cost load time and memory and cannot be seen anyway. */
const MOST_SLICES = 150_000;

/**
 * @param range the trace's own, ns; widened when slices reach beyond it
 * @param most slices to keep singly
 */
export function packTimeline(
  timeline: Timeline,
  range: { start: number; end: number },
  most = MOST_SLICES,
): PackedTimeline {
  const whole = wholeRange(timeline, range);
  const { kept, density, densityBucketNs, mergedBelowNs } = reduce(timeline, whole, most);
  const tracks = orderTracks(timeline.tracks);
  const position = new Map(tracks.map((track, i) => [track.id, i]));
  const lanes: TimelineSlice[][] = tracks.map(() => []);
  for (const slice of kept) lanes[position.get(slice.track) ?? -1]?.push(slice);
  for (const lane of lanes) lane.sort((a, b) => a.start - b.start || b.end - a.end);
  const ordered = lanes.flat();
  const perTrack = lanes.map((lane) => lane.length);
  const strings = new Strings();
  return {
    ...whole,
    tracks,
    perTrack,
    ...columnsOf(ordered, perTrack, strings),
    ...flowsOf(timeline, ordered, strings),
    strings: strings.all,
    density,
    densityBucketNs,
    total: timeline.slices.length,
    mergedBelowNs,
  };
}

function wholeRange(
  { slices }: Timeline,
  range: { start: number; end: number },
): { start: number; end: number } {
  let { start, end } = range;
  for (const slice of slices) {
    if (slice.start < start) start = slice.start;
    if (slice.end > end) end = slice.end;
  }
  return { start, end: Math.max(end, start + 1) };
}

const KIND_ORDER: readonly TimelineTrack['kind'][] = ['vcpu', 'invalidator', 'lock', 'other'];

/**
 * vCPUs, then invalidators, then locks; children under their parents. Tracks without slices stay: they say
 * so.
 */
function orderTracks(tracks: readonly TimelineTrack[]): TimelineTrack[] {
  const ids = new Set(tracks.map(({ id }) => id));
  const isRoot = ({ parent }: TimelineTrack): boolean => parent === undefined || !ids.has(parent);
  const ordered: TimelineTrack[] = [];
  const seen = new Set<number>();
  const add = (track: TimelineTrack): void => {
    if (seen.has(track.id)) return;
    seen.add(track.id);
    ordered.push(track);
    for (const child of tracks) if (child.parent === track.id) add(child);
  };
  for (const kind of KIND_ORDER) {
    for (const track of tracks) if (isRoot(track) && track.kind === kind) add(track);
  }
  // Parents in a circle have no root; they are drawn all the same.
  for (const track of tracks) add(track);
  return ordered;
}

class Strings {
  readonly all: string[] = [];
  private readonly indices = new Map<string, number>();

  index(text: string): number {
    const known = this.indices.get(text);
    if (known !== undefined) return known;
    this.indices.set(text, this.all.length);
    return this.all.push(text) - 1;
  }
}

type Columns = Pick<
  PackedTimeline,
  'startDelta' | 'duration' | 'name' | 'style' | 'eventDelta' | 'eventSpan' | 'shape' | 'shapes'
>;

function columnsOf(slices: readonly TimelineSlice[], perTrack: readonly number[], strings: Strings): Columns {
  const startDelta: number[] = [];
  const eventDelta: number[] = [];
  let i = 0;
  for (const count of perTrack) {
    let time = 0;
    let event = 0;
    for (const end = i + count; i < end; i++) {
      startDelta.push(slices[i].start - time);
      eventDelta.push(slices[i].events[0] - event);
      time = slices[i].start;
      event = slices[i].events[0];
    }
  }
  return {
    startDelta,
    eventDelta,
    duration: slices.map(({ start, end }) => end - start),
    name: slices.map(({ name }) => strings.index(name)),
    style: slices.map(styleOf),
    eventSpan: slices.map(({ events }) => events[1] - events[0]),
    ...detailsOf(slices, strings),
  };
}

function detailsOf(slices: readonly TimelineSlice[], strings: Strings): Pick<Columns, 'shape' | 'shapes'> {
  const numberOf = new Map<string, number>();
  const members: TimelineSlice[][] = [];
  const keysOf: string[][] = [];
  const shape = slices.map((slice) => {
    const keys = Object.keys(slice.details);
    const signature = keys.join('\n');
    let number = numberOf.get(signature);
    if (number === undefined) {
      number = members.push([]) - 1;
      keysOf.push(keys);
      numberOf.set(signature, number);
    }
    members[number].push(slice);
    return number;
  });
  const shapes = keysOf.map((keys, number) =>
    keys.map((key) =>
      detailColumn(
        key,
        members[number].map((slice) => slice.details[key]),
        strings,
      ),
    ),
  );
  return { shape, shapes };
}

function detailColumn(key: string, values: readonly (string | number)[], strings: Strings): DetailColumn {
  const index = strings.index(key);
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length === values.length) return { key: index, kind: 'number', values: numbers };
  if (numbers.length === 0)
    return { key: index, kind: 'string', values: values.map((value) => strings.index(String(value))) };
  return {
    key: index,
    kind: 'mixed',
    values: values.map((value) => (typeof value === 'number' ? value : ([strings.index(value)] as const))),
  };
}

/** Flows between slices that are kept; those of merged slices have nowhere to begin or end. */
function flowsOf(
  { flows }: Timeline,
  ordered: readonly TimelineSlice[],
  strings: Strings,
): Pick<PackedTimeline, 'flowFrom' | 'flowTo' | 'flowName'> {
  const position = new Map(ordered.map(({ id }, i) => [id, i]));
  const drawn = flows.flatMap((flow) => {
    const from = position.get(flow.from);
    const to = position.get(flow.to);
    return from === undefined || to === undefined ? [] : [{ from, to, name: strings.index(flow.name) }];
  });
  return {
    flowFrom: drawn.map(({ from }) => from),
    flowTo: drawn.map(({ to }) => to),
    flowName: drawn.map(({ name }) => name),
  };
}
