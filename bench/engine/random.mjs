/** The generator that all programs share: xorshift32, and exponential times by inversion. */
let state = 0x9e3779b9 | 0;

export function uniform() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) * 2.3283064365386963e-10;
}

/** @param {number} mean */
export function exponential(mean) {
  return -Math.log(1 - uniform()) * mean;
}

/** @param {number} value */
function seed(value) {
  state = value | 0;
}

/**
 * Runs `work` once for the compiler, once for the clock, and prints what the peers print.
 *
 * @param {(count: number) => number} work does so much, returns the check value
 */
export function timed(work) {
  const count = Number(process.argv[2]);
  work(Math.min(count, 400_000));
  seed(0x9e3779b9);
  const begin = performance.now();
  const check = work(count);
  console.log(`${count} ${((performance.now() - begin) / 1000).toFixed(6)} ${check}`);
}
