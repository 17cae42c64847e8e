/**
 * A thread of a storm: does its operations one after the other until it is told to stop. It hears nothing
 * meanwhile.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { gettid, syscall } from '../ffi/libc.js';
import { pinThisThread } from '../ffi/quick.js';
import { nameThisThread } from '../thread-name.js';
import { repeatCalls } from './call-loop.js';
import { type Control, threadCounts, type ThreadCounts } from './control.js';
import { kindOf } from './kinds/index.js';
import type { Operations, ThreadTask } from './kinds/kind.js';
import { record } from './latencies.js';
import { clock, Pace } from './pace.js';
import type { StormTimes } from './schedule.js';

/** What the worker is started with. */
export interface StormThreadData {
  readonly task: ThreadTask;
  readonly control: Control;
  readonly counts: SharedArrayBuffer;
  readonly times: StormTimes;
  readonly cpu: number | undefined;
}

/** What it says when it is ready. */
export interface StormThreadReady {
  readonly tid: number;
}

const SYS_PRCTL = 157;
const PR_SET_TIMERSLACK = 29;

function work({ task, control, counts: buffer, times, cpu }: StormThreadData): void {
  const counts = threadCounts(buffer);
  const pace = new Pace(control, times, counts.delay);
  const kind = kindOf(task.storm);
  const calls = kind.calls?.(task);
  const operations = kind.operations?.(task, counts.effects, pace);
  try {
    // Sleeps end 50 us late otherwise.
    syscall('prctl', SYS_PRCTL, PR_SET_TIMERSLACK, 1);
    nameThisThread(`storm ${task.storm.name}`);
    if (cpu !== undefined && pinThisThread(cpu) !== 0) throw new Error(`there is no CPU ${cpu} for it`);
    const ready: StormThreadReady = { tid: gettid() };
    const say = (): void => parentPort?.postMessage(ready);
    if (calls !== undefined) repeatCalls(calls, { pace, control, counts, say });
    if (operations !== undefined) {
      say();
      repeat(operations, pace, counts);
    }
  } finally {
    calls?.end?.();
    operations?.end?.();
  }
}

function repeat(operations: Operations, pace: Pace, counts: ThreadCounts): void {
  const { latency, errnos } = counts;
  const hasAfter = operations.after !== undefined;
  let done = 0;
  for (let begun = pace.next(done, clock()); begun >= 0; begun = pace.next(done, begun)) {
    const errno = operations.run();
    const ended = clock();
    record(latency, ended - begun);
    if (errno !== 0) errnos[errno]++;
    counts.operations[0] = ++done;
    if (hasAfter && errno === 0) operations.after?.();
    begun = hasAfter ? clock() : ended;
  }
}

work(workerData as StormThreadData);
