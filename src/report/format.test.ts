import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCount, formatDuration, formatPercent, formatTick, formatTime, plural } from './format.js';

describe('durations', () => {
  it.each([
    [0, '0 ns'],
    [850, '850 ns'],
    [999.4, '999 ns'],
    [999.6, '1.00 µs'],
    [12_345, '12.3 µs'],
    [999_499, '999 µs'],
    [999_600, '1.00 ms'],
    [212e6, '212 ms'],
    [3.2e9, '3.20 s'],
    [119.6e9, '120 s'],
    [125e9, '2 min 5 s'],
    [-1500, '-1.50 µs'],
    [NaN, 'unknown'],
  ])('%d ns is %s', (ns, text) => {
    expect(formatDuration(ns)).toBe(text);
  });

  it('keep three digits: within half a percent of the value', () => {
    const units: Record<string, number> = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 };
    fc.assert(
      fc.property(fc.double({ min: 1, max: 119e9, noNaN: true }), (ns) => {
        const [value, unit] = formatDuration(ns).split(' ');
        expect(Math.abs(Number(value) * units[unit] - ns)).toBeLessThanOrEqual(ns * 0.00501);
      }),
    );
  });

  it('are round on an axis', () => {
    expect([1e3, 2e6, 1e10, 2500, 10].map(formatTick)).toEqual(['1 µs', '2 ms', '10 s', '2.5 µs', '10 ns']);
  });
});

it('counts carry separators', () => {
  expect([0, 999, 25_556, -1_234_567, 0.016, 1234.5].map(formatCount)).toEqual([
    '0',
    '999',
    '25,556',
    '-1,234,567',
    '0.02',
    '1,234.5',
  ]);
  expect(plural(1, 'retry', 'retries')).toBe('1 retry');
  expect(plural(0, 'lock')).toBe('0 locks');
});

it('shares never round to nothing or to all', () => {
  expect(formatPercent(1, 100_000)).toBe('<0.1 %');
  expect(formatPercent(99_999, 100_000)).toBe('>99.9 %');
  expect([formatPercent(0, 5), formatPercent(5, 5), formatPercent(1, 125)]).toEqual([
    '0 %',
    '100 %',
    '0.8 %',
  ]);
  expect(formatPercent(0, 0)).toBe('-');
});

it('times are seconds to the microsecond', () => {
  expect(formatTime(13_867_771_499)).toBe('13.867771 s');
});
