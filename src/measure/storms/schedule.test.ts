import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StormSchedule } from '../../simulate/storm-schedule.js';
import { Schedule, timesOf } from './schedule.js';

const ns = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });

describe('schedule', () => {
  it('begins operations when a simulated storm does', () => {
    const spec = fc.record({
      start: ns(500),
      length: ns(2000),
      cycle: ns(300),
      duty: fc.integer({ min: 1, max: 100 }).map((percent) => percent / 100),
      period: ns(50),
      times: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(spec, fc.array(ns(120), { maxLength: 60 }), (storm, work) => {
        const stop = storm.start + storm.length;
        const ours = new Schedule(timesOf({ ...storm, stop }));
        const simulated = new StormSchedule({
          periodNs: storm.period,
          cycleNs: storm.cycle,
          dutyShare: storm.duty,
          times: storm.times ?? 0,
          active: [{ startNs: storm.start, stopNs: stop }],
        });
        // The run began at 1000, and the storm was on from then.
        let now = 0;
        for (const [done, took] of work.entries()) {
          const due = ours.next(done, now + 1000, 1000, 1000)?.from;
          const expected = simulated.next(done, now);
          expect(due ?? Infinity).toBe(expected + 1000);
          if (due === undefined) return;
          ours.begins(due);
          now = due - 1000 + took;
        }
      }),
    );
  });

  it('says until when operations may begin', () => {
    const schedule = new Schedule(timesOf({ start: 10, stop: 100, cycle: 40, duty: 0.25 }));
    expect(schedule.next(0, 0, 0, 0)).toEqual({ from: 10, to: 20 });
    expect(schedule.next(1, 15, 0, 0)).toEqual({ from: 15, to: 20 });
    expect(schedule.next(2, 20, 0, 0)).toEqual({ from: 50, to: 60 });
    expect(schedule.next(3, 95, 0, 0)).toEqual({ from: 95, to: 100 });
    expect(schedule.next(4, 100, 0, 0)).toBeUndefined();
  });

  it('begins a cycle whenever the storm is switched on', () => {
    const schedule = new Schedule(timesOf({ start: 0, cycle: 40, duty: 0.5 }));
    expect(schedule.next(0, 100, 0, 0)).toEqual({ from: 120, to: 140 });
    expect(schedule.next(0, 100, 0, 90)).toEqual({ from: 100, to: 110 });
  });
});
