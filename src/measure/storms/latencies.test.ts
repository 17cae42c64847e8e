import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Latencies, LATENCY_WORDS, record } from './latencies.js';

const durations = fc.array(fc.double({ min: 0, max: 1e13, noNaN: true }), { minLength: 1, maxLength: 200 });

function of(values: readonly number[]): Float64Array {
  const words = new Float64Array(LATENCY_WORDS);
  for (const value of values) record(words, value);
  return words;
}

/** Nearest rank, from the definition. */
function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1];
}

describe('latencies', () => {
  it('have quantiles within 1/128 of their value, or 1 ns', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const exact = quantile(values, share);
        const near = Latencies.of([of(values)]).quantile(share);
        expect(Math.abs(near - exact)).toBeLessThanOrEqual(Math.max(1, exact / 128));
      }),
    );
  });

  it('count, add up and know the longest', () => {
    fc.assert(
      fc.property(durations, durations, (a, b) => {
        const sum = Latencies.of([of(a), of(b)]);
        expect(sum.count).toBe(a.length + b.length);
        expect(sum.maxNs).toBe(Math.max(...a, ...b));
        const total = [...a, ...b].reduce((all, value) => all + value, 0);
        expect(Math.abs(sum.totalNs - total)).toBeLessThanOrEqual(total * 1e-9);
        expect([...sum.buckets()].reduce((all, [, count]) => all + count, 0)).toBe(sum.count);
      }),
    );
  });

  it('can be subtracted: what is left is what was recorded in between', () => {
    fc.assert(
      fc.property(durations, durations, (before, after) => {
        const words = of(before);
        const earlier = Latencies.of([words]);
        for (const value of after) record(words, value);
        const between = Latencies.of([words]).minus(earlier);
        expect([...between.buckets()]).toEqual([...Latencies.of([of(after)]).buckets()]);
        const longest = Math.max(...after);
        expect(Math.abs(between.maxNs - longest)).toBeLessThanOrEqual(Math.max(1, longest / 64));
      }),
    );
  });

  it('are all 0 when there are none', () => {
    const { count, totalNs, meanNs, maxNs } = Latencies.none;
    expect([count, totalNs, meanNs, maxNs, Latencies.none.quantile(0.5)]).toEqual([0, 0, 0, 0, 0]);
  });
});
