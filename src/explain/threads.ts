/**
 * Threads of a trace: a trace's tasks are (tid, comm) pairs; here one thread is one tid under its best name.
 */
import type { Trace } from '../trace/store/trace.js';

export interface Threads {
  readonly count: number;
  /** Thread of each task of the trace. */
  readonly ofTask: Uint32Array;
  readonly tid: readonly number[];
  readonly comm: readonly string[];
}

/** Names that trace tools print when they do not know one. */
const NAMELESS = new Set(['<...>', '<unknown>', '']);

export function threadsOf(trace: Trace): Threads {
  const index = new Map<number, number>();
  const tid: number[] = [];
  const comm: string[] = [];
  const ofTask = Uint32Array.from(trace.tasks, (task) => {
    let thread = index.get(task.tid);
    if (thread === undefined) {
      thread = tid.length;
      index.set(task.tid, thread);
      tid.push(task.tid);
      comm.push(task.comm);
    } else if (NAMELESS.has(comm[thread])) {
      comm[thread] = task.comm;
    }
    return thread;
  });
  return { count: tid.length, ofTask, tid, comm };
}
