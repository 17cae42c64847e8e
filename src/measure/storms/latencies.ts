/**
 * Durations in log-linear buckets in memory that threads share: the buckets of src/simulate/histogram.ts,
 * so quantiles are within 1/128 of their value.
 *
 *     words: [count, total ns, longest ns, then a count for each bucket]
 *
 * One thread records, any may read: a word of eight bytes is written at once.
 */

const SUB_BITS = 6;
const SUB = 1 << SUB_BITS;
/** Values that are small enough for integer arithmetic. */
const SMALL = 2 ** 31;
/** By how much larger values are shifted first. */
const SCALE_BITS = 17;
/** More than a day; what is longer counts in the last bucket. */
const MOST = 2 ** 47 - 1;
const BUCKETS = bucketOf(MOST) + 1;

const COUNT = 0;
const TOTAL = 1;
const LONGEST = 2;
const FIRST_BUCKET = 3;

/** Words that one histogram takes. */
export const LATENCY_WORDS = FIRST_BUCKET + BUCKETS;

/** Count one duration. */
export function record(words: Float64Array, ns: number): void {
  const value = ns > 0 ? ns : 0;
  words[FIRST_BUCKET + bucketOf(value)]++;
  words[TOTAL] += value;
  if (value > words[LONGEST]) words[LONGEST] = value;
  words[COUNT]++;
}

/** What has been recorded up to a moment. */
export class Latencies {
  /** @param words of a histogram that no one writes to any more */
  private constructor(private readonly words: Float64Array) {}

  static readonly none = new Latencies(new Float64Array(LATENCY_WORDS));

  /** The sum of histograms that are still written to; their total and longest may be ahead by a value. */
  static of(histograms: readonly Float64Array[]): Latencies {
    return histograms.reduce<Latencies>((sum, words) => sum.add(new Latencies(words)), Latencies.none);
  }

  get count(): number {
    return this.words[COUNT];
  }

  get totalNs(): number {
    return this.words[TOTAL];
  }

  /** Of a difference: to within 1/128 where the longest of all came before. */
  get maxNs(): number {
    return this.words[LONGEST];
  }

  get meanNs(): number {
    return this.count === 0 ? 0 : this.totalNs / this.count;
  }

  /**
   * The smallest value that at least `share` of all do not exceed, as the middle of its bucket; 0 when empty.
   */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (const [ns, count] of this.buckets()) {
      seen += count;
      if (seen >= rank) return Math.min(this.maxNs, ns);
    }
    return this.maxNs;
  }

  /** Middle of each bucket that is not empty, ns, and how many values it has; in order. */
  *buckets(): Generator<readonly [ns: number, count: number]> {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = this.words[FIRST_BUCKET + bucket];
      if (count > 0) yield [middleOf(bucket), count];
    }
  }

  add(other: Latencies): Latencies {
    const words = this.words.map((word, index) => word + other.words[index]);
    words[LONGEST] = Math.max(this.maxNs, other.maxNs);
    return new Latencies(words);
  }

  /** What was recorded after `earlier`, which this one continues. */
  minus(earlier: Latencies): Latencies {
    const words = this.words.map((word, index) => word - earlier.words[index]);
    const last = words.findLastIndex((count, index) => index >= FIRST_BUCKET && count > 0) - FIRST_BUCKET;
    const isLongest = last === bucketOf(this.maxNs);
    words[LONGEST] = isLongest ? this.maxNs : last < 0 ? 0 : middleOf(last);
    return new Latencies(words);
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
