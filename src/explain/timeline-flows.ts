/**
 * Arrows of the timeline: from a lock wait or a retried episode to the invalidation that it waited for, or
 * from a lock wait to the wait that got the lock before it.
 */
import type { TimelineFlow } from '../trace/timeline.js';
import type { Analysis } from './analysis.js';
import { underWayAtMostNs } from './summarise-invalidations.js';
import { NONE } from './tables.js';

/** Slice of each row, -1 where it has none. */
export interface SliceIds {
  readonly ofEpisode: Int32Array;
  readonly ofInvalidation: Int32Array;
  readonly ofWait: Int32Array;
}

/** How far back to look for long invalidations that are still under way; bounds the work on dense traces. */
const MOST_LOOKBACK = 2000;

export function flowsOf(analysis: Analysis, ids: SliceIds): TimelineFlow[] {
  const spans = new InvalidationSpans(analysis);
  return [...waitFlows(analysis, ids, spans), ...episodeFlows(analysis, ids, spans)];
}

function waitFlows(analysis: Analysis, ids: SliceIds, spans: InvalidationSpans): TimelineFlow[] {
  const { invalidations, trace, waits, yields } = analysis;
  const flows: TimelineFlow[] = [];
  /** Latest wait that ended on each lock. */
  const latest = new Map<number, number>();
  for (const wait of waits.endOrder) {
    const before = latest.get(waits.lock[wait]);
    latest.set(waits.lock[wait], wait);
    if (ids.ofWait[wait] < 0) continue;
    const [start, end] = [trace.time[waits.beginEvent[wait]], trace.time[waits.endEvent[wait]]];
    // Only zappers hold mmu_lock for long: an invalidation that zapped nothing is no good explanation.
    const zaps = (row: number) =>
      invalidations.leaves[row] > 0 && invalidations.thread[row] !== waits.thread[wait];
    const yielded = yields.handoverOf[wait];
    const holder = yielded !== NONE ? yielded : spans.longestOverlap(start, end, zaps);
    if (holder !== NONE && ids.ofInvalidation[holder] >= 0) {
      const name = yielded === NONE ? 'waited for the zapper' : 'got the lock in a yield';
      flows.push({ from: ids.ofWait[wait], to: ids.ofInvalidation[holder], name });
    } else if (
      before !== undefined &&
      ids.ofWait[before] >= 0 &&
      waits.endEvent[before] > waits.beginEvent[wait]
    ) {
      if (waits.thread[before] !== waits.thread[wait]) {
        flows.push({ from: ids.ofWait[wait], to: ids.ofWait[before], name: 'queued behind' });
      }
    }
  }
  return flows;
}

function episodeFlows(analysis: Analysis, ids: SliceIds, spans: InvalidationSpans): TimelineFlow[] {
  const { attempts, causes, episodes, mapping } = analysis;
  const flows: TimelineFlow[] = [];
  for (let row = 0; row < episodes.count; row++) {
    if (ids.ofEpisode[row] < 0 || episodes.retried[row] === 0) continue;
    const [start, end] = [episodes.start[row], episodes.end[row]];
    const frame = attempts.gfn[episodes.first[row]];
    const blamed = (at: number) => causes.retries[at] > 0;
    const covers = (at: number) => blamed(at) && causes.gfnStart[at] <= frame && frame < causes.gfnEnd[at];
    let cause = mapping.known ? spans.longestOverlap(start, end, covers) : NONE;
    if (cause === NONE) cause = spans.longestOverlap(start, end, blamed);
    if (cause === NONE || ids.ofInvalidation[cause] < 0) continue;
    flows.push({ from: ids.ofEpisode[row], to: ids.ofInvalidation[cause], name: 'retried because of' });
  }
  return flows;
}

/** Finds invalidations by time: sorted by start, with the latest end so far beside each. */
class InvalidationSpans {
  readonly #start: Float64Array;
  readonly #end: Float64Array;
  readonly #latestEnd: Float64Array;

  constructor(analysis: Analysis) {
    const { invalidations, trace } = analysis;
    this.#start = new Float64Array(invalidations.count);
    this.#end = new Float64Array(invalidations.count);
    this.#latestEnd = new Float64Array(invalidations.count);
    let latest = -Infinity;
    for (let row = 0; row < invalidations.count; row++) {
      this.#start[row] = trace.time[invalidations.startEvent[row]];
      this.#end[row] = this.#start[row] + underWayAtMostNs(analysis, row);
      latest = Math.max(latest, this.#end[row]);
      this.#latestEnd[row] = latest;
    }
  }

  /** Among those accepted, the one that overlaps [start, end] longest; NONE when none does. */
  longestOverlap(start: number, end: number, accepts: (row: number) => boolean): number {
    let best = NONE;
    let longest = -1;
    const last = this.#lastBefore(end);
    for (let row = last; row >= 0 && row > last - MOST_LOOKBACK && this.#latestEnd[row] >= start; row--) {
      const overlap = Math.min(end, this.#end[row]) - Math.max(start, this.#start[row]);
      if (overlap < 0 || overlap <= longest || !accepts(row)) continue;
      longest = overlap;
      best = row;
    }
    return best;
  }

  /** Last invalidation that starts at or before `time`; -1 when none does. */
  #lastBefore(time: number): number {
    let low = 0;
    let high = this.#start.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#start[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
