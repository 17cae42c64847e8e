/**
 * Slices of a track that overlap without nesting cannot share one line of a viewer: each goes to the first
 * lane of its track where it nests.
 */
import type { Timeline, TimelineSlice } from '../timeline.js';

/** One line of a track: slices by start, the enclosing one first; any two are apart or nested. */
export interface Lane {
  readonly track: number;
  /** 0 is the track itself, higher numbers lie under it. */
  readonly lane: number;
  readonly slices: readonly TimelineSlice[];
}

/** The lanes of every track, in the order of the tracks; tracks without slices have one empty lane. */
export function lanesOf(timeline: Timeline): Lane[] {
  const byTrack = new Map<number, TimelineSlice[]>(timeline.tracks.map((track) => [track.id, []]));
  for (const slice of timeline.slices) byTrack.get(slice.track)?.push(slice);
  const result: Lane[] = [];
  for (const [track, slices] of byTrack) {
    slices.sort((a, b) => a.start - b.start || b.end - a.end || a.id - b.id);
    packLanes(slices).forEach((lane, number) => result.push({ track, lane: number, slices: lane }));
  }
  return result;
}

function packLanes(slices: readonly TimelineSlice[]): TimelineSlice[][] {
  const lanes: TimelineSlice[][] = [[]];
  /** Per lane, the ends of the slices that are open. */
  const open: number[][] = [[]];
  for (const slice of slices) {
    let lane = 0;
    while (lane < lanes.length && !nests(open[lane], slice)) lane++;
    if (lane === lanes.length) {
      lanes.push([]);
      open.push([]);
    }
    lanes[lane].push(slice);
    open[lane].push(slice.end);
  }
  return lanes;
}

/** Whether a slice fits among the open ones; closes those that ended before it. */
function nests(open: number[], slice: TimelineSlice): boolean {
  while (open.length > 0 && open[open.length - 1] <= slice.start) open.pop();
  return open.length === 0 || slice.end <= open[open.length - 1];
}

/** Begins and ends of a lane in the order of time, ends before the begins that follow. */
export function* edgesOf(lane: Lane): Generator<{ readonly begin: boolean; readonly slice: TimelineSlice }> {
  const open: TimelineSlice[] = [];
  for (const slice of lane.slices) {
    for (let top = open.at(-1); top && top.end <= slice.start; top = open.at(-1)) {
      yield { begin: false, slice: top };
      open.pop();
    }
    yield { begin: true, slice };
    open.push(slice);
  }
  for (const slice of open.toReversed()) yield { begin: false, slice };
}
