/**
 * Why attempts were retried: replay of what KVM's retry check saw.
 *
 * KVM remembers one range for all invalidations under way: their hull, which only grows until none is left. A
 * fault inside it retries, even where no single invalidation covers it; and every invalidation that ends
 * advances a sequence number that all faults in flight compare.
 */
import type { Trace } from '../trace/store/trace.js';
import type { Attempts } from './attempts.js';
import { lastEventOf, Outcome } from './episodes.js';
import type { Invalidations } from './invalidations.js';
import { framesOf } from './mapping.js';
import { NONE } from './tables.js';
import type { MappingSummary, RetryCause } from './types.js';

export const CAUSES: readonly RetryCause[] = [
  'invalidation-in-flight',
  'invalidation-hull',
  'sequence-bump',
  'lost-race',
  'waited-for-lock',
  'unknown',
];
const Cause = { inFlight: 0, hull: 1, bump: 2, lostRace: 3, waited: 4, unknown: 5 } as const;

export interface Causes {
  /** Index into CAUSES per attempt; meaningful for retried ones. */
  readonly cause: Uint8Array;
  /** 1: rests on an inferred end, an inferred mapping, or several VMs in one trace. */
  readonly likely: Uint8Array;
  /** Agents (bit per index of `agentCodes`) of the invalidations that explain the attempt. */
  readonly agents: Uint32Array;
  /** Per invalidation: attempts retried because of it. */
  readonly retries: Uint32Array;
  /** Guest frames of each invalidation; -1 when it hit no guest memory, or the mapping is unknown. */
  readonly gfnStart: Float64Array;
  readonly gfnEnd: Float64Array;
  /** Most invalidations of guest memory under way at once. */
  readonly mostAtOnce: number;
}

interface Input {
  readonly trace: Trace;
  readonly attempts: Attempts;
  readonly outcome: Uint8Array;
  readonly lostRace: Uint8Array;
  readonly attemptWaitNs: Float64Array;
  readonly invalidations: Invalidations;
  readonly mapping: MappingSummary;
  /** Bit of the agent of each invalidation. */
  readonly agentBit: (row: number) => number;
}

export function causesOf(input: Input): Causes {
  return new CausePass(input).run();
}

class CausePass {
  readonly #result;
  readonly #startTime: Float64Array;
  /** At least, and at most. */
  readonly #sureEnd: Float64Array;
  readonly #lateEnd: Float64Array;
  /** Invalidations under way, and the hull of their frames. */
  readonly #active: number[] = [];
  #hullStart = Infinity;
  #hullEnd = -Infinity;
  #next = 0;
  #mostAtOnce = 0;
  /** No active invalidation ends before this time. */
  #earliestEnd = Infinity;

  constructor(readonly input: Input) {
    const { trace, attempts, invalidations, mapping } = input;
    const { count } = invalidations;
    this.#result = {
      cause: new Uint8Array(attempts.count),
      likely: new Uint8Array(attempts.count),
      agents: new Uint32Array(attempts.count),
      retries: new Uint32Array(count),
      gfnStart: new Float64Array(count).fill(-1),
      gfnEnd: new Float64Array(count).fill(-1),
    };
    this.#startTime = new Float64Array(count);
    this.#sureEnd = new Float64Array(count);
    this.#lateEnd = new Float64Array(count);
    for (let row = 0; row < count; row++) {
      // Without any later event of its task nothing speaks for an invalidation beyond its last sign of life.
      const end = invalidations.exactEnd[row] ? NONE : invalidations.endEvent[row];
      this.#startTime[row] = trace.time[invalidations.startEvent[row]];
      this.#sureEnd[row] = trace.time[invalidations.lastEvent[row]];
      this.#lateEnd[row] = end === NONE ? this.#sureEnd[row] : trace.time[end];
      if (!mapping.known) continue;
      const frames = framesOf(mapping.slots, invalidations.pageStart[row], invalidations.pageEnd[row]);
      if (frames) [this.#result.gfnStart[row], this.#result.gfnEnd[row]] = frames;
    }
  }

  run(): Causes {
    const { trace, attempts, outcome } = this.input;
    for (let row = 0; row < attempts.count; row++) {
      if (outcome[row] !== Outcome.retried) continue;
      const start = trace.time[attempts.startEvent[row]];
      this.#advance(start);
      this.#explain(row, start, trace.time[lastEventOf(attempts, row)]);
    }
    this.#advance(Infinity);
    return { ...this.#result, mostAtOnce: this.#mostAtOnce };
  }

  #hitsGuest(invalidation: number): boolean {
    return !this.input.mapping.known || this.#result.gfnStart[invalidation] >= 0;
  }

  /** Bring the set of invalidations under way to `time`. */
  #advance(time: number): void {
    const { invalidations } = this.input;
    for (; this.#next < invalidations.count && this.#startTime[this.#next] <= time; this.#next++) {
      if (!this.#hitsGuest(this.#next)) continue;
      this.#retire(this.#startTime[this.#next]);
      this.#active.push(this.#next);
      this.#earliestEnd = Math.min(this.#earliestEnd, this.#lateEnd[this.#next]);
      this.#hullStart = Math.min(this.#hullStart, this.#result.gfnStart[this.#next]);
      this.#hullEnd = Math.max(this.#hullEnd, this.#result.gfnEnd[this.#next]);
      this.#mostAtOnce = Math.max(this.#mostAtOnce, this.#active.length);
    }
    if (time < Infinity) this.#retire(time);
  }

  #retire(time: number): void {
    if (time <= this.#earliestEnd) return;
    let kept = 0;
    this.#earliestEnd = Infinity;
    for (const row of this.#active) {
      if (this.#lateEnd[row] < time) continue;
      this.#active[kept++] = row;
      this.#earliestEnd = Math.min(this.#earliestEnd, this.#lateEnd[row]);
    }
    this.#active.length = kept;
    if (kept > 0) return;
    this.#hullStart = Infinity;
    this.#hullEnd = -Infinity;
  }

  /** Invalidations that overlap [start, end]: those under way, and those that begin before the end. */
  #overlapping(end: number): number[] {
    const rows = [...this.#active];
    for (let row = this.#next; row < this.input.invalidations.count && this.#startTime[row] < end; row++) {
      if (this.#hitsGuest(row)) rows.push(row);
    }
    return rows;
  }

  #explain(row: number, start: number, end: number): void {
    const { attempts, lostRace, mapping, attemptWaitNs } = this.input;
    const result = this.#result;
    if (lostRace[row]) {
      result.cause[row] = Cause.lostRace;
      return;
    }
    const frame = attempts.gfn[row];
    const overlapping = this.#overlapping(end);
    const covers = (at: number) => frame >= 0 && result.gfnStart[at] <= frame && frame < result.gfnEnd[at];
    const covering = mapping.known ? overlapping.filter(covers) : [];
    if (covering.length > 0) return this.#blame(row, Cause.inFlight, covering, start);
    if (mapping.known && frame >= 0 && this.#hullCovers(frame, overlapping)) {
      return this.#blame(row, Cause.hull, overlapping, start);
    }
    if (overlapping.length > 0) return this.#blame(row, Cause.bump, overlapping, start);
    result.cause[row] = attemptWaitNs[row] > 0 ? Cause.waited : Cause.unknown;
  }

  #hullCovers(frame: number, overlapping: readonly number[]): boolean {
    if (overlapping.length === 0) return false;
    let start = this.#hullStart;
    let end = this.#hullEnd;
    for (const row of overlapping) {
      start = Math.min(start, this.#result.gfnStart[row]);
      end = Math.max(end, this.#result.gfnEnd[row]);
    }
    return start <= frame && frame < end;
  }

  #blame(row: number, cause: number, invalidations: readonly number[], start: number): void {
    const { mapping, agentBit } = this.input;
    const result = this.#result;
    result.cause[row] = cause;
    // Sure only if an invalidation was certainly under way when the attempt began, over a mapping beyond
    // doubt.
    const sure = invalidations.some((at) => this.#startTime[at] <= start && start <= this.#sureEnd[at]);
    const mapped = mapping.known && mapping.slots.every((slot) => slot.confidence === 'high');
    result.likely[row] = cause === Cause.inFlight && sure && mapped ? 0 : 1;
    for (const at of invalidations) {
      result.agents[row] |= agentBit(at);
      result.retries[at]++;
    }
  }
}
