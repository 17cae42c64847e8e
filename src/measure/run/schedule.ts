/**
 * In which order runs are made, and which count. Pure: what a run finds is told to it, and nothing is
 * measured here.
 *
 * 1. Every arm is run once first, and not counted: code is compiled, pages are allocated, workers have
 *    been started once, the arm's settings have had their effect.
 * 2. Then repeat by repeat, every arm in turn (A B A B), so that whatever drifts on the host meets all
 *    arms alike.
 * 3. A run during which the host was busy with something else is rejected and made again at once,
 *    MOST_REJECTED times at most for each place; then it counts, and is marked.
 */

/**
 * Rejections of one place in the order before a run counts although the host was busy. @internal for tests
 */
export const MOST_REJECTED = 2;

/** One run to make. */
export interface Turn {
  /** Index of the arm. */
  readonly arm: number;
  /** From 0; -1: the warm-up of the arm. */
  readonly repeat: number;
  /** From 0: how often this place was tried before. */
  readonly attempt: number;
}

/** What became of a run. */
export type Verdict = 'warm-up' | 'counted' | 'rejected' | 'counted-busy';

/** Hands out turns; every turn must be answered before the next is asked for. */
export class Schedule {
  #place = 0;
  #attempt = 0;
  readonly #places: readonly Omit<Turn, 'attempt'>[];

  constructor(arms: number, repeats: number, warmUp = true) {
    const repeated = Array.from({ length: repeats }, (_, repeat) => repeat);
    this.#places = [...(warmUp ? [-1] : []), ...repeated].flatMap((repeat) =>
      Array.from({ length: arms }, (_, arm) => ({ arm, repeat })),
    );
  }

  /** Runs to make if none is rejected. */
  get total(): number {
    return this.#places.length;
  }

  /** Places that are done with. */
  get done(): number {
    return this.#place;
  }

  /** undefined: all runs are made. */
  next(): Turn | undefined {
    const place = this.#places.at(this.#place);
    return this.#place >= this.#places.length || place === undefined
      ? undefined
      : { ...place, attempt: this.#attempt };
  }

  /** The turn was taken. @param busy whether the host had something else to do meanwhile */
  answer(busy: boolean): Verdict {
    const turn = this.next();
    if (turn === undefined) throw new RangeError('no turn to answer');
    const isWarmUp = turn.repeat < 0;
    if (busy && !isWarmUp && this.#attempt < MOST_REJECTED) {
      this.#attempt++;
      return 'rejected';
    }
    this.#place++;
    this.#attempt = 0;
    if (isWarmUp) return 'warm-up';
    return busy ? 'counted-busy' : 'counted';
  }
}
