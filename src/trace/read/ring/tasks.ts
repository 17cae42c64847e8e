/**
 * Tasks of ring-buffer events, which carry a tid but no name.
 */
import type { TraceBuilder } from '../../store/builder.js';

/**
 * Task number by tid, named by the comms that the kernel saved; `<idle>` and `<...>` as the kernel prints
 * them.
 */
export function taskLookup(
  comms: ReadonlyMap<number, string>,
  builder: TraceBuilder,
): (tid: number) => number {
  const known = new Map<number, number>();
  let lastTid = -1;
  let lastTask = -1;
  return (tid) => {
    if (tid === lastTid && lastTask >= 0) return lastTask;
    let task = known.get(tid);
    if (task === undefined) {
      task = builder.task(tid, tid === 0 ? '<idle>' : (comms.get(tid) ?? '<...>'));
      known.set(tid, task);
    }
    lastTid = tid;
    lastTask = task;
    return task;
  };
}
