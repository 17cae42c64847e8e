/** The parts of the page's script that need no document. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleTimeline } from '../../../test/sample-report.js';
import { packTimeline } from '../timeline/pack.js';
import { factsOf } from './describe.js';
import { formatPlace, parsePlace } from './hash.js';
import { ROW_HEIGHT, layoutOf, mergedAt, pixelOf, scaleOf, sliceAt, timeAt } from './layout.js';
import { firstReaching, modelOf } from './model.js';
import { countOverview } from './overview.js';
import { TimeWindow, axisLabel, axisSteps } from './time-window.js';

const whole = { start: 1_000, end: 1_000_000_000 };

describe('the time window', () => {
  const move = fc.oneof(
    fc.record({ zoom: fc.double({ min: 0.01, max: 100, noNaN: true }) }),
    fc.record({ pan: fc.double({ min: -3, max: 3, noNaN: true }) }),
  );

  it('stays inside the trace, whatever is done', () => {
    fc.assert(
      fc.property(fc.array(move), (moves) => {
        const window = new TimeWindow(whole);
        for (const each of moves) {
          if ('zoom' in each) window.zoom(each.zoom);
          else window.pan(each.pan);
          expect(window.start).toBeGreaterThanOrEqual(whole.start);
          expect(window.end).toBeLessThanOrEqual(whole.end + 1e-3);
          expect(window.width).toBeGreaterThanOrEqual(99.99);
        }
      }),
    );
  });

  it('zooms around the time under the pointer', () => {
    const window = new TimeWindow(whole);
    window.zoom(0.5, 400_000_000);
    const share = (400_000_000 - window.start) / window.width;
    expect(share).toBeCloseTo((400_000_000 - whole.start) / (whole.end - whole.start), 9);
  });

  it('shows a place with air around, and a moment as microseconds', () => {
    const window = new TimeWindow(whole);
    window.showAround(8_000_000, 16_000_000);
    expect([window.start, window.end]).toEqual([7_000_000, 17_000_000]);
    window.showAround(5_000_000, 5_000_000);
    expect(window.width).toBe(2_000);
  });
});

describe('the axis', () => {
  it('has round steps, and labels with the digits they need', () => {
    const { times, step } = axisSteps(13_860_000_000, 13_900_000_000, 8);
    expect(step).toBe(5_000_000);
    expect(times).toHaveLength(9);
    expect(times.map((time) => axisLabel(time, step, 2e10)).slice(0, 2)).toEqual(['13.860 s', '13.865 s']);
    expect(axisLabel(1500, 500, 5000)).toBe('1.5 µs');
  });

  it('never has more than it was allowed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), fc.integer({ min: 100, max: 1e12 }), (start, width) => {
        const { times } = axisSteps(start, start + width, 9);
        expect(times.length).toBeLessThanOrEqual(10);
        expect(new Set(times).size).toBe(times.length);
      }),
    );
  });
});

describe('what lies where', () => {
  const model = modelOf(packTimeline(sampleTimeline, { start: 0, end: 1e9 }));
  const layout = layoutOf(model, 1000);
  const scale = scaleOf(model, layout.gutter, 1000);
  const middleOf = (lane: number): number => layout.boxes[lane].top + ROW_HEIGHT / 2;

  it('finds a slice by its middle', () => {
    expect(sliceAt(model, layout, scale, pixelOf(scale, 200e6), middleOf(0))).toBe(1);
    expect(model.slices.name(1)).toMatch(/^gfn 0x3a41/);
  });

  it('finds a slice of a thousandth of a pixel within two pixels, and nothing beyond', () => {
    const x = pixelOf(scale, 20e6);
    expect(sliceAt(model, layout, scale, x + 1.9, middleOf(0))).toBe(0);
    expect(sliceAt(model, layout, scale, x + 2.5, middleOf(0))).toBeUndefined();
    expect(sliceAt(model, layout, scale, layout.gutter - 5, middleOf(0))).toBeUndefined();
  });

  it('maps pixels and times both ways', () => {
    expect(timeAt(scale, pixelOf(scale, 123_456))).toBeCloseTo(123_456, 3);
  });

  it('skips what ends before', () => {
    const [row] = model.lanes[0].rows;
    expect([0, 50e6, 400e6].map((time) => firstReaching(row, time))).toEqual([0, 1, 2]);
  });

  it('counts merged slices under the pointer', () => {
    const reduced = modelOf(packTimeline(sampleTimeline, { start: 0, end: 1e9 }, 4));
    const counts = reduced.lanes.map((_, lane) =>
      mergedAt(reduced, layout, scale, pixelOf(scale, 20e6), middleOf(lane)).map(({ count }) => count),
    );
    expect(counts.flat()).toEqual([1]);
  });

  it('shows every retried, waiting and invalidating slice in the overview', () => {
    const counts = countOverview(model, 100);
    expect(counts.map((line) => line.filter((count) => count > 0).length)).toEqual([22, 1, 2]);
    expect(counts[0][9]).toBe(0);
    expect(counts[0][10]).toBe(1);
  });

  it('says durations, times and the rest of a slice in words', () => {
    const facts = new Map(factsOf(model, 1));
    expect(facts.get('what')).toBe('fault, retried');
    expect(facts.get('took')).toBe('212 ms');
    expect(facts.get('lock wait')).toBe('7.00 ms');
    expect(facts.get('attempts')).toBe('1,005');
  });
});

describe('places in the address', () => {
  it('come back as they were written', () => {
    const place = fc.record(
      {
        recording: fc.nat(9),
        time: fc
          .tuple(fc.nat(1e9), fc.integer({ min: 1, max: 1e9 }))
          .map(([start, width]): [number, number] => [start, start + width]),
        slice: fc.nat(1e6),
      },
      { requiredKeys: ['recording'] },
    );
    fc.assert(
      fc.property(place, (each) => {
        expect(parsePlace(formatPlace(each))).toEqual(each);
      }),
    );
  });

  it.each(['', '#findings', '#r=x', '#r=-1', '#t=1-2', '#r=1e99'])('%s is none', (hash) => {
    expect(parsePlace(hash)).toBeUndefined();
  });

  it.each(['#r=0&t=5-5', '#r=0&t=9-1', '#r=0&t=a-b', '#r=0&s=', '#r=0&constructor=1'])(
    '%s has no parts',
    (hash) => {
      expect(parsePlace(hash)).toEqual({ recording: 0 });
    },
  );
});
