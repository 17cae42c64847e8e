/** When a storm begins its operations: its period, its duty cycle, and the times in which it is on. */

export interface StormTimes {
  /** From the start of one operation to the start of the next; 0: one after the other. */
  readonly periodNs: number;
  /** Of each cycle the first `dutyShare` is worked. 0: always. */
  readonly cycleNs: number;
  readonly dutyShare: number;
  /** Operations; 0: no limit. */
  readonly times: number;
  readonly active: readonly { readonly startNs: number; readonly stopNs: number }[];
}

export class StormSchedule {
  #last = -Infinity;

  constructor(readonly times: StormTimes) {}

  /** When the last of its times is over. */
  get end(): number {
    return this.times.active.at(-1)?.stopNs ?? 0;
  }

  /**
   * @param done operations that were begun before
   * @param now ns
   * @returns when the next one may begin, now or later; Infinity: none does
   */
  next(done: number, now: number): number {
    const { periodNs, times } = this.times;
    if (times > 0 && done >= times) return Infinity;
    const due = this.#inActive(Math.max(now, this.#last + periodNs));
    // Operations that take longer than their period do not pile up.
    this.#last = due;
    return due;
  }

  #inActive(from: number): number {
    const { active, cycleNs, dutyShare } = this.times;
    let due = from;
    for (const { startNs, stopNs } of active) {
      if (due >= stopNs) continue;
      due = Math.max(due, startNs);
      if (cycleNs > 0 && dutyShare < 1) {
        const phase = (due - startNs) % cycleNs;
        if (phase >= dutyShare * cycleNs) due += cycleNs - phase;
      }
      if (due < stopNs) return due;
    }
    return Infinity;
  }

  /** For snapshots. */
  save(): number {
    return this.#last;
  }

  restore(last: number): void {
    this.#last = last;
  }
}
