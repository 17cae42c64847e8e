/**
 * The one source of chance in a simulation: a seeded xorshift128, so that a seed is a run.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    // splitmix32 spreads seeds that differ in one bit over the whole state.
    let state = seed >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) | 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  /** 32 random bits, as a signed number. */
  bits(): number {
    let t = this.#d;
    const s = this.#a;
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.#a = t ^ s ^ (s >>> 19);
    return this.#a;
  }

  /** 0 <= x < 1 */
  unit(): number {
    return (this.bits() >>> 0) * 2.3283064365386963e-10;
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.unit() * below);
  }

  save(): readonly [number, number, number, number] {
    return [this.#a, this.#b, this.#c, this.#d];
  }

  restore([a, b, c, d]: readonly [number, number, number, number]): void {
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }
}

/** Factors of a log-normal distribution with mean 1, at evenly spaced quantiles: one table look-up a draw. */
export const JITTER_SIZE = 1024;

/**
 * A table for each coefficient of variation, undefined for 0. The same for the same: a few tables stay in the
 * processor's cache, one for each cost would not.
 */
export function jitterTables(spreads: ArrayLike<number>): (Float64Array | undefined)[] {
  const tables = new Map<number, Float64Array>();
  return Array.from(spreads, (spread) => {
    if (spread === 0) return undefined;
    const table = tables.get(spread) ?? jitterTable(spread);
    tables.set(spread, table);
    return table;
  });
}

/** @param spread coefficient of variation */
function jitterTable(spread: number): Float64Array {
  const sigma = Math.sqrt(Math.log(1 + spread * spread));
  const table = new Float64Array(JITTER_SIZE);
  let sum = 0;
  for (let index = 0; index < JITTER_SIZE; index++) {
    table[index] = Math.exp(sigma * normalQuantile((index + 0.5) / JITTER_SIZE));
    sum += table[index];
  }
  for (let index = 0; index < JITTER_SIZE; index++) table[index] *= JITTER_SIZE / sum;
  return table;
}

/** Quantile of the normal distribution: Acklam's rational approximation, good to 1e-9 relative. */
function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p > 0.02425) {
    const q = p - 0.5;
    const r = q * q;
    const above =
      (((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
        30.66479806614716) *
        r +
        2.506628277459239) *
      q;
    const below =
      ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
        13.28068155288572) *
        r +
      1;
    return above / below;
  }
  const q = Math.sqrt(-2 * Math.log(p));
  const above =
    ((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) *
      q +
      4.374664141464968) *
      q +
    2.938163982698783;
  const below =
    (((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q +
    1;
  return above / below;
}
