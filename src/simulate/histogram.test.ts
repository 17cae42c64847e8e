import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Histogram } from './histogram.js';

const durations = fc.oneof(fc.nat(300), fc.nat(1e9), fc.integer({ min: 0, max: 2 ** 46 }));

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

it('finds quantiles of a sorted list within 1/128', () => {
  const values = fc.array(durations, { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (numbers, share) => {
      const sorted = numbers.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1];
      const found = histogramOf(numbers).quantile(share);
      // Values below 128 have a bucket each.
      expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact < 128 ? 0 : exact / 128);
    }),
  );
});

it('counts, adds up and knows the largest', () => {
  const { histogram, ...figures } = histogramOf([100, 99, 4_950, 5_050, 3e11]).distribution();
  expect(figures).toMatchObject({ count: 5, totalNs: 3e11 + 10_199, meanNs: 60_000_002_040, maxNs: 3e11 });
  const at = (bound: number) => histogram.counts[histogram.upToNs.indexOf(bound)];
  expect([at(100), at(200), at(5_000), at(10_000)]).toEqual([1, 1, 1, 1]);
  expect(histogram.counts.reduce((a, b) => a + b, 0)).toBe(5);
  expect(histogram.upToNs.at(-1)).toBe(3e11 + 1);
});

it('tells the tail from the rest', () => {
  const histogram = histogramOf(Array.from({ length: 1000 }, (_, i) => (i < 998 ? 50 : 1000)));
  expect(histogram.distribution()).toMatchObject({ p50Ns: 50, p90Ns: 50, p99Ns: 50, maxNs: 1000 });
  expect(histogram.distribution().p999Ns).toBeGreaterThan(990);
});

it('takes the values of another as its own', () => {
  fc.assert(
    fc.property(fc.array(durations), fc.array(durations), (first, second) => {
      const sum = histogramOf(first).add(histogramOf(second));
      expect(sum.distribution()).toEqual(histogramOf([...first, ...second]).distribution());
    }),
  );
});

it('has nothing to say about nothing, and nothing below zero', () => {
  expect(new Histogram().distribution()).toMatchObject({
    count: 0,
    meanNs: 0,
    p999Ns: 0,
    maxNs: 0,
    histogram: { upToNs: [], counts: [] },
  });
  expect(histogramOf([-5]).distribution()).toMatchObject({ count: 1, totalNs: 0, p50Ns: 0 });
});
