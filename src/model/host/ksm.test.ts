import { describe, expect, it } from 'vitest';
import { Cost } from '../costs.js';
import { frameOf, Pte } from '../spte.js';
import { aloneOn, entryOf, invalidations, ksmOf, unaccounted, type Alone } from '../testing/host-machine.js';
import { finish } from '../testing/sequential-thread.js';
import { Tracepoint } from '../tracepoints.js';
import { handleMmFault } from './handle-mm-fault.js';
import { ksmDoScan, ksmScanThread } from './ksm.js';
import { DEFAULT_KSM, type KsmSettings } from './settings.js';

/** A machine whose page `p` holds `contents[p]`. */
function withContents(contents: readonly number[], settings: Partial<KsmSettings> = {}, huge = false): Alone {
  return aloneOn({
    pages: Math.max(contents.length, huge ? 512 : 0),
    populated: { huge, nodeOf: () => 0 },
    ksm: {
      settings: { ...DEFAULT_KSM, pagesToScan: 100_000, ...settings },
      classes: 4,
      classOf: (page) => contents[page] ?? 0,
    },
  });
}

/** Scans until the pass is over: one call, as a pass has fewer pages than a scan. */
function pass(alone: Alone): void {
  finish(ksmDoScan(alone.t, alone.mm, ksmOf(alone)));
}

function frames(alone: Alone, ...pages: number[]): number[] {
  return pages.map((page) => frameOf(entryOf(alone, page)));
}

function write(alone: Alone, page: number): void {
  finish(handleMmFault(alone.t, alone.mm, alone.first + page, 1));
}

/** Successful merges that were traced. */
function merges(alone: Alone): number {
  return alone.t.all(Tracepoint.ksmMergeWithKsmPage).filter(([, , err]) => err === 0).length;
}

/** Pages that were looked at. */
function scans({ t }: Alone): number {
  return t.spent.get(Cost.ksmScanPage) ?? 0;
}

describe('ksmd', () => {
  it('merges equal pages in its second pass: three invalidations for the first two, two for others', () => {
    const alone = withContents([1, 0, 1, 2, 1, 0]);
    pass(alone);
    expect(invalidations(alone)).toEqual([]);
    pass(alone);
    const [a, c, e, b] = frames(alone, 0, 2, 4, 1);
    expect(a).toBe(c);
    expect(e).toBe(c);
    expect(b).not.toBe(c);
    // Page 2 finds page 0: protect 2, protect 0, replace 0. Page 4 finds the shared page: protect, replace.
    expect(invalidations(alone)).toEqual([2, 0, 0, 4, 4].map((page) => [page, page + 1]));
    expect(merges(alone)).toBe(3);
    expect(alone.mem[alone.mm.refcounts + (a ?? 0)]).toBe(3);
    expect(alone.t.all(Tracepoint.probePageFreed)).toHaveLength(2);
    expect([0, 2, 4].map((page) => entryOf(alone, page) & (Pte.Write | Pte.Dirty))).toEqual([0, 0, 0]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('a write unshares a page, which is merged again at once by the next pass', () => {
    const alone = withContents([1, 1, 1]);
    pass(alone);
    pass(alone);
    const shared = frames(alone, 0)[0];
    write(alone, 1);
    expect(frames(alone, 1)[0]).not.toBe(shared);
    expect(invalidations(alone).at(-1)).toEqual([1, 2]);
    const before = invalidations(alone).length;
    pass(alone);
    expect(frames(alone, 1)[0]).toBe(shared);
    expect(invalidations(alone).length - before).toBe(2);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('or not, when what it holds afterwards is something new', () => {
    const alone = withContents([1, 1, 1], { afterWrite: 'unique' });
    pass(alone);
    pass(alone);
    write(alone, 1);
    const before = invalidations(alone).length;
    pass(alone);
    pass(alone);
    expect(invalidations(alone)).toHaveLength(before);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('a shared page that nobody maps any more is gone, and its successor is another', () => {
    const alone = withContents([1, 1]);
    pass(alone);
    pass(alone);
    write(alone, 0);
    write(alone, 1);
    expect(new Set(frames(alone, 0, 1)).size).toBe(2);
    expect(unaccounted(alone)).toEqual([]);
    pass(alone);
    expect(new Set(frames(alone, 0, 1)).size).toBe(1);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('refuses a page that somebody else has a reference to, after its invalidation', () => {
    const alone = withContents([1, 1]);
    pass(alone);
    const [pinned = 0] = frames(alone, 1);
    alone.mem[alone.mm.refcounts + pinned] += 1;
    pass(alone);
    expect(new Set(frames(alone, 0, 1)).size).toBe(2);
    expect(merges(alone)).toBe(0);
    expect(invalidations(alone)).toEqual([[1, 2]]);
    expect(entryOf(alone, 1) & Pte.Write).toBe(Pte.Write);
    expect(unaccounted(alone, new Map([[pinned, 1]]))).toEqual([]);
  });

  it('unshares the first page again when the second cannot follow', () => {
    const alone = withContents([1, 1]);
    pass(alone);
    const [pinned = 0, other = 0] = frames(alone, 0, 1);
    alone.mem[alone.mm.refcounts + pinned] += 1;
    pass(alone);
    // Protect 1, protect 0 (refused), copy 1.
    expect(invalidations(alone)).toEqual([
      [1, 2],
      [0, 1],
      [1, 2],
    ]);
    expect(alone.t.all(Tracepoint.probePageFreed)).toEqual([[other]]);
    expect(unaccounted(alone, new Map([[pinned, 1]]))).toEqual([]);
  });

  it('a page takes no more than max_page_sharing mappings', () => {
    const alone = withContents(Array<number>(12).fill(1), { maxPageSharing: 4, smartScan: false });
    for (let round = 0; round < 8; round++) pass(alone);
    const shared = frames(alone, ...Array.from({ length: 12 }, (_, page) => page));
    const counts = [...new Set(shared)].map((frame) => shared.filter((each) => each === frame).length);
    expect(counts).toEqual([4, 4, 4]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('splits a huge page first, with an invalidation of 2 MiB', () => {
    const contents = Array<number>(1024).fill(0);
    contents[5] = 1;
    contents[600] = 1;
    const alone = withContents(contents, {}, true);
    const [first = 0, second = 0] = frames(alone, 0, 512);
    pass(alone);
    pass(alone);
    // Page 600 finds page 5: split and protect it, split and protect page 5, replace page 5.
    expect(invalidations(alone)).toEqual([
      [512, 1024],
      [600, 601],
      [0, 512],
      [5, 6],
      [5, 6],
    ]);
    expect(frames(alone, 5, 600, 6)).toEqual([second + 88, second + 88, first + 6]);
    expect(alone.t.all(Tracepoint.probePageFreed)).toEqual([[first + 5]]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('two pages of one huge page: ksmd is in its own way, splits it, merges them in the next pass', () => {
    const contents = Array<number>(512).fill(0);
    contents[5] = 1;
    contents[9] = 1;
    const alone = withContents(contents, {}, true);
    pass(alone);
    pass(alone);
    expect(invalidations(alone)).toEqual([[0, 512]]);
    expect(merges(alone)).toBe(0);
    pass(alone);
    expect(invalidations(alone).slice(1)).toEqual([9, 5, 5].map((page) => [page, page + 1]));
    expect(new Set(frames(alone, 5, 9)).size).toBe(1);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('does not split a huge page that somebody else has a reference to', () => {
    const alone = withContents([1, 1], {}, true);
    const [head = 0] = frames(alone, 0);
    alone.mem[alone.mm.refcounts + head] += 1;
    pass(alone);
    pass(alone);
    expect(invalidations(alone)).toEqual([]);
    expect(merges(alone)).toBe(0);
    expect(unaccounted(alone, new Map([[head, 1]]))).toEqual([]);
  });

  it('puts a huge page back that somebody took a reference to while it was unmapped', () => {
    const alone = withContents([1, 1], {}, true);
    const { t, mm, mem } = alone;
    const [head = 0] = frames(alone, 0);
    pass(alone);
    t.onAccess = (cell) => {
      // Between the unmapping and the freeze.
      if (cell !== mm.refcounts + head || (mem[mm.ptes] & Pte.Migration) === 0 || mem[cell] !== 1) return;
      t.onAccess = undefined;
      mem[cell] = 2;
    };
    pass(alone);
    expect(t.onAccess).toBe(undefined);
    expect(frames(alone, 0, 511)).toEqual([head, head + 511]);
    expect(entryOf(alone, 511) & (Pte.Present | Pte.Write)).toBe(Pte.Present | Pte.Write);
    expect(unaccounted(alone, new Map([[head, 1]]))).toEqual([]);
  });

  it('scans pages_to_scan pages, sleeps, and goes on behind them', () => {
    const alone = withContents(Array<number>(10).fill(0), { pagesToScan: 4, sleepNs: 7 });
    alone.t.operationsLeft = 2;
    finish(ksmScanThread(alone.t, alone.mm, ksmOf(alone)));
    expect(alone.mem[ksmOf(alone).cursor]).toBe(alone.first + 8);
    expect(alone.t.slept).toBe(14);
    expect(alone.t.all(Tracepoint.ksmStartScan)).toEqual([[0, 10]]);
    pass(alone);
    expect(alone.t.all(Tracepoint.ksmStopScan)).toEqual([[0, 10]]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('smart_scan leaves a page out more and more often', () => {
    const alone = withContents([0]);
    const scanned: number[] = [];
    for (let round = 1; round <= 24; round++) {
      const before = scans(alone);
      pass(alone);
      if (scans(alone) > before) scanned.push(round);
    }
    // Ages 0 to 2 never skip; then skip_age() of 3, 5, 8, ...: 1, 2, 4, 8 scans.
    expect(scanned).toEqual([1, 2, 3, 4, 6, 9, 14, 23]);
  });
});
