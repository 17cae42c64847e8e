/** What a timeline shows, arranged: lanes, rows of slices that do not overlap, arrows, merged slices. */
import type { PackedTimeline } from '../timeline/packed.js';
import type { TimelineTrack } from '../../trace/timeline.js';
import { unpackSlices, type Slices } from './unpack.js';

/** Slices drawn at one height, by start. */
export interface Row {
  readonly slices: Uint32Array;
  /** Latest end of the slices up to each position: rises, so that it can be searched. */
  readonly latestEnd: Float64Array;
}

export interface Lane {
  readonly track: TimelineTrack;
  readonly rows: readonly Row[];
  /** Drawn under another lane. */
  readonly indent: number;
  readonly density: readonly Merged[];
}

/** Merged slices of one style. */
export interface Merged {
  readonly style: number;
  /** Start of each bucket, ns. */
  readonly start: Float64Array;
  readonly counts: Uint32Array;
}

export interface Flow {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

export interface Model {
  readonly start: number;
  readonly end: number;
  readonly slices: Slices;
  readonly lanes: readonly Lane[];
  readonly bucketNs: number;
  /** What a slice waited for. */
  flowsFrom(slice: number): readonly Flow[];
  /** What waited for a slice. */
  flowsTo(slice: number): readonly Flow[];
}

/** More overlapping slices share the last row. */
const MOST_ROWS = 6;

export function modelOf(packed: PackedTimeline): Model {
  const slices = unpackSlices(packed);
  const { from, to } = flowsOf(packed);
  return {
    start: packed.start,
    end: packed.end,
    slices,
    lanes: packed.tracks.map((track, i) => ({
      track,
      rows: rowsOf(slices, slices.laneStart[i], slices.laneStart[i + 1]),
      indent: packed.tracks.some(({ id }) => id === track.parent) ? 1 : 0,
      density: mergedOf(packed, track.id),
    })),
    bucketNs: packed.densityBucketNs,
    flowsFrom: (slice) => from.get(slice) ?? [],
    flowsTo: (slice) => to.get(slice) ?? [],
  };
}

/**
 * Each slice goes to the first row that is free when it starts; slices come by start, the longer one first.
 */
function rowsOf(slices: Slices, first: number, end: number): Row[] {
  const rows: number[][] = [[]];
  const freeAt: number[] = [-Infinity];
  for (let slice = first; slice < end; slice++) {
    let row = freeAt.findIndex((time) => time <= slices.start[slice]);
    if (row < 0 && rows.length < MOST_ROWS) row = rows.push([]) - 1;
    if (row < 0) row = rows.length - 1;
    rows[row].push(slice);
    freeAt[row] = Math.max(freeAt[row] ?? -Infinity, slices.end[slice]);
  }
  return rows.map((members) => {
    let latest = -Infinity;
    const latestEnd = Float64Array.from(members, (slice) => (latest = Math.max(latest, slices.end[slice])));
    return { slices: Uint32Array.from(members), latestEnd };
  });
}

function mergedOf(packed: PackedTimeline, track: number): Merged[] {
  return packed.density
    .filter((each) => each.track === track)
    .map(({ style, buckets, counts }) => {
      let bucket = 0;
      const start = Float64Array.from(
        buckets,
        (delta) => packed.start + (bucket += delta) * packed.densityBucketNs,
      );
      return { style, start, counts: Uint32Array.from(counts) };
    });
}

function flowsOf(packed: PackedTimeline): { from: Map<number, Flow[]>; to: Map<number, Flow[]> } {
  const from = new Map<number, Flow[]>();
  const to = new Map<number, Flow[]>();
  packed.flowFrom.forEach((source, i) => {
    const flow = { from: source, to: packed.flowTo[i], name: packed.strings[packed.flowName[i]] };
    append(from, flow.from, flow);
    append(to, flow.to, flow);
  });
  return { from, to };
}

function append(lists: Map<number, Flow[]>, key: number, flow: Flow): void {
  const list = lists.get(key);
  if (list) list.push(flow);
  else lists.set(key, [flow]);
}

/** Position of the first slice of a row that reaches beyond a time. */
export function firstReaching(row: Row, time: number): number {
  let [low, high] = [0, row.latestEnd.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (row.latestEnd[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
