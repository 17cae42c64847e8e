/**
 * Order without a generator: hashes and permutations that are pure functions of an index and a seed.
 */

/** 32 well-mixed bits of an index and a seed (the finaliser of MurmurHash3). */
export function hash(index: number, seed: number): number {
  let x = Math.imul(index ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13) ^ seed, 0xc2b2ae35);
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  return (x ^ (x >>> 15)) >>> 0;
}

/**
 * Where `index` of 0 .. count-1 goes: each place exactly once. A bijection of the next power of two, walked
 * until it falls inside: less than two rounds on average. Counts are below 2^31.
 */
export function permute(index: number, count: number, seed: number): number {
  if (count <= 2) return count === 2 ? index ^ (seed & 1) : 0;
  const bits = 32 - Math.clz32(count - 1);
  const mask = 2 ** bits - 1;
  const shift = (bits + 1) >>> 1;
  const key = hash(seed, count);
  let x = index;
  do {
    x = Math.imul((x + key) & mask, 0x2c1b3c6d) & mask;
    x ^= x >>> shift;
    x = Math.imul(x ^ ((key >>> 7) & mask), 0x297a2d39) & mask;
    x ^= x >>> shift;
    x = Math.imul((x + (key >>> 3)) & mask, 0x9e3779b1) & mask;
  } while (x >= count);
  return x;
}
