import fc from 'fast-check';
import { expect, it } from 'vitest';
import { distributionOf, percentile } from './distribution.js';

it('finds percentiles by nearest rank without sorting', () => {
  const values = fc.array(fc.oneof(fc.nat(20), fc.nat(1e12)), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (numbers, share) => {
      const sorted = [...numbers].sort((a, b) => a - b);
      const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
      const column = Float64Array.from(numbers);
      expect(percentile(column, share)).toBe(sorted[rank]);
      expect([...column].sort((a, b) => a - b)).toEqual(sorted);
    }),
  );
});

it('puts every duration into one bucket', () => {
  const { histogram, ...figures } = distributionOf(Float64Array.from([100, 99, 4_999, 5_000, 3e11]));
  expect(figures).toMatchObject({ count: 5, totalNs: 3e11 + 10_198, p50Ns: 4_999, maxNs: 3e11 });
  const at = (bound: number) => histogram.counts[histogram.upToNs.indexOf(bound)];
  expect([at(100), at(200), at(5_000), at(10_000)]).toEqual([1, 1, 1, 1]);
  expect(histogram.counts.reduce((a, b) => a + b, 0)).toBe(5);
  expect(histogram.upToNs.at(-1)).toBe(3e11 + 1);
});

it('has nothing to say about nothing', () => {
  expect(distributionOf(new Float64Array(0))).toEqual({
    count: 0,
    totalNs: 0,
    meanNs: 0,
    p50Ns: 0,
    p90Ns: 0,
    p99Ns: 0,
    maxNs: 0,
    histogram: { upToNs: [], counts: [] },
  });
});
