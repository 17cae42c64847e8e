/** Intervals, judgements on figures made by hand, and one claim run for real. */
import { describe, expect, it } from 'vitest';
import { claimRow as row, figure, wildFigure } from '../../../test/support/sample-claims.js';
import { isAbove, isUseless } from '../../report/claims.js';
import { renderClaims } from '../../report/index.js';
import { interval, studentT } from './aggregate.js';
import { CLAIM_IDS, claimsOf, type Claim } from './claims.js';
import { runClaims } from './run-claims.js';

describe('intervals', () => {
  it('are Student’s: 2, 4, 6 is 4 ± 4.303 x 2 / sqrt(3)', () => {
    const { mean, low, high, median, values } = interval([2, 4, 6]);
    expect([mean, median, values]).toEqual([4, 4, [2, 4, 6]]);
    expect(high - mean).toBeCloseTo((4.303 * 2) / Math.sqrt(3), 6);
    expect(mean - low).toBeCloseTo(high - mean, 9);
  });

  it('of one value is that value; of none of them differing as well', () => {
    expect(interval([7])).toEqual({ mean: 7, low: 7, high: 7, median: 7, values: [7] });
    expect(interval([5, 5, 5])).toMatchObject({ low: 5, high: 5 });
    expect(interval([4, 1, 3, 2]).median).toBe(2.5);
  });

  it('have the quantiles of published tables', () => {
    // Degrees of freedom and quantile 0.975, NIST handbook, 1.3.6.7.2.
    const published = [
      [1, 12.706],
      [2, 4.303],
      [5, 2.571],
      [10, 2.228],
      [12, 2.179],
      [20, 2.086],
      [30, 2.042],
      [60, 2.0],
      [100, 1.984],
    ];
    for (const [freedom, quantile] of published) expect(studentT(freedom)).toBeCloseTo(quantile, 2);
  });

  it('that reach below nought say nothing, and seeds are compared instead', () => {
    expect(isUseless(figure(10))).toBe(false);
    expect(isUseless(wildFigure(3, 7, 20))).toBe(true);
    expect(isUseless(figure(0))).toBe(false);
    expect(isAbove(figure(10), figure(8))).toBe(true);
    expect(isAbove(figure(10), figure(9))).toBe(false);
    expect(isAbove(wildFigure(3, 7, 20), figure(2))).toBe(true);
    expect(isAbove(wildFigure(3, 7, 20), figure(4))).toBe(false);
  });
});

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
    expect(judge([better, better]).verdict[0]).toBe(
      'With 16 vCPUs the longest stall is 9.00 ms without it and 1.00 ms with it (9.0 times shorter), and' +
        ' 99 % of retries no longer take the lock.',
    );
  });

  it('the yield: only if faults outside the range gain from it, and in part if somebody pays', () => {
    const { judge } = claim('yield');
    const calm = ['a', 'b', 'c', 'd'].map((label) => row(label, 1e6));
    const gains = [
      row('yield', 1, { uncoveredMaxNs: figure(10), usefulYields: figure(8) }),
      row('never', 1, { uncoveredMaxNs: figure(100), touchesPerSecond: figure(2e6) }),
      ...calm.slice(2),
    ];
    const pays = [row('yield', 2e6), ...calm.slice(1)];
    expect(judge([calm, calm, gains]).holds).toBe('yes');
    expect(judge([calm, pays, gains]).holds).toBe('partly');
    expect(judge([calm, calm, calm]).holds).toBe('no');
    expect(judge([calm, calm, gains]).verdict[0]).toContain('80 % of yields are useful');
    expect(judge([calm, calm, gains]).verdict[0]).toContain('50 % fewer accesses');
  });

  it('trylock: starves beside writers, and is not seen', () => {
    const { judge } = claim('trylock');
    const incident = [row('queued', 1e6, { yields: figure(100) }), row('spin', 1e5)];
    const starves = [row('queued', 1), row('spin', 1, { touchesPerSecond: figure(1e3) })];
    const even = [row('queued', 1), row('spin', 1)];
    expect(judge([incident, incident, starves]).holds).toBe('yes');
    expect(judge([incident, incident, even]).holds).toBe('partly');
    expect(judge([even, even, even]).holds).toBe('no');
  });

  it('preemption: every kernel that yields is worse than every one that does not', () => {
    const { judge } = claim('preemption');
    const stalls = (...ns: readonly number[]) => ns.map((each, index) => row(String(index), each));
    expect(judge([stalls(1, 1, 9, 9, 2), stalls(1, 1, 9, 9, 2)]).holds).toBe('yes');
    expect(judge([stalls(1, 1, 9, 9, 9), stalls(1, 1, 9, 9, 2)]).holds).toBe('partly');
    expect(judge([stalls(1, 1, 1, 9, 2), stalls(1, 9, 9, 9, 2)]).holds).toBe('no');
  });

  it('every claim of the list can be judged and shown in 80 columns', () => {
    const reports = claimsOf(CLAIM_IDS).map(({ id, title, says, source, groups, variants, judge }) => {
      const shown = groups.map((group) => ({
        title: group.title,
        figures: group.figures,
        rows: variants.map(({ label }, index) => row(label, 1e6 * (index + 1))),
      }));
      return { id, title, says, source, groups: shown, ...judge(shown.map(({ rows }) => rows)) };
    });
    expect(reports.map(({ id }) => id)).toEqual(CLAIM_IDS);
    const text = renderClaims(reports, { width: 80, color: false });
    for (const { title } of reports) expect(text).toContain(title);
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe('running', () => {
  const tiny: Claim = {
    id: 'tiny',
    title: 'Tiny',
    says: 'Nothing.',
    source: 'nowhere',
    groups: [
      {
        title: 'small',
        scenario: 'madvise-page',
        changes: ['duration=1ms', 'guest.memory=8MiB'],
        figures: ['stallNs'],
      },
    ],
    variants: [
      { label: 'one', changes: [] },
      { label: 'the same', changes: [] },
      { label: 'another', changes: ['policy.preCheck=none'] },
    ],
    judge: ([[one, same]]) => ({
      holds: one.stallNs.mean === same.stallNs.mean ? 'yes' : 'no',
      verdict: [],
    }),
  };

  it('runs each distinct situation once for each seed, and judges', async () => {
    const progress: number[][] = [];
    const [report] = await runClaims([tiny], {
      seeds: 2,
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect(progress).toEqual([1, 2, 3, 4].map((done) => [done, 4]));
    expect(report.holds).toBe('yes');
    const [one, same] = report.groups[0].rows;
    expect(one.flushes.values).toHaveLength(2);
    expect(one.flushes.mean).toBeGreaterThan(0);
    expect({ ...same, label: 'one' }).toEqual(one);
  });

  it('keeps the claims that are complete when it is interrupted, and only those', async () => {
    const controller = new AbortController();
    const large = { ...tiny, id: 'large', groups: [{ ...tiny.groups[0], changes: ['duration=1ms'] }] };
    const reports = await runClaims([tiny, large], {
      seeds: 2,
      onProgress: (done) => {
        if (done === 5) controller.abort();
      },
      signal: controller.signal,
    });
    expect(reports.map(({ id }) => id)).toEqual(['tiny']);
  });

  it('fails with what is wrong with a situation, before anything runs', async () => {
    const wrong = { ...tiny, variants: [{ label: 'x', changes: ['policy.preCheck=maybe'] }] };
    const run = runClaims([wrong], { seeds: 2, onProgress: () => undefined });
    await expect(run).rejects.toThrow(/"maybe" is no value of this policy/);
  });
});
