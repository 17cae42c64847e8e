import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOST_REJECTED, Schedule, type Turn, type Verdict } from './schedule.js';

/** Takes all turns; `busy` says of each whether the host was. */
function takeAll(schedule: Schedule, busy: (count: number) => boolean): { turn: Turn; verdict: Verdict }[] {
  const taken: { turn: Turn; verdict: Verdict }[] = [];
  for (let turn = schedule.next(); turn !== undefined; turn = schedule.next()) {
    taken.push({ turn, verdict: schedule.answer(busy(taken.length)) });
  }
  return taken;
}

const counts = ({ verdict }: { verdict: Verdict }): boolean =>
  verdict === 'counted' || verdict === 'counted-busy';

describe('the order of runs', () => {
  it('is a warm-up of each arm, then A B A B', () => {
    const taken = takeAll(new Schedule(2, 3), () => false);
    expect(taken.map(({ turn: { arm, repeat } }) => `${'AB'[arm]}${repeat}`)).toEqual([
      'A-1',
      'B-1',
      'A0',
      'B0',
      'A1',
      'B1',
      'A2',
      'B2',
    ]);
    expect(taken.map(({ verdict }) => verdict)).toEqual([
      ...Array.from({ length: 2 }, () => 'warm-up'),
      ...Array.from({ length: 6 }, () => 'counted'),
    ]);
  });

  it('repeats a run at once when the host was busy, and gives in after a while', () => {
    const taken = takeAll(new Schedule(1, 2), (count) => count >= 1 && count <= 3);
    expect(taken.map(({ turn: { repeat, attempt }, verdict }) => [repeat, attempt, verdict])).toEqual([
      [-1, 0, 'warm-up'],
      [0, 0, 'rejected'],
      [0, 1, 'rejected'],
      [0, 2, 'counted-busy'],
      [1, 0, 'counted'],
    ]);
  });

  it('counts every arm as often as asked, whatever the host does', () => {
    const cases = fc.record({
      arms: fc.integer({ min: 1, max: 5 }),
      repeats: fc.integer({ min: 1, max: 8 }),
      warmUp: fc.boolean(),
      busy: fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(cases, ({ arms, repeats, warmUp, busy }) => {
        const schedule = new Schedule(arms, repeats, warmUp);
        const taken = takeAll(schedule, (count) => busy[count % busy.length]);
        const counted = taken.filter(counts).map(({ turn }) => turn);
        // In turn, each place once.
        expect(counted.map(({ arm, repeat }) => repeat * arms + arm)).toEqual(
          Array.from({ length: arms * repeats }, (_, place) => place),
        );
        expect(taken.length).toBeLessThanOrEqual(arms * (repeats * (1 + MOST_REJECTED) + 1));
        expect([schedule.done, schedule.next()]).toEqual([schedule.total, undefined]);
        // No arm is ever more than one counted run ahead of another.
        const ahead = Array.from({ length: arms }, () => 0);
        for (const { arm } of counted) {
          ahead[arm]++;
          expect(Math.max(...ahead) - Math.min(...ahead)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('answers no turn that there is not', () => {
    const schedule = new Schedule(1, 1, false);
    schedule.answer(false);
    expect(() => schedule.answer(false)).toThrow(RangeError);
  });
});
