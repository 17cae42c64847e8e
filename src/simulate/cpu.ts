/** A CPU of the modelled host: who runs on it, who waits for it, which interrupts wait. */
import type { SimThread } from './sim-thread.js';

export class Cpu {
  /** Thread that runs; undefined: idle. */
  current: SimThread | undefined = undefined;
  /** Threads that could run, in the order of their virtual run time. */
  readonly queue: SimThread[] = [];
  /** TIF_NEED_RESCHED of the running thread. */
  needResched = false;
  /** TIF_NEED_RESCHED_LAZY */
  needReschedLazy = false;
  /** Interrupts that wait until the CPU takes interrupts: senders, or TICK. */
  readonly pending: number[] = [];
  /** When the running thread got the CPU, and up to when its run time is accounted. */
  since = 0;
  accounted = 0;
  /** Virtual run time below which no waiting thread lies. */
  minVruntime = 0;
  /** ns spent idle, for results. */
  idleNs = 0;
  /** -1: not idle. */
  idleSince = 0;

  constructor(readonly id: number) {}

  /** Puts a thread into the queue by its virtual run time; equals go behind. */
  enqueue(thread: SimThread): void {
    let at = this.queue.length;
    while (at > 0 && this.queue[at - 1].vruntime > thread.vruntime) at--;
    this.queue.splice(at, 0, thread);
  }
}

/** In `Cpu.pending`: the timer tick; other numbers are indices of threads that sent an interrupt. */
export const TICK = -1;
/** In `Cpu.pending`: a reschedule interrupt. */
export const RESCHEDULE = -2;
