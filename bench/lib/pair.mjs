/**
 * Paired timing: A and B in turn, so that what else the machine does hits both.
 */

/**
 * @param {() => number | Promise<number>} a runs A once and returns its milliseconds
 * @param {() => number | Promise<number>} b the same for B
 * @param {number} pairs how many of each
 */
export async function paired(a, b, pairs) {
  /** @type {number[]} */
  const first = [];
  /** @type {number[]} */
  const second = [];
  for (let i = 0; i < pairs; i++) {
    first.push(await a());
    second.push(await b());
  }
  return { a: spread(first), b: spread(second), ratio: spread(first.map((time, i) => second[i] / time)) };
}

/**
 * Smallest, middle and largest.
 *
 * @param {readonly number[]} values
 */
export function spread(values) {
  const sorted = values.toSorted((x, y) => x - y);
  return { min: sorted[0], median: sorted[sorted.length >> 1], max: sorted[sorted.length - 1] };
}

/**
 * @param {{ min: number, median: number, max: number }} times
 * @param {(value: number) => string} format
 */
export function show({ min, median, max }, format) {
  return `${format(median)} (${format(min)} to ${format(max)})`;
}

/** @param {number} value milliseconds */
export const ms = (value) => `${value.toFixed(0)} ms`;
/** @param {number} value ratio */
export const times = (value) => `${value.toFixed(1)}x`;
