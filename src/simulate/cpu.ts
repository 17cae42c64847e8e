/** A CPU of the modelled host: who runs on it, who waits for it, which interrupts wait. */
import type { SimThread } from './sim-thread.js';

/** A CPU in a snapshot: threads by their numbers, -1 for none. */
export type SavedCpu = Readonly<
  Pick<
    Cpu,
    'needResched' | 'needReschedLazy' | 'since' | 'accounted' | 'minVruntime' | 'idleNs' | 'idleSince'
  > & { current: number; queue: readonly number[]; pending: readonly number[] }
>;

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

  save(): SavedCpu {
    const { needResched, needReschedLazy, since, accounted, minVruntime, idleNs, idleSince } = this;
    return {
      needResched,
      needReschedLazy,
      since,
      accounted,
      minVruntime,
      idleNs,
      idleSince,
      current: this.current?.index ?? -1,
      queue: this.queue.map(({ index }) => index),
      pending: [...this.pending],
    };
  }

  restore({ current, queue, pending, ...rest }: SavedCpu, threads: readonly SimThread[]): void {
    Object.assign(this, rest);
    this.current = threads.at(current === -1 ? threads.length : current);
    this.queue.splice(0, this.queue.length, ...queue.map((index) => threads[index]));
    this.pending.splice(0, this.pending.length, ...pending);
  }

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
