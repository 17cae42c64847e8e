import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gfnAt, writesAt, type GuestProgram } from './program.js';

const program: GuestProgram = {
  pattern: 'sequential',
  firstGfn: 1000,
  pages: 100,
  stridePages: 1,
  hotPages: 4,
  hotSpread: true,
  hotShare: 0.5,
  writeShare: 0.5,
  workNs: 10,
  seed: 1,
  accesses: 0,
  covered: new Uint8Array(2000),
  firstPass: false,
};

function gfns(change: Partial<GuestProgram>, count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, index) => gfnAt({ ...program, ...change }, from + index));
}

/** Frames in ascending order, each once. */
function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].toSorted((a, b) => a - b);
}

const REGION = Array.from({ length: 100 }, (_, page) => 1000 + page);

describe('what a pattern touches', () => {
  it('sequential: one page after the other, and again', () => {
    expect(gfns({}, 100)).toEqual(REGION);
    expect(gfns({}, 3, 99)).toEqual([1099, 1000, 1001]);
  });

  it('strided: pages that far apart', () => {
    expect(gfns({ pattern: 'strided', pages: 10, stridePages: 4 }, 11)).toEqual(
      [0, 4, 8, 1, 5, 9, 2, 6, 3, 7, 0].map((page) => 1000 + page),
    );
  });

  it('strided: every page once in a pass, whatever the stride', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 250 }),
        fc.nat(5),
        (pages, stride, pass) => {
          const touched = gfns({ pattern: 'strided', pages, stridePages: stride }, pages, pass * pages);
          expect(distinct(touched)).toEqual(Array.from({ length: pages }, (_, page) => 1000 + page));
        },
      ),
    );
  });

  it('random: all of the region sooner or later, nothing else, the same again for the same seed', () => {
    const touched = gfns({ pattern: 'random' }, 2000);
    expect(distinct(touched)).toEqual(REGION);
    expect(gfns({ pattern: 'random' }, 2000)).toEqual(touched);
    expect(gfns({ pattern: 'random', seed: 2 }, 2000)).not.toEqual(touched);
  });

  it('hot-set: its share goes to its pages, spread or together', () => {
    const spread = gfns({ pattern: 'hot-set', hotShare: 1 }, 500);
    expect(distinct(spread)).toEqual([1000, 1025, 1050, 1075]);
    const together = gfns({ pattern: 'hot-set', hotShare: 1, hotSpread: false }, 500);
    expect(distinct(together)).toEqual([1000, 1001, 1002, 1003]);
    // Of the other half 4 in 100 hit a hot page by chance.
    const half = gfns({ pattern: 'hot-set' }, 10_000).filter((gfn) => gfn % 25 === 0).length;
    expect(half / 10_000).toBeCloseTo(0.52, 1);
    expect(distinct(gfns({ pattern: 'hot-set' }, 10_000))).toEqual(REGION);
  });

  it('a first pass writes every page once, whatever comes then', () => {
    const first: Partial<GuestProgram> = { pattern: 'random', firstPass: true, writeShare: 0 };
    expect(gfns(first, 100)).toEqual(REGION);
    expect(gfns(first, 50, 100)).toEqual(gfns({ pattern: 'random' }, 50, 100));
    expect([99, 100].map((index) => writesAt({ ...program, ...first }, index))).toEqual([1, 0]);
  });

  it('a share of covered frames: that share, with all frames of either kind', () => {
    const covered = Int32Array.from(REGION.slice(20, 30));
    const uncovered = Int32Array.from([...REGION.slice(0, 20), ...REGION.slice(30)]);
    for (const pattern of ['sequential', 'random'] as const) {
      for (const share of [0, 0.2, 1]) {
        const touched = gfns({ pattern, coveredShare: { share, covered, uncovered } }, 5000);
        const hits = touched.filter((gfn) => covered.includes(gfn));
        expect(hits.length / 5000).toBeCloseTo(share, 1);
        expect(distinct(touched).length).toBe((share > 0 ? 10 : 0) + (share < 1 ? 90 : 0));
      }
    }
  });
});

describe('what it writes', () => {
  it('all, nothing, or a share that does not depend on where it is', () => {
    const writes = (writeShare: number): number =>
      REGION.concat(REGION).filter((_, index) => writesAt({ ...program, writeShare }, index) === 1).length;
    expect([writes(0), writes(1)]).toEqual([0, 200]);
    const many = Array.from({ length: 10_000 }, (_, index) =>
      writesAt({ ...program, writeShare: 0.3 }, index),
    );
    expect(many.reduce((sum: number, write) => sum + write, 0) / 10_000).toBeCloseTo(0.3, 1);
  });
});
