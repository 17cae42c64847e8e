/**
 * Which memory each operation of a thread is about, one after the other: the order of simulated storms
 * (stepStart and stepEnd of src/model/host/storm-steps.ts), kept up instead of worked out anew, because an
 * operation may take half a microsecond.
 */
import { permute } from '../../model/guest/permutation.js';
import type { StormSettings } from '../../model/host/settings.js';
import { PAGE } from './pages.js';

export class Walk {
  /** Of the present operation. */
  address = 0;
  /** Bytes. */
  length = 0;
  /** Passes over the range before the present one. */
  pass = 0;
  readonly #first: number;
  readonly #end: number;
  readonly #step: number;
  readonly #steps: number;
  readonly #isRandom: boolean;
  readonly #seed: number;
  #index = -1;

  constructor({ firstPage, pages, stepPages, order, seed }: StormSettings) {
    this.#first = firstPage * PAGE;
    this.#end = this.#first + pages * PAGE;
    this.#step = stepPages * PAGE;
    this.#steps = Math.ceil(pages / stepPages);
    this.#isRandom = order === 'random';
    this.#seed = seed;
  }

  /** To the memory of the next operation; the first time to that of the first. */
  next(): void {
    if (++this.#index === this.#steps) {
      this.#index = 0;
      this.pass++;
    }
    const step = this.#isRandom ? permute(this.#index, this.#steps, this.#seed + this.pass) : this.#index;
    this.address = this.#first + step * this.#step;
    this.length = Math.min(this.#step, this.#end - this.address);
  }
}
