/**
 * When a storm begins its operations: its period, its duty cycle, and the times in which it is on. The
 * rules are those of simulated storms (src/simulate/storm-schedule.ts). All times are ns of one clock.
 */

/** When a storm works, as its scenario has it. */
export interface StormTimes {
  /** From the start of the run. */
  readonly start: number;
  readonly stop: number;
  /** Of each cycle the first `duty` is worked; cycle 0: always. */
  readonly cycle: number;
  readonly duty: number;
  /** From the start of one operation to the start of the next; 0: one after the other. */
  readonly period: number;
  /** Operations of each thread. */
  readonly times: number;
}

/** The same, with what a spec leaves out filled in. */
export function timesOf(storm: {
  readonly start: number;
  readonly stop?: number | undefined;
  readonly cycle?: number | undefined;
  readonly duty?: number | undefined;
  readonly period?: number | undefined;
  readonly times?: number | undefined;
}): StormTimes {
  const { start, stop = Infinity, cycle = 0, duty = 1, period = 0, times = Infinity } = storm;
  return { start, stop, cycle, duty, period, times };
}

/** A time in which a storm works. */
interface Working {
  readonly from: number;
  /** Operations may begin before this. */
  readonly to: number;
}

/**
 * The next time in which a storm that is on works, at `now` or later.
 *
 * @param begun when the run began
 * @param on when the storm was switched on: cycles begin there
 * @returns undefined when there is none
 */
export function nextWorking(times: StormTimes, now: number, begun: number, on: number): Working | undefined {
  const { start, stop, cycle, duty } = times;
  const first = Math.max(begun + start, on);
  const end = begun + stop;
  let from = Math.max(now, first);
  let to = end;
  if (cycle > 0 && duty < 1) {
    const worked = duty * cycle;
    const phase = (from - first) % cycle;
    if (phase >= worked) from += cycle - phase;
    to = Math.min(end, phase >= worked ? from + worked : from + worked - phase);
  }
  return from < to ? { from, to } : undefined;
}

/** The operations of one thread, one after the other. */
export class Schedule {
  #last = -Infinity;

  constructor(readonly times: StormTimes) {}

  /**
   * When the next operation may begin, at `now` or later.
   *
   * @param done operations that were begun before
   * @returns undefined when there is none, unless the storm is switched on again
   */
  next(done: number, now: number, begun: number, on: number): Working | undefined {
    if (done >= this.times.times) return undefined;
    return nextWorking(this.times, Math.max(now, this.#last + this.times.period), begun, on);
  }

  /** An operation that was due at `due` begins. Those that take longer than their period do not pile up. */
  begins(due: number): void {
    this.#last = due;
  }
}
