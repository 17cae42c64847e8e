/**
 * Chooses the slices that a page draws singly when there are too many: the longest of each lane, and all that
 * arrows point at as far as there is room. The rest is counted in buckets of time, and the page says so.
 */
import type { Timeline, TimelineSlice } from '../../trace/timeline.js';
import { styleOf, type Density } from './packed.js';

export interface Reduced {
  readonly kept: readonly TimelineSlice[];
  readonly density: readonly Density[];
  readonly densityBucketNs: number;
  /** Every merged slice is shorter than this; 0 when none was merged. */
  readonly mergedBelowNs: number;
}

/** Buckets over the whole trace: finer than the pixels of a wide screen showing all of it. */
const BUCKETS = 4096;

/** @param most slices to keep over all lanes */
export function reduce(timeline: Timeline, range: { start: number; end: number }, most: number): Reduced {
  const densityBucketNs = Math.max(1, (range.end - range.start) / BUCKETS);
  const { slices } = timeline;
  if (slices.length <= most) return { kept: slices, density: [], densityBucketNs, mergedBelowNs: 0 };
  const lanes = byTrack(slices);
  const quota = fairQuota(
    [...lanes.values()].map((lane) => lane.length),
    most,
  );
  const kept: TimelineSlice[] = [];
  const density: Density[] = [];
  let mergedBelowNs = 0;
  for (const [track, lane] of lanes) {
    if (lane.length <= quota) {
      kept.push(...lane);
      continue;
    }
    const longestFirst = lane.toSorted((a, b) => b.end - b.start - (a.end - a.start) || a.start - b.start);
    const merged = longestFirst.slice(quota);
    kept.push(...longestFirst.slice(0, quota));
    mergedBelowNs = Math.max(mergedBelowNs, merged[0].end - merged[0].start + 1);
    density.push(...densityOf(track, merged, range.start, densityBucketNs));
  }
  return { kept, density, densityBucketNs, mergedBelowNs };
}

function byTrack(slices: readonly TimelineSlice[]): Map<number, TimelineSlice[]> {
  const lanes = new Map<number, TimelineSlice[]>();
  for (const slice of slices) {
    const lane = lanes.get(slice.track);
    if (lane) lane.push(slice);
    else lanes.set(slice.track, [slice]);
  }
  return lanes;
}

/**
 * Largest share per lane such that all lanes together keep at most `most`: short lanes leave theirs to the
 * long.
 */
function fairQuota(lengths: readonly number[], most: number): number {
  let room = most;
  const ascending = lengths.toSorted((a, b) => a - b);
  for (let i = 0; i < ascending.length; i++) {
    const share = Math.floor(room / (ascending.length - i));
    if (ascending[i] > share) return share;
    room -= ascending[i];
  }
  return most;
}

function densityOf(
  track: number,
  slices: readonly TimelineSlice[],
  origin: number,
  bucketNs: number,
): Density[] {
  const byStyle = new Map<number, Map<number, number>>();
  for (const slice of slices) {
    const style = styleOf(slice);
    const counts = byStyle.get(style) ?? new Map<number, number>();
    byStyle.set(style, counts);
    const middle = (slice.start + slice.end) / 2 - origin;
    const bucket = Math.max(0, Math.min(BUCKETS - 1, Math.floor(middle / bucketNs)));
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  return [...byStyle].map(([style, counts]) => {
    const sorted = [...counts].toSorted(([a], [b]) => a - b);
    return {
      track,
      style,
      buckets: sorted.map(([bucket], i) => (i === 0 ? bucket : bucket - sorted[i - 1][0])),
      counts: sorted.map(([, count]) => count),
    };
  });
}
