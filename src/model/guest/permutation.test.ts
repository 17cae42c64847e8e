import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hash, permute } from './permutation.js';

describe('permute', () => {
  it('sends each index to a place of its own', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer(), (count, seed) => {
        const places = new Set(Array.from({ length: count }, (_, index) => permute(index, count, seed)));
        expect(places.size).toBe(count);
        expect(Math.min(...places)).toBe(0);
        expect(Math.max(...places)).toBe(count - 1);
      }),
    );
  });

  it('looks like chance: neighbours part, fixed points are few, seeds differ', () => {
    const count = 100_000;
    const places = Array.from({ length: count }, (_, index) => permute(index, count, 7));
    // For a permutation drawn by chance about one fixed point, and two neighbours that stay together.
    expect(places.filter((place, index) => place === index).length).toBeLessThan(10);
    expect(
      places.filter((place, index) => index > 0 && place === (places[index - 1] ?? 0) + 1).length,
    ).toBeLessThan(20);
    const others = places.filter((place, index) => place === permute(index, count, 8));
    expect(others.length).toBeLessThan(10);
  });
});

describe('hash', () => {
  it('spreads indices and seeds evenly over 32 bits', () => {
    for (const by of [(n: number) => hash(n, 1), (n: number) => hash(1, n)]) {
      const buckets = new Int32Array(64);
      for (let n = 0; n < 64_000; n++) buckets[by(n) >>> 26] += 1;
      // 1000 in each, with a standard deviation of about 31: six of them are not seen by chance.
      expect(Math.min(...buckets)).toBeGreaterThan(800);
      expect(Math.max(...buckets)).toBeLessThan(1200);
    }
  });
});
