/**
 * Outcomes of attempts, and episodes: runs of consecutive attempts of one thread on one page.
 */
import type { Trace } from '../trace/store/trace.js';
import type { Attempts } from './attempts.js';
import { Seen } from './seen.js';
import { NONE } from './tables.js';
import type { Threads } from './threads.js';

/** Outcomes in the order of their codes in `Episodes.outcome`. */
export const OUTCOMES = ['mapped', 'fast', 'spurious', 'emulated', 'retried', 'unfinished'] as const;
export const Outcome = { mapped: 0, fast: 1, spurious: 2, emulated: 3, retried: 4, unfinished: 5 } as const;

/** One row per episode. */
export interface Episodes {
  readonly count: number;
  readonly thread: Uint32Array;
  readonly page: Float64Array;
  readonly first: Uint32Array;
  readonly last: Uint32Array;
  readonly attempts: Uint32Array;
  readonly retried: Uint32Array;
  /**
   * ns; from the first fault to the end of the last attempt (its last known event when the end is missing).
   */
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** Episode of each attempt. */
  readonly ofAttempt: Uint32Array;
}

/**
 * Exclusive outcome of every attempt. A request without an entry (`lostRace`) is told from a spurious fault
 * by whether another thread changed the same entry after the request.
 */
export function outcomesOf(
  trace: Trace,
  threads: Threads,
  attempts: Attempts,
): { outcome: Uint8Array; lostRace: Uint8Array } {
  const outcome = new Uint8Array(attempts.count);
  const lostRace = new Uint8Array(attempts.count);
  const setIsTraced = trace.named('kvm_mmu_set_spte') !== undefined;
  const changes = new EntryChanges(trace, threads);
  for (let row = 0; row < attempts.count; row++) {
    const flags = attempts.flags[row];
    const cutOff = (flags & Seen.ended) === 0 && attempts.next[row] === NONE;
    if (flags & Seen.mmio) outcome[row] = Outcome.emulated;
    else if (flags & Seen.set || (flags & Seen.requested && !setIsTraced)) outcome[row] = Outcome.mapped;
    else if (flags & Seen.fastFixed) outcome[row] = Outcome.fast;
    else if (flags & Seen.fastSpurious) outcome[row] = Outcome.spurious;
    else if (cutOff) outcome[row] = Outcome.unfinished;
    else if (flags & Seen.requested) {
      lostRace[row] = changes.byOthers(attempts, row) ? 1 : 0;
      outcome[row] = lostRace[row] ? Outcome.retried : Outcome.spurious;
    } else outcome[row] = Outcome.retried;
  }
  return { outcome, lostRace };
}

/** Looks up who changed an entry; used for the few attempts that asked for a mapping and set none. */
class EntryChanges {
  constructor(
    readonly trace: Trace,
    readonly threads: Threads,
  ) {}

  byOthers(attempts: Attempts, row: number): boolean {
    const table = this.trace.named('kvm_tdp_mmu_spte_changed');
    const gfn = table?.column('gfn');
    const from = attempts.requestEvent[row];
    const to = attempts.endEvent[row];
    if (!table || !gfn || to === NONE) return false;
    for (let at = firstAfter(table.events, from); at < table.length && table.events[at] < to; at++) {
      const thread = this.threads.ofTask[this.trace.task[table.events[at]]];
      if (thread !== attempts.thread[row] && gfn.number(at) === attempts.gfn[row]) return true;
    }
    return false;
  }
}

/** First index in ascending `events` whose value is above `event`. */
export function firstAfter(events: Uint32Array, event: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (events[middle] <= event) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function episodesOf(
  trace: Trace,
  threads: Threads,
  attempts: Attempts,
  outcome: Uint8Array,
): Episodes {
  const { count, thread, page } = attempts;
  const current = new Uint32Array(threads.count).fill(NONE);
  const ofAttempt = new Uint32Array(count);
  const rows = {
    thread: new Uint32Array(count),
    page: new Float64Array(count),
    first: new Uint32Array(count),
    last: new Uint32Array(count),
    attempts: new Uint32Array(count),
    retried: new Uint32Array(count),
    start: new Float64Array(count),
    end: new Float64Array(count),
  };
  let episodes = 0;
  for (let row = 0; row < count; row++) {
    let episode = current[thread[row]];
    if (episode === NONE || rows.page[episode] !== page[row]) {
      episode = episodes++;
      current[thread[row]] = episode;
      rows.thread[episode] = thread[row];
      rows.page[episode] = page[row];
      rows.first[episode] = row;
      rows.start[episode] = trace.time[attempts.startEvent[row]];
    }
    ofAttempt[row] = episode;
    rows.last[episode] = row;
    rows.attempts[episode]++;
    if (outcome[row] === Outcome.retried) rows.retried[episode]++;
    rows.end[episode] = trace.time[lastEventOf(attempts, row)];
  }
  fillFrames(attempts, ofAttempt, rows);
  return { count: episodes, ...rows, ofAttempt };
}

/** End of an attempt, or the last event that is known to belong to it. */
export function lastEventOf(attempts: Attempts, row: number): number {
  if (attempts.endEvent[row] !== NONE) return attempts.endEvent[row];
  if (attempts.setEvent[row] !== NONE) return attempts.setEvent[row];
  return attempts.requestEvent[row] !== NONE ? attempts.requestEvent[row] : attempts.startEvent[row];
}

/**
 * Guest frames of attempts that never got as far as naming one: that of another attempt of the episode; or,
 * where faulting pages and frames are the same thing (TDP), the page itself.
 */
function fillFrames(attempts: Attempts, ofAttempt: Uint32Array, rows: { first: Uint32Array }): void {
  const { gfn, page, count } = attempts;
  const known = new Float64Array(rows.first.length).fill(-1);
  let same = 0;
  let different = 0;
  for (let row = 0; row < count; row++) {
    if (gfn[row] < 0) continue;
    known[ofAttempt[row]] = gfn[row];
    if (gfn[row] === page[row]) same++;
    else different++;
  }
  const identity =
    attempts.source === 'kvm_page_fault' ? same >= 10 * different : same > 0 && different === 0;
  for (let row = 0; row < count; row++) {
    if (gfn[row] >= 0) continue;
    gfn[row] = known[ofAttempt[row]];
    if (gfn[row] < 0 && identity) gfn[row] = page[row];
  }
}
