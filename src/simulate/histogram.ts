/**
 * Durations in log-linear buckets: constant time and no allocation per value, quantiles within 1/128 of
 * their value.
 *
 * Values below 128 ns have a bucket each; above, every power of two is cut into 64 buckets.
 */
import type { LatencyDistribution } from './result.js';

const SUB_BITS = 6;
const SUB = 1 << SUB_BITS;
/** Values that are whole and small enough for integer arithmetic. */
const SMALL = 2 ** 31;
/** By how much larger values are shifted first. */
const SCALE_BITS = 17;
/** More than a day; what is longer counts in the last bucket. */
const MOST = 2 ** 47 - 1;
const BUCKETS = bucketOf(MOST) + 1;

/** Upper bounds of the histogram that results show, ns: 100 ns to 100 s in steps of 1, 2, 5. */
const SHOWN_BOUNDS = Array.from(
  { length: 28 },
  (_, step) => [1, 2, 5][step % 3] * 10 ** (2 + Math.floor(step / 3)),
);

export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;
  #total = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  record(ns: number): void {
    const value = ns > 0 ? ns : 0;
    this.#counts[bucketOf(value)]++;
    this.#count++;
    this.#total += value;
    if (value > this.#max) this.#max = value;
  }

  /** Add what another histogram has counted. */
  add(other: Histogram): this {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#counts[bucket] += other.#counts[bucket];
    this.#count += other.#count;
    this.#total += other.#total;
    this.#max = Math.max(this.#max, other.#max);
    return this;
  }

  /**
   * The smallest value that at least a share `share` of all values does not exceed (nearest rank), as the
   * middle of its bucket; 0 when there are no values.
   */
  quantile(share: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket];
      if (seen >= rank) return Math.min(this.#max, middleOf(bucket));
    }
    return this.#max;
  }

  /** The figures of a result. */
  distribution(): LatencyDistribution {
    return {
      count: this.#count,
      totalNs: Math.round(this.#total),
      meanNs: this.#count === 0 ? 0 : Math.round(this.#total / this.#count),
      p50Ns: this.quantile(0.5),
      p90Ns: this.quantile(0.9),
      p99Ns: this.quantile(0.99),
      p999Ns: this.quantile(0.999),
      maxNs: Math.round(this.#max),
      histogram: this.#shown(),
    };
  }

  /**
   * Buckets of 1, 2, 5, without the empty ones at both ends; a value counts where the middle of its bucket
   * lies.
   */
  #shown(): LatencyDistribution['histogram'] {
    const all = new Float64Array(SHOWN_BOUNDS.length + 1);
    for (let bucket = 0, shown = 0; bucket < BUCKETS; bucket++) {
      const count = this.#counts[bucket];
      if (count === 0) continue;
      while (shown < SHOWN_BOUNDS.length && middleOf(bucket) >= SHOWN_BOUNDS[shown]) shown++;
      all[shown] += count;
    }
    const first = all.findIndex((count) => count > 0);
    if (first < 0) return { upToNs: [], counts: [] };
    const last = all.findLastIndex((count) => count > 0);
    // JSON has no infinity: durations of more than 100 s end at the largest of them.
    const bounds = [...SHOWN_BOUNDS, Math.ceil(this.#max) + 1].slice(first, last + 1);
    return { upToNs: bounds, counts: [...all.subarray(first, last + 1)] };
  }
}

function bucketOf(ns: number): number {
  if (ns < SMALL) {
    const value = ns | 0;
    if (value < 2 * SUB) return value;
    const shift = 31 - SUB_BITS - Math.clz32(value);
    return (shift << SUB_BITS) + (value >>> shift);
  }
  const scaled = Math.floor(Math.min(ns, MOST) / (1 << SCALE_BITS));
  const shift = 31 - SUB_BITS - Math.clz32(scaled);
  return ((shift + SCALE_BITS) << SUB_BITS) + (scaled >>> shift);
}

/** The value in the middle of a bucket, rounded down. */
function middleOf(bucket: number): number {
  if (bucket < 2 * SUB) return bucket;
  const shift = (bucket >>> SUB_BITS) - 1;
  const width = 2 ** shift;
  return ((bucket & (SUB - 1)) + SUB) * width + Math.floor((width - 1) / 2);
}
