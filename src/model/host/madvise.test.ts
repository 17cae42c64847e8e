import { describe, expect, it } from 'vitest';
import { frameOf, Pte } from '../spte.js';
import { aloneOn, entryOf, invalidations, unaccounted, type Alone } from '../testing/host-machine.js';
import { finish } from '../testing/sequential-thread.js';
import { Tracepoint } from '../tracepoints.js';
import { FolioFlag } from './folios.js';
import { handleMmFault } from './handle-mm-fault.js';
import { madviseStorm, zapPageRange } from './madvise.js';
import type { StormSettings } from './settings.js';
import { stepStart } from './storm-steps.js';
import { collapseStorm, forkStorm, mprotectStorm, unmapStorm } from './storms.js';

function filled(pages: number, huge = false): Alone {
  return aloneOn({ pages, populated: { huge, nodeOf: () => 0 } });
}

function stormOn(alone: Alone, settings: Partial<StormSettings>): StormSettings {
  const whole = { firstPage: alone.first, pages: alone.mm.pages, stepPages: 512, seed: 1 };
  return { ...whole, order: 'sequential', ...settings };
}

function present(alone: Alone): number[] {
  return Array.from({ length: alone.mm.pages }, (_, page) => page).filter(
    (page) => entryOf(alone, page) !== 0,
  );
}

describe('MADV_DONTNEED', () => {
  it('a storm goes over its range in steps, and begins again', () => {
    const alone = filled(20);
    alone.t.operationsLeft = 5;
    finish(
      madviseStorm(
        alone.t,
        alone.mm,
        stormOn(alone, { firstPage: alone.first + 4, pages: 10, stepPages: 4 }),
      ),
    );
    expect(invalidations(alone)).toEqual([
      [4, 8],
      [8, 12],
      [12, 14],
      [4, 8],
      [8, 12],
    ]);
    expect(present(alone)).toEqual([0, 1, 2, 3, 14, 15, 16, 17, 18, 19]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('frees behind the end of the invalidation, after the flush', () => {
    const alone = filled(8);
    finish(zapPageRange(alone.t, alone.mm, alone.first, alone.first + 8));
    const points = alone.t.emitted.map(([point]) => point);
    const order = [Tracepoint.probeEndEntered, Tracepoint.tlbFlush, Tracepoint.probePageFreed];
    expect(points.filter((point) => order.some((each) => each === point))).toEqual([
      ...order.slice(0, 2),
      ...Array<number>(8).fill(Tracepoint.probePageFreed),
    ]);
  });

  it('frees in between when very much is gathered', () => {
    const alone = filled(24 * 512);
    finish(zapPageRange(alone.t, alone.mm, alone.first, alone.first + 24 * 512));
    expect(alone.t.all(Tracepoint.tlbFlush)).toEqual([
      [3, 20 * 512],
      [3, 4 * 512],
    ]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('a page that somebody has a reference to stays theirs', () => {
    const alone = filled(8);
    const pinned = frameOf(entryOf(alone, 3));
    alone.mem[alone.mm.refcounts + pinned] += 1;
    finish(zapPageRange(alone.t, alone.mm, alone.first, alone.first + 8));
    expect(alone.t.all(Tracepoint.probePageFreed)).toHaveLength(7);
    expect(unaccounted(alone, new Map([[pinned, 1]]))).toEqual([]);
  });

  it('a part of a huge page: it is mapped page by page first, and freed only as a whole', () => {
    const alone = filled(1024, true);
    finish(zapPageRange(alone.t, alone.mm, alone.first + 5, alone.first + 6));
    expect(invalidations(alone)).toEqual([
      [5, 6],
      [0, 512],
    ]);
    expect(present(alone)).toHaveLength(1023);
    expect(alone.t.all(Tracepoint.probePageFreed)).toEqual([]);
    expect(unaccounted(alone)).toEqual([]);
    finish(zapPageRange(alone.t, alone.mm, alone.first, alone.first + 1024));
    expect(alone.t.all(Tracepoint.probePageFreed)).toHaveLength(1024);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('a migration entry is zapped, and the page left to whoever moves it', () => {
    const alone = filled(8);
    const pfn = frameOf(entryOf(alone, 2));
    alone.mem[alone.mm.ptes + 2] = (pfn << 8) | Pte.Migration;
    finish(zapPageRange(alone.t, alone.mm, alone.first, alone.first + 8));
    expect(alone.mem[alone.mm.refcounts + pfn]).toBe(1);
    expect(unaccounted(alone, new Map([[pfn, 1]]))).toEqual([]);
  });
});

describe('steps of a storm', () => {
  it('in random order every step comes once in a pass, in another order in the next', () => {
    const storm = stormOn(filled(8), { firstPage: 100, pages: 1003, stepPages: 10, order: 'random' });
    const passes = [0, 1].map((pass) =>
      Array.from({ length: 101 }, (_, step) => stepStart(storm, pass * 101 + step)),
    );
    const all = Array.from({ length: 101 }, (_, step) => 100 + step * 10);
    for (const steps of passes) expect(steps.toSorted((a, b) => a - b)).toEqual(all);
    expect(passes[0]).not.toEqual(all);
    expect(passes[1]).not.toEqual(passes[0]);
  });
});

describe('other storms', () => {
  it('unmap: invalidations of which nothing comes', () => {
    const alone = filled(600);
    alone.t.operationsLeft = 2;
    const storm = { ...stormOn(alone, { stepPages: 400 }), blockable: true, windowNs: 30 };
    finish(unmapStorm(alone.t, alone.mm, storm));
    expect(invalidations(alone)).toEqual([
      [0, 400],
      [400, 600],
    ]);
    expect(alone.t.slept).toBe(60);
    expect(present(alone)).toHaveLength(600);
  });

  it('mprotect: the range under the write lock, permitting as much as before', () => {
    const alone = filled(1024);
    alone.t.operationsLeft = 1;
    finish(mprotectStorm(alone.t, alone.mm, stormOn(alone, { stepPages: 1024 })));
    expect(invalidations(alone)).toEqual([[0, 1024]]);
    expect(entryOf(alone, 700) & (Pte.Present | Pte.Write | Pte.ProtNone)).toBe(Pte.Present | Pte.Write);
    expect(alone.mem[alone.mm.mmapLock]).toBe(0);
  });

  it('collapse: 512 pages become one, and one with a strange reference none', () => {
    const alone = aloneOn({ pages: 1024, pfns: 5 * 512, populated: { huge: false, nodeOf: () => 0 } });
    finish(zapPageRange(alone.t, alone.mm, alone.first + 3, alone.first + 4));
    alone.t.operationsLeft = 1;
    const pinned = frameOf(entryOf(alone, 600));
    alone.mem[alone.mm.refcounts + pinned] += 1;
    finish(collapseStorm(alone.t, alone.mm, stormOn(alone, { stepPages: 1024 })));
    expect(invalidations(alone).slice(1)).toEqual([
      [0, 512],
      [512, 1024],
    ]);
    const [head, last] = [entryOf(alone, 0), entryOf(alone, 511)].map(frameOf);
    expect((last ?? 0) - (head ?? 0)).toBe(511);
    expect(frameOf(entryOf(alone, 600))).toBe(pinned);
    // Page 3 before, the others of the first 2 MiB, and the huge page that the second did not need.
    expect(alone.t.all(Tracepoint.probePageFreed)).toHaveLength(1 + 511 + 512);
    expect(unaccounted(alone, new Map([[pinned, 1]]))).toEqual([]);
  });

  it('fork: everything is shared and read-only until the child exits; what is written is copied', () => {
    const alone = filled(1024, true);
    const small = filled(100);
    for (const each of [alone, small]) {
      each.t.operationsLeft = 1;
      let shared = 0;
      const { t } = each;
      const storm = { ...stormOn(each, {}), holdNs: 5 };
      const sleep = t.sleep.bind(t);
      t.sleep = (ns) => {
        shared = present(each).filter((page) => (entryOf(each, page) & Pte.Write) === 0).length;
        finish(handleMmFault(t, each.mm, each.first + 7, 1));
        if (each === alone) finish(handleMmFault(t, each.mm, each.first + 7, 1));
        expect(unaccounted(each)).toEqual([]);
        return sleep(ns);
      };
      finish(forkStorm(t, each.mm, storm));
      expect(shared).toBe(each.mm.pages);
      expect(invalidations(each)[0]).toEqual([0, each.mm.pages]);
      expect(invalidations(each).at(-1)).toEqual([7, 8]);
      expect(entryOf(each, 7) & Pte.Write).toBe(Pte.Write);
      expect(each.mem[each.mm.pfnFlags + frameOf(entryOf(each, 8))] & FolioFlag.Forked).toBe(0);
      expect(unaccounted(each)).toEqual([]);
    }
  });
});
