/**
 * Goal: every kind of ring-buffer word moves the clock and the cursor as the kernel means it.
 *
 * Method: pages written word by word, with the right answer beside them.
 */
import { describe, expect, it } from 'vitest';
import { Diagnostics } from '../../store/diagnostics.js';
import { CpuCursor, type PageLayout } from './cpu-cursor.js';
import { cpuList } from './decoder.js';

const PAGE = 4096;
const LOST = 0x80000000;
const STORED = 0x40000000;

interface PageSpec {
  time: bigint;
  /** Words of the page's data. */
  words: number[];
  /** Bits beside the size of the data. */
  flags?: number;
  /** A word after the data: the number of lost events. */
  after?: number;
  pageSize?: number;
}

function page({ time, words, flags = 0, after, pageSize = PAGE }: PageSpec): Uint8Array {
  const bytes = new Uint8Array(pageSize);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, time, true);
  view.setUint32(8, (words.length * 4) | flags, true);
  words.forEach((word, i) => view.setUint32(16 + 4 * i, word, true));
  if (after !== undefined) view.setUint32(16 + 4 * words.length, after, true);
  return bytes;
}

/** An event of `words` data words after `delta`. */
const event = (delta: number, ...words: number[]) => [(delta << 5) | words.length, ...words];
const extend = (delta: number, high: number) => [(delta << 5) | 30, high];
const absolute = (low: number, high: number) => [(low << 5) | 31, high];

function walk(pages: Uint8Array[], layout: Partial<PageLayout> = {}) {
  const diagnostics = new Diagnostics();
  const supply = { next: () => pages.shift() };
  const full = { pageSize: PAGE, dataOffset: 16, origin: 0n, ...layout };
  const cursor = new CpuCursor(3, supply, full, diagnostics);
  const events: [time: number, ...words: number[]][] = [];
  while (cursor.advance()) {
    const first = cursor.at >>> 2;
    events.push([cursor.time, ...cursor.words.subarray(first, first + cursor.length / 4)]);
  }
  return { events, diagnostics };
}

describe('the clock', () => {
  it('adds deltas, extends, and takes absolute stamps', () => {
    const words = [
      ...event(5, 11),
      ...extend(3, 2),
      ...event(1, 12),
      ...absolute(7, 1 << 5),
      ...event(2, 13),
    ];
    const { events } = walk([page({ time: 1000n, words })]);
    const extended = 1005 + 3 + 2 * 2 ** 27;
    const stamped = 7 + 32 * 2 ** 27;
    expect(events).toEqual([
      [1005, 11],
      [extended + 1, 12],
      [stamped + 2, 13],
    ]);
  });

  it('keeps the top bits that an absolute stamp has no room for', () => {
    const time = (5n << 59n) | 1000n;
    const words = [...absolute(2000, 0), ...event(1, 1)];
    const { events } = walk([page({ time, words })], { origin: time });
    expect(events).toEqual([[1001, 1]]);
  });

  it('is exact above 2^53 when times count from an origin', () => {
    const time = 1_800_000_000_123_456_789n;
    const { events } = walk([page({ time, words: event(7, 1) })], { origin: time - 10n });
    expect(events).toEqual([[17, 1]]);
  });

  it('converts every stamp where the layout says how', () => {
    const convert = (clock: bigint, cpu: number) => Number(clock / 2n) + cpu;
    const { events } = walk([page({ time: 1000n, words: event(6, 1) })], { convert });
    expect(events).toEqual([[506, 1]]);
  });

  it('counts steps back', () => {
    const pages = [page({ time: 1000n, words: event(5, 1) }), page({ time: 900n, words: event(5, 2) })];
    const { events, diagnostics } = walk(pages);
    expect(events.map(([time]) => time)).toEqual([1005, 905]);
    expect([diagnostics.clockBackwards, diagnostics.largestBackstep]).toEqual([1, 100]);
  });
});

describe('the cursor', () => {
  it('reads long events, whose length is a word of its own, rounded up to words', () => {
    const words = [(4 << 5) | 0, 4 + 6, 21, 22, ...event(1, 23)];
    expect(walk([page({ time: 0n, words })]).events).toEqual([
      [4, 21, 22],
      [5, 23],
    ]);
  });

  it('skips discarded events, whose time still counts, and padding to the end of the page', () => {
    const discarded = [(10 << 5) | 29, 8, 99];
    const toTheEnd = [29, 77, 77];
    const words = [...event(1, 1), ...discarded, ...event(1, 2), ...toTheEnd];
    const pages = [page({ time: 0n, words }), page({ time: 50n, words: event(0, 3) })];
    expect(walk(pages).events).toEqual([
      [1, 1],
      [12, 2],
      [50, 3],
    ]);
  });

  it('reads pages of other sizes, several in a block', () => {
    for (const pageSize of [1024, 8192, 65536]) {
      const block = new Uint8Array(2 * pageSize);
      block.set(page({ time: 10n, words: event(1, 1), pageSize }));
      block.set(page({ time: 20n, words: event(1, 2), pageSize }), pageSize);
      expect(walk([block], { pageSize }).events.map(([time]) => time)).toEqual([11, 21]);
    }
  });

  it('reports lost events where the kernel says so, with their number when it is there', () => {
    const pages = [
      page({ time: 10n, words: event(1, 1) }),
      page({ time: 20n, words: event(1, 2), flags: LOST | STORED, after: 17 }),
      page({ time: 30n, words: event(1, 3), flags: LOST }),
    ];
    const { diagnostics } = walk(pages);
    expect(diagnostics.losses).toEqual([
      { cpu: 3, events: 17, beforeTime: 21 },
      { cpu: 3, events: undefined, beforeTime: 31 },
    ]);
  });

  it('gives up a page whose event crosses its end, says so, and goes on with the next', () => {
    const pages = [page({ time: 10n, words: [(1 << 5) | 9, 1, 2] }), page({ time: 20n, words: event(1, 5) })];
    const { events, diagnostics } = walk(pages);
    expect(events).toEqual([[21, 5]]);
    expect(diagnostics.damage).toEqual([expect.stringContaining('an event of 36 bytes crosses the end')]);
    expect(diagnostics.losses).toEqual([{ cpu: 3, events: undefined, beforeTime: 21 }]);
  });
});

describe('CPU masks', () => {
  it('are lists of ranges', () => {
    const list = (...bytes: number[]) => cpuList(Uint8Array.from(bytes), 0, bytes.length);
    expect([list(0), list(1), list(0b1011), list(0xff, 0x01), list(0, 0x80)]).toEqual([
      '',
      '0',
      '0-1,3',
      '0-8',
      '15',
    ]);
  });
});
