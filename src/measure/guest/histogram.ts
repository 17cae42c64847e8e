/**
 * Durations in log-linear buckets, as the guest counts them: in cycles, 64 buckets for each power of two,
 * so quantiles are within 1/128 of their value.
 */

/** Powers of two above the first 128 cycles, 64 buckets each. */
export const BUCKETS = 3776;
/** log2 of the buckets for each power of two. */
const LINEAR_BITS = 6;
const LINEAR = 2 ** LINEAR_BITS;

/** First duration of a bucket, in cycles. */
export function bucketStart(bucket: number): number {
  if (bucket < 2 * LINEAR) return bucket;
  const shift = (bucket >>> LINEAR_BITS) - 1;
  return (bucket - shift * LINEAR) * 2 ** shift;
}

export class Histogram {
  /**
   * @param counts by bucket; BUCKETS of them
   * @param totalCycles sum of all durations, exact up to 2^53
   */
  constructor(
    readonly counts: Float64Array,
    readonly totalCycles: number,
  ) {}

  static empty(): Histogram {
    return new Histogram(new Float64Array(BUCKETS), 0);
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** What was counted since `before`. */
  minus(before: Histogram): Histogram {
    const counts = this.counts.map((count, bucket) => count - before.counts[bucket]);
    return new Histogram(counts, this.totalCycles - before.totalCycles);
  }

  plus(other: Histogram): Histogram {
    const counts = this.counts.map((count, bucket) => count + other.counts[bucket]);
    return new Histogram(counts, this.totalCycles + other.totalCycles);
  }

  /**
   * The duration below which a share of them lies: the middle of its bucket, in cycles; 0 when there is none.
   *
   * @param share 0 to 1
   */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.counts[bucket];
      if (seen >= rank) return (bucketStart(bucket) + bucketStart(bucket + 1) - 1) / 2;
    }
    return 0;
  }

  /** The longest, to the upper end of its bucket, in cycles; 0 when there is none. */
  get longest(): number {
    const bucket = this.counts.findLastIndex((count) => count > 0);
    return bucket < 0 ? 0 : bucketStart(bucket + 1) - 1;
  }
}
