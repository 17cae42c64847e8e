/**
 * How long a thread was off the CPU: what a stall consists of when it is neither faults nor lock waits.
 */
import type { Trace } from '../trace/store/trace.js';
import { firstAfter } from './episodes.js';

/**
 * Time within [start, end] between a sched_switch away from thread `tid` and the next one to it, ns.
 *
 * Undefined when the trace has no sched_switch events. Reads every switch in the interval: for single rows,
 * not tables.
 */
export function offCpuNs(trace: Trace, tid: number, start: number, end: number): number | undefined {
  const table = trace.named('sched_switch');
  const [previous, next] = [table?.column('prev_pid'), table?.column('next_pid')];
  if (!table || !previous || !next) return undefined;
  let total = 0;
  let leftAt: number | undefined;
  for (let row = firstAfter(table.events, trace.firstAt(start) - 1); row < table.length; row++) {
    const time = trace.time[table.events[row]];
    if (time > end) break;
    if (previous.number(row) === tid) leftAt = time;
    else if (next.number(row) === tid && leftAt !== undefined) {
      total += time - leftAt;
      leftAt = undefined;
    }
  }
  return leftAt === undefined ? total : total + end - leftAt;
}
