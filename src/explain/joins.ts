/**
 * Which attempt and which invalidation each lock wait fell into.
 */
import type { Trace } from '../trace/store/trace.js';
import type { Attempts } from './attempts.js';
import type { Invalidations } from './invalidations.js';
import { groupBy, NONE } from './tables.js';
import type { Threads } from './threads.js';
import { WaitState, type Waits } from './waits.js';

export interface Joins {
  /** Attempt and invalidation of the waiting thread that each wait began in; NONE when in neither. */
  readonly attemptOfWait: Uint32Array;
  readonly invalidationOfWait: Uint32Array;
  /** ns waited for locks inside each; a wait nested in another is not counted twice. */
  readonly attemptWaitNs: Float64Array;
  readonly invalidationWaitNs: Float64Array;
  /** ns waited for locks by each thread, in and out of faults. */
  readonly threadWaitNs: Float64Array;
}

export function joinWaits(
  trace: Trace,
  threads: Threads,
  waits: Waits,
  attempts: Attempts,
  invalidations: Invalidations,
): Joins {
  const attemptOfWait = rowsAt(waits, threads, attempts);
  const invalidationOfWait = rowsAt(waits, threads, invalidations);
  const attemptWaitNs = new Float64Array(attempts.count);
  const invalidationWaitNs = new Float64Array(invalidations.count);
  const threadWaitNs = new Float64Array(threads.count);
  const waitedUntil = new Uint32Array(threads.count);
  for (let wait = 0; wait < waits.count; wait++) {
    if (waits.state[wait] !== WaitState.matched) continue;
    const thread = waits.thread[wait];
    const [begin, end] = [waits.beginEvent[wait], waits.endEvent[wait]];
    if (begin < waitedUntil[thread] && threads.tid[thread] !== 0) continue;
    waitedUntil[thread] = end;
    const duration = trace.time[end] - trace.time[begin];
    threadWaitNs[thread] += duration;
    if (attemptOfWait[wait] !== NONE) attemptWaitNs[attemptOfWait[wait]] += duration;
    if (invalidationOfWait[wait] !== NONE) invalidationWaitNs[invalidationOfWait[wait]] += duration;
  }
  return { attemptOfWait, invalidationOfWait, attemptWaitNs, invalidationWaitNs, threadWaitNs };
}

interface Windows {
  readonly count: number;
  readonly thread: Uint32Array;
  readonly startEvent: Uint32Array;
  readonly endEvent: Uint32Array;
}

/** For each wait, the window of its thread that it began in. */
function rowsAt(waits: Waits, threads: Threads, windows: Windows): Uint32Array {
  const { offsets, rows } = groupBy(windows.thread, windows.count, threads.count);
  const cursor = offsets.slice(0, threads.count);
  const result = new Uint32Array(waits.count).fill(NONE);
  for (let wait = 0; wait < waits.count; wait++) {
    const thread = waits.thread[wait];
    const begin = waits.beginEvent[wait];
    while (cursor[thread] < offsets[thread + 1] && windows.startEvent[rows[cursor[thread]]] < begin)
      cursor[thread]++;
    if (cursor[thread] === offsets[thread]) continue;
    const window = rows[cursor[thread] - 1];
    if (begin < windows.endEvent[window]) result[wait] = window;
  }
  return result;
}
