/** Which pages an operation of a storm is about: a pure function of how many came before. */
import { permute } from '../guest/permutation.js';
import type { StormSettings } from './settings.js';

/** First page of operation `count` (from 0). */
export function stepStart(storm: StormSettings, count: number): number {
  const steps = Math.ceil(storm.pages / storm.stepPages);
  const index = count % steps;
  const pass = Math.floor(count / steps);
  const step = storm.order === 'random' ? permute(index, steps, storm.seed + pass) : index;
  return storm.firstPage + step * storm.stepPages;
}

/** Page after the last of an operation that begins at `start`. */
export function stepEnd(storm: StormSettings, start: number): number {
  return Math.min(start + storm.stepPages, storm.firstPage + storm.pages);
}
