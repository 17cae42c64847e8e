/** Reads the data that the page carries: base64, raw deflate, JSON, columns of differences. */
import type { DetailColumn, PackedTimeline } from '../timeline/packed.js';
import type { TimelineTrack } from '../../trace/timeline.js';

/** Slices as columns; slice numbers are positions in them. Times are ns since the trace's origin. */
export interface Slices {
  readonly count: number;
  readonly start: Float64Array;
  readonly end: Float64Array;
  readonly style: Uint8Array;
  /** Index of the lane. */
  readonly lane: Uint32Array;
  readonly firstEvent: Float64Array;
  readonly lastEvent: Float64Array;
  /** Where each lane's slices begin; one more entry than lanes. */
  readonly laneStart: Uint32Array;
  readonly tracks: readonly TimelineTrack[];
  name(slice: number): string;
  details(slice: number): readonly (readonly [key: string, value: string | number])[];
}

export async function readPacked(base64: string): Promise<PackedTimeline> {
  const binary = atob(base64.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const packed: PackedTimeline = await new Response(stream).json();
  return packed;
}

export function unpackSlices(packed: PackedTimeline): Slices {
  const count = packed.startDelta.length;
  const start = new Float64Array(count);
  const firstEvent = new Float64Array(count);
  const lane = new Uint32Array(count);
  const laneStart = new Uint32Array(packed.perTrack.length + 1);
  let slice = 0;
  packed.perTrack.forEach((length, track) => {
    laneStart[track] = slice;
    let [time, event] = [0, 0];
    for (const stop = slice + length; slice < stop; slice++) {
      start[slice] = time += packed.startDelta[slice];
      firstEvent[slice] = event += packed.eventDelta[slice];
      lane[slice] = track;
    }
  });
  laneStart[packed.perTrack.length] = slice;
  const inShape = positionsInShape(packed.shape, packed.shapes.length);
  return {
    count,
    start,
    end: start.map((time, i) => time + packed.duration[i]),
    style: Uint8Array.from(packed.style),
    lane,
    firstEvent,
    lastEvent: firstEvent.map((event, i) => event + packed.eventSpan[i]),
    laneStart,
    tracks: packed.tracks,
    name: (each) => packed.strings[packed.name[each]],
    details: (each) =>
      packed.shapes[packed.shape[each]].map((column) => [
        packed.strings[column.key],
        detailOf(column, inShape[each], packed.strings),
      ]),
  };
}

function positionsInShape(shape: readonly number[], shapes: number): Uint32Array {
  const next = new Uint32Array(shapes);
  return Uint32Array.from(shape, (number) => next[number]++);
}

function detailOf(column: DetailColumn, position: number, strings: readonly string[]): string | number {
  const value = column.values[position];
  if (typeof value !== 'number') return strings[value[0]];
  return column.kind === 'string' ? strings[value] : value;
}
