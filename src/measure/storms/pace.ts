/** Makes a thread wait until its next operation is due, and no longer than the storm lasts. */
import { performance } from 'node:perf_hooks';
import { type Control, Time, Word } from './control.js';
import { record } from './latencies.js';
import { Schedule, type StormTimes } from './schedule.js';

/** Origin of this thread's performance.now on CLOCK_MONOTONIC, ns. */
const ORIGIN = Number(process.hrtime.bigint()) - performance.now() * 1e6;

/**
 * A sleeping thread may be this late, ns. So it sleeps until so long before an operation is due and looks
 * at the clock from then on: a period of 20 us is kept, for the price of a busy CPU.
 */
const LATE = 60_000;

/** CLOCK_MONOTONIC, ns, without a bigint: a storm reads it once or twice for each operation. */
export function clock(): number {
  return performance.now() * 1e6 + ORIGIN;
}

export class Pace {
  readonly #schedule: Schedule;
  #freeUntil = -Infinity;
  #changes = -1;

  /** Operations may follow one another until then, as long as the storm's word of changes stays as it is. */
  get freeUntil(): number {
    return this.#freeUntil;
  }

  /** What that word was when the last operation was allowed. */
  get changes(): number {
    return this.#changes;
  }

  /**
   * @param control of the storm
   * @param delay histogram of how late operations with a period begin
   */
  constructor(
    private readonly control: Control,
    times: StormTimes,
    private readonly delay: Float64Array,
  ) {
    this.#schedule = new Schedule(times);
  }

  /**
   * Waits for the next operation.
   *
   * @param done operations that were begun before
   * @param now the present time
   * @returns the present time when it may begin; -1: the storm has ended
   */
  next(done: number, now: number): number {
    const { words } = this.control;
    if (now < this.#freeUntil && Atomics.load(words, Word.Changes) === this.#changes) return now;
    return this.#wait(done, now);
  }

  #wait(done: number, from: number): number {
    const { words, times } = this.control;
    const { period, times: most } = this.#schedule.times;
    for (let now = from; ; now = clock()) {
      const changes = Atomics.load(words, Word.Changes);
      if (Atomics.load(words, Word.Stopped) === 1) return -1;
      const isOn = Atomics.load(words, Word.Begun) === 1 && Atomics.load(words, Word.On) === 1;
      const working = isOn ? this.#schedule.next(done, now, times[Time.Begun], times[Time.On]) : undefined;
      if (working === undefined) {
        Atomics.wait(words, Word.Changes, changes);
        continue;
      }
      if (!this.#sleepUntil(working.from, changes)) continue;
      const begins = clock();
      this.#schedule.begins(working.from);
      if (period > 0) record(this.delay, begins - working.from);
      this.#changes = changes;
      this.#freeUntil = period === 0 && most === Infinity ? working.to : -Infinity;
      return begins;
    }
  }

  /** @returns false: somebody switched something before that */
  #sleepUntil(due: number, changes: number): boolean {
    const { words } = this.control;
    for (;;) {
      const left = due - clock();
      if (left <= 0) return true;
      if (left > LATE) Atomics.wait(words, Word.Changes, changes, (left - LATE) / 1e6);
      if (Atomics.load(words, Word.Changes) !== changes) return false;
    }
  }

  /** Sleeps for `ns` in the middle of an operation; less when the storm is stopped. */
  hold(ns: number): void {
    const { words } = this.control;
    const end = clock() + ns;
    while (Atomics.load(words, Word.Stopped) === 0) {
      const left = end - clock();
      if (left <= 0) return;
      const changes = Atomics.load(words, Word.Changes);
      if (Atomics.load(words, Word.Stopped) === 0) Atomics.wait(words, Word.Changes, changes, left / 1e6);
    }
  }
}
