/** Intervals, judgements on figures made by hand, and one claim run for real. */
import { describe, expect, it } from 'vitest';
import type { ClaimRow, Interval } from '../../report/claims.js';
import { renderClaims } from '../../report/index.js';
import { interval } from './aggregate.js';
import { CLAIM_IDS, claimsOf, type Claim } from './claims.js';
import { runClaims } from './run-claims.js';

describe('intervals', () => {
  it('are Student’s: 2, 4, 6 is 4 ± 4.303 x 2 / sqrt(3)', () => {
    const { mean, low, high, count } = interval([2, 4, 6]);
    expect([mean, count]).toEqual([4, 3]);
    expect(high - mean).toBeCloseTo((4.303 * 2) / Math.sqrt(3), 6);
    expect(mean - low).toBeCloseTo(high - mean, 9);
  });

  it('of one value is that value, of many the normal one', () => {
    expect(interval([7])).toEqual({ mean: 7, low: 7, high: 7, count: 1 });
    const many = interval(Array.from({ length: 100 }, (_, index) => index % 2));
    expect(many.high - many.mean).toBeCloseTo((1.96 * Math.sqrt(25 / 99)) / 10, 6);
  });
});

const at = (value: number): Interval => ({ mean: value, low: value * 0.9, high: value * 1.1, count: 3 });

function row(label: string, stall: number, changes: Partial<ClaimRow> = {}): ClaimRow {
  const zero = at(0);
  return {
    label,
    stallNs: at(stall),
    coveredP99Ns: at(1000),
    uncoveredP99Ns: at(1000),
    touchesPerSecond: at(1e6),
    longestStartNs: at(stall),
    yields: at(10),
    usefulYields: zero,
    flushes: at(10),
    retries: at(10),
    ...changes,
  };
}

function claim(id: string): Claim {
  return claimsOf([id])[0];
}

describe('judgements', () => {
  it('the pre-check: yes where both sizes are beyond doubt, partly where one is, no where none', () => {
    const { judge } = claim('pre-check');
    const better = [row('no pre-check', 9e6), row('pre-check', 1e6)];
    const same = [row('no pre-check', 1e6), row('pre-check', 1.05e6)];
    expect(judge([better, better]).holds).toBe('yes');
    expect(judge([better, same]).holds).toBe('partly');
    expect(judge([same, same]).holds).toBe('no');
    expect(judge([better, better]).verdict[0]).toContain(
      '9.00 ms without it and 1.00 ms with it (9.0 times)',
    );
  });

  it('the yield: in part only if faults outside the range gain from it', () => {
    const { judge } = claim('yield');
    const incident = [row('a', 1e6), row('b', 1e6), row('c', 9e6), row('d', 1e6)];
    const gains = [
      row('yield', 1, { uncoveredP99Ns: at(10) }),
      row('no yield', 1, { uncoveredP99Ns: at(100) }),
    ];
    expect(judge([incident, incident, gains]).holds).toBe('partly');
    expect(judge([incident, incident, incident]).holds).toBe('no');
    expect(judge([incident, incident, incident]).verdict[1]).toContain('2 of 2 sizes beyond doubt');
  });

  it('every claim of the list can be judged and shown in 80 columns', () => {
    const reports = claimsOf(CLAIM_IDS).map((each) => {
      const groups = each.groups.map(({ title }) => ({
        title,
        rows: each.variants.map(({ label }, index) => row(label, 1e6 * (index + 1))),
      }));
      const judged = each.judge(groups.map(({ rows }) => rows));
      return { id: each.id, title: each.title, says: each.says, groups, ...judged };
    });
    expect(reports).toHaveLength(CLAIM_IDS.length);
    const text = renderClaims(reports, { width: 80, color: false });
    for (const { title } of reports) expect(text).toContain(title);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe('running', () => {
  it('runs each distinct situation once for each seed, and judges', async () => {
    const tiny: Claim = {
      id: 'tiny',
      title: 'Tiny',
      says: 'Nothing.',
      groups: [{ title: 'small', scenario: 'madvise-page', changes: ['duration=1ms', 'guest.memory=8MiB'] }],
      variants: [
        { label: 'one', changes: [] },
        { label: 'the same', changes: [] },
      ],
      judge: ([[one, same]]) => ({
        holds: one.stallNs.mean === same.stallNs.mean ? 'yes' : 'no',
        verdict: [],
      }),
    };
    const [report] = await runClaims([tiny], { seeds: 2, onProgress: () => undefined });
    expect(report.holds).toBe('yes');
    expect(report.groups[0].rows[0].flushes.count).toBe(2);
    expect(report.groups[0].rows[0].flushes.mean).toBeGreaterThan(0);
  });
});
