/** From a timeline to the page's columns and back, and what is merged on the way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Timeline, TimelineSlice, TimelineTrack } from '../../trace/timeline.js';
import { sampleTimeline } from '../../../test/sample-report.js';
import { compress } from '../assets.js';
import { modelOf, type Model } from '../page/model.js';
import { readPacked, unpackSlices, type Slices } from '../page/unpack.js';
import { packTimeline } from './pack.js';
import { CATEGORIES, RETRIED, rankOf, styleOf } from './packed.js';

const range = { start: 0, end: 1e9 };

const detail = fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
const someSlice = fc.record({
  track: fc.integer({ min: 0, max: 3 }),
  start: fc.integer({ min: 0, max: 1000 }),
  length: fc.integer({ min: 0, max: 300 }),
  name: fc.string(),
  category: fc.constantFrom(...CATEGORIES),
  inferred: fc.boolean(),
  details: fc.dictionary(fc.constantFrom('a', 'retried', 'outcome'), detail),
  event: fc.nat(1e6),
});
const someTimeline = fc.array(someSlice, { maxLength: 60 }).map((all): Timeline => {
  const slices = all.map(({ length, event, inferred, ...rest }, id): TimelineSlice => ({
    id,
    ...rest,
    end: rest.start + length,
    events: [event, event + length],
    ...(inferred ? { inferred } : {}),
  }));
  const kinds = ['lock', 'vcpu', 'other', 'invalidator'] as const;
  const tracks = kinds.map((kind, id): TimelineTrack => ({ id, kind, name: `track ${id}` }));
  const flows = slices.slice(1).map(({ id }) => ({ from: id, to: id - 1, name: `flow ${id % 3}` }));
  return { tracks, slices, flows };
});

/** What a page knows of each slice, as text, in no order. */
function known(slices: Slices): string[] {
  return Array.from({ length: slices.count }, (_, i) =>
    JSON.stringify([
      slices.tracks[slices.lane[i]].name,
      slices.start[i],
      slices.end[i],
      slices.name(i),
      slices.style[i],
      slices.firstEvent[i],
      slices.lastEvent[i],
      Object.fromEntries(slices.details(i)),
    ]),
  ).toSorted();
}

function given({ tracks, slices }: Timeline): string[] {
  const names = new Map(tracks.map(({ id, name }) => [id, name]));
  return slices
    .map((slice) =>
      JSON.stringify([
        names.get(slice.track),
        slice.start,
        slice.end,
        slice.name,
        styleOf(slice),
        ...slice.events,
        slice.details,
      ]),
    )
    .toSorted();
}

describe('packing', () => {
  it('keeps every slice with all that is known of it', async () => {
    await fc.assert(
      fc.asyncProperty(someTimeline, async (timeline) => {
        const packed = await readPacked(compress(JSON.stringify(packTimeline(timeline, range))));
        expect(known(unpackSlices(packed))).toEqual(given(timeline));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps arrows between the same slices', () => {
    fc.assert(
      fc.property(someTimeline, (timeline) => {
        const model = modelOf(packTimeline(timeline, range));
        const ends = ({ start, end }: { start: number; end: number }): string => `${start}-${end}`;
        const at = (i: number): string => ends({ start: model.slices.start[i], end: model.slices.end[i] });
        const drawn = Array.from({ length: model.slices.count }, (_, i) => model.flowsFrom(i)).flat();
        const wanted = timeline.flows.map(
          ({ from, to, name }) => `${ends(timeline.slices[from])} ${ends(timeline.slices[to])} ${name}`,
        );
        expect(drawn.map(({ from, to, name }) => `${at(from)} ${at(to)} ${name}`).toSorted()).toEqual(
          wanted.toSorted(),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('puts vCPUs first, then who changes memory, then locks with what hangs on them', () => {
    const { tracks, end } = packTimeline(sampleTimeline, { start: 0, end: 10 });
    expect(tracks.map(({ id }) => id)).toEqual([1, 0, 2, 3]);
    expect(end).toBe(503e6);
  });

  it('takes parents in a circle and tracks nobody declared', () => {
    const tracks: TimelineTrack[] = [
      { id: 0, name: 'a', kind: 'lock', parent: 1 },
      { id: 1, name: 'b', kind: 'lock', parent: 0 },
    ];
    const packed = packTimeline({ ...sampleTimeline, tracks }, range);
    expect(packed.tracks.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual([0, 1]);
    expect(packed.startDelta.length).toBe(4);
  });
});

/** 1,000 slices on a busy lane with lengths 1 to 1000, and three on a quiet one. */
function busy(): Timeline {
  const slices = Array.from({ length: 1003 }, (_, id): TimelineSlice => {
    const quiet = id >= 1000;
    const length = quiet ? 1 : 1 + ((id * 7) % 1000);
    const start = id * 1e5;
    const category = id % 2 === 0 ? 'wait' : 'fault';
    return {
      id,
      track: quiet ? 1 : 0,
      start,
      end: start + length,
      name: '',
      category,
      details: {},
      events: [0, 0],
    };
  });
  const tracks = [0, 1].map((id): TimelineTrack => ({ id, name: '', kind: 'vcpu' }));
  return { tracks, slices, flows: [{ from: 3, to: 1, name: '' }] };
}

describe('too many slices', () => {
  const packed = packTimeline(busy(), range, 103);

  it('keep the longest of each lane, and the quiet lane whole', () => {
    expect(packed.perTrack).toEqual([100, 3]);
    expect(Math.min(...packed.duration.slice(0, 100))).toBe(901);
    expect(packed).toMatchObject({ total: 1003, mergedBelowNs: 901 });
  });

  it('count every other one, where it was and as what it was', () => {
    const merged = packed.density.flatMap(({ counts }) => counts).reduce((a, b) => a + b, 0);
    expect(merged).toBe(900);
    const model = modelOf(packed);
    const kept = new Set(model.slices.start);
    for (const { start, category } of busy().slices.filter((slice) => !kept.has(slice.start))) {
      const density = model.lanes[0].density.find(({ style }) => style === CATEGORIES.indexOf(category));
      const bucket = density?.start.some((time) => start >= time - 1 && start < time + model.bucketNs);
      expect(bucket).toBe(true);
    }
  });
});

describe('rows', () => {
  const overlaps = (model: Model, row: Uint32Array): boolean =>
    [...row].some((slice, i) => i > 0 && model.slices.start[slice] < model.slices.end[row[i - 1]]);

  it('hold every slice once, without overlaps but in the last of too many', () => {
    fc.assert(
      fc.property(someTimeline, (timeline) => {
        const model = modelOf(packTimeline(timeline, range));
        const all = model.lanes.flatMap(({ rows }) => rows.flatMap(({ slices }) => [...slices]));
        expect(all.toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: model.slices.count }, (_, i) => i),
        );
        for (const { rows } of model.lanes) {
          expect(rows.slice(0, 5).filter(({ slices }) => overlaps(model, slices))).toEqual([]);
          expect(rows.length).toBeLessThanOrEqual(6);
        }
      }),
    );
  });
});

it('a retried fault is worse than anything else', () => {
  const worst = styleOf(sampleTimeline.slices[0]);
  expect(worst & RETRIED).toBe(RETRIED);
  const others = sampleTimeline.slices.slice(1).map((slice) => rankOf(styleOf(slice)));
  expect(Math.max(...others)).toBeLessThan(rankOf(worst));
});
