/** The density of events is measured over runs of so many pushes ... */
const RUN = 16;
/** ... of which so many make a judgement: an odd number, for its median. */
const RUNS = 15;
/** Pushes from one run to the next, at first and later. */
const FIRST_PAUSE = 32;
const PAUSE = 1024;

/**
 * How far apart the events of a queue are, from samples of how far time gets while so many are pushed.
 *
 * The median of short runs is what a wheel of buckets needs: the mean of a long stretch would be that of
 * its idle times. A queue compares its count of pushes with `due` and calls `step` when it gets there;
 * nothing is done in between.
 */
export class EventDensity {
  /** The push at which the next step is to be made. */
  due = FIRST_PAUSE;
  #pause = FIRST_PAUSE;
  /** Time at which the run began; -1 between runs. */
  #began = -1;
  #runs = 0;
  readonly #gaps = new Float64Array(RUNS);

  /** Forgets what was measured; `pushes` is the count to go on from. */
  restart(pushes: number): void {
    this.#pause = FIRST_PAUSE;
    this.due = pushes + FIRST_PAUSE;
    this.#began = -1;
    this.#runs = 0;
  }

  /**
   * Begins or ends a run.
   *
   * @param pushes so far
   * @param now time
   * @param size events pending: a judgement, which may cost work on each of them, comes only after several
   *   times as many pushes
   * @returns the distance of two events after the last run of a judgement; -1 otherwise; 0 when time stood
   *   still
   */
  step(pushes: number, now: number, size: number): number {
    if (this.#began < 0) {
      this.#began = now;
      this.due = pushes + RUN;
      return -1;
    }
    this.#gaps[this.#runs++] = (now - this.#began) / RUN;
    this.#began = -1;
    this.due = pushes + this.#pause;
    if (this.#runs < RUNS) return -1;
    this.#runs = 0;
    this.#pause = Math.max(Math.min(2 * this.#pause, PAUSE), size >> 1);
    return this.#gaps.sort()[RUNS >> 1];
  }
}
