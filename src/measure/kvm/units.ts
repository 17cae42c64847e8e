/** Sizes of pages on x86-64, and rounding to them. Sizes are numbers: whole up to 2^53. */

export const PAGE_BYTES = 4096;

/** @param step above 0 */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
