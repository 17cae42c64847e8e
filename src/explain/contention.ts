/**
 * How crowded each lock was: most waiters at once, and the time during which somebody waited.
 */
import type { Trace } from '../trace/store/trace.js';
import { groupBy } from './tables.js';
import { WaitState, type Waits } from './waits.js';

export interface Contention {
  readonly mostWaiters: number;
  readonly contendedNs: number;
}

/**
 * Per lock. Waits that the end of the trace cuts off count up to there; begins whose end was lost do not
 * count, since nothing tells how long they waited.
 */
export function contentionOf(trace: Trace, waits: Waits): Contention[] {
  const { offsets, rows } = groupBy(waits.lock, waits.count, waits.locks.addresses.length);
  const last = trace.length > 0 ? trace.time[trace.length - 1] : 0;
  return waits.locks.addresses.map((_, lock) => {
    const known = rows
      .subarray(offsets[lock], offsets[lock + 1])
      .filter((wait) => waits.state[wait] !== WaitState.unmatched);
    const begins = Float64Array.from(known, (wait) => trace.time[waits.beginEvent[wait]]);
    const ends = Float64Array.from(known, (wait) =>
      waits.state[wait] === WaitState.matched ? trace.time[waits.endEvent[wait]] : last,
    );
    return sweep(begins, ends.sort());
  });
}

/** @param begins ascending  @param ends ascending, not in the order of the begins */
function sweep(begins: Float64Array, ends: Float64Array): Contention {
  let mostWaiters = 0;
  let contendedNs = 0;
  let waiting = 0;
  let since = 0;
  for (let begin = 0, end = 0; end < ends.length;) {
    // At equal times the begin comes first: a wait of no length is still a waiter.
    if (begin < begins.length && begins[begin] <= ends[end]) {
      if (waiting === 0) since = begins[begin];
      begin++;
      mostWaiters = Math.max(mostWaiters, ++waiting);
    } else {
      waiting--;
      if (waiting === 0) contendedNs += ends[end] - since;
      end++;
    }
  }
  return { mostWaiters, contendedNs };
}
