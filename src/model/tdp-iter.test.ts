'use coroutines';
/**
 * The TDP iterator by itself: which entries it visits, in which order, and how its fields move. The order is
 * worked out by hand, or from the definition: pre-order, every entry of each table that is visited.
 */
import { describe, expect, it } from 'vitest';
import { Cost } from './costs.js';
import type { Kvm } from './kvm.js';
import type { Step, Thread } from './operations.js';
import { pagesPerEntry, tableCell } from './page-tables.js';
import { frameOf, isTable, makeEntry, NONPRESENT_SPTE, Spte } from './spte.js';
import { iterOf, tdpIterNext, tdpIterStart } from './tdp-iter.js';
import { finish } from './testing/sequential-thread.js';
import { entryCellOf, faultOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';

/**
 * for_each_tdp_pte_min_level(); every `yieldAt`th visit it yields, as a caller does that gave the lock
 * away.
 */
function* walk(
  t: Thread,
  kvm: Kvm,
  minLevel: number,
  start: number,
  end: number,
  yieldAt: number,
  seen: number[][],
): Step<void> {
  const iter = iterOf(t);
  let count = 0;
  yield* tdpIterStart(t, kvm, iter, t.mem[kvm.roots[0].table], minLevel, start);
  while (iter.valid && iter.gfn < end) {
    seen.push([iter.level, iter.gfn, iter.nextLastLevelGfn, iter.yieldedGfn]);
    count++;
    if (count === yieldAt) iter.yielded = 1;
    yield* tdpIterNext(t, kvm, iter);
  }
}

function visits(alone: TdpMachine, minLevel: number, start: number, end: number, yieldAt = 0): number[][] {
  const seen: number[][] = [];
  finish(walk(alone.t, alone.kvm, minLevel, start, end, yieldAt, seen));
  return seen;
}

/** Level and gfn of each visit. */
function places(seen: number[][]): string {
  return seen.map(([level, gfn]) => `${level}:${gfn}`).join(' ');
}

/** Three levels of two bits: an entry maps 1, 4 or 16 gfns. The gfns that are given are mapped. */
function sparse(...gfns: number[]): TdpMachine {
  const alone = tdpOn({ pages: 64, geometry: { bits: 2, levels: 3 } });
  for (const gfn of gfns) faultOn(alone, gfn);
  alone.t.spent.clear();
  return alone;
}

/** The definition: an entry of a visited table is visited if it maps anything from start on, before end. */
function preOrder(alone: TdpMachine, minLevel: number, start: number, end: number): string {
  const { kvm, mem } = alone;
  const found: string[] = [];
  const visit = (table: number, level: number, base: number): void => {
    for (let index = 0; index < 4; index++) {
      const span = 4 ** (level - 1);
      const gfn = base + index * span;
      if (gfn + span <= start || gfn >= end) continue;
      found.push(`${level}:${gfn}`);
      const entry = mem[tableCell(kvm, table) + index];
      if (level > minLevel && isTable(entry)) visit(frameOf(entry), level - 1, gfn);
    }
  };
  visit(mem[kvm.roots[0].table], 3, 0);
  return found.join(' ');
}

describe('which entries are visited', () => {
  it('down to the first, sideways, up: by hand', () => {
    // Mapped: 5 (tables at 0 and 4). 16 to 31 and 48 to 63 have no table below the root.
    const alone = sparse(5, 33);
    expect(places(visits(alone, 1, 0, 64))).toBe(
      '3:0 2:0 2:4 1:4 1:5 1:6 1:7 2:8 2:12 3:16 3:32 2:32 1:32 1:33 1:34 1:35 2:36 2:40 2:44 3:48',
    );
    // From the middle: the path to 6, not what lies before it.
    expect(places(visits(alone, 1, 6, 9))).toBe('3:0 2:4 1:6 1:7 2:8');
    // One page is its path, however many entries its tables have.
    expect(places(visits(alone, 1, 5, 6))).toBe('3:0 2:4 1:5');
    // Where there is nothing, one upper entry is all.
    expect(places(visits(alone, 1, 20, 32))).toBe('3:16');
  });

  it('a non-present upper entry is one step for all that it spans', () => {
    const empty = sparse();
    expect(places(visits(empty, 1, 0, 64))).toBe('3:0 3:16 3:32 3:48');
    expect(empty.t.spent.get(Cost.tdpIterStep)).toBe(4);
    // As many gfns, all mapped: 4 + 16 + 64 entries.
    const full = sparse(...Array.from({ length: 64 }, (_, gfn) => gfn));
    expect(visits(full, 1, 0, 64)).toHaveLength(4 + 16 + 64);
    expect(full.t.spent.get(Cost.tdpIterStep)).toBe(4 + 16 + 64);
  });

  it('min_level keeps the walk above', () => {
    const alone = sparse(5, 33);
    expect(places(visits(alone, 2, 0, 64))).toBe('3:0 2:0 2:4 2:8 2:12 3:16 3:32 2:32 2:36 2:40 2:44 3:48');
    expect(places(visits(alone, 3, 0, 64))).toBe('3:0 3:16 3:32 3:48');
  });

  it('any tree, any range: the definition', () => {
    // A fixed sequence of pseudo-random trees (x -> 5x + 3 mod 64 runs through all of 64).
    let x = 7;
    const next = (): number => (x = (5 * x + 3) % 64);
    for (let round = 0; round < 40; round++) {
      const alone = sparse(...Array.from({ length: round % 9 }, next));
      const start = next();
      const end = start + 1 + (next() % (64 - start));
      const minLevel = 1 + (round % 3);
      expect(places(visits(alone, minLevel, start, end))).toBe(preOrder(alone, minLevel, start, end));
    }
  });

  it('the real geometry: a page is four entries, 512 gfns of a table are 515', () => {
    const alone = tdpOn({ pages: 1024, mapped: 600 });
    expect(visits(alone, 1, 100, 101)).toHaveLength(4);
    expect(visits(alone, 1, 0, 512)).toHaveLength(3 + 512);
    expect(visits(alone, 1, 0, 1024)).toHaveLength(3 + 512 + 1 + 512);
    expect(pagesPerEntry(alone.kvm, 4)).toBe(2 ** 27);
  });
});

describe('the goal of the walk', () => {
  it('moves sideways only: not on the way down, not on the way up', () => {
    const alone = sparse(5, 6);
    expect(visits(alone, 1, 5, 10).map(([level, gfn, goal]) => [level, gfn, goal])).toEqual([
      [3, 0, 5],
      [2, 4, 5],
      [1, 5, 5],
      [1, 6, 6],
      [1, 7, 7],
      // Up and sideways in one step.
      [2, 8, 8],
    ]);
  });

  it('after a yield: from the root, for the same goal; the path is no progress', () => {
    const alone = sparse(5, 6);
    // The fourth visit, of gfn 6, yields.
    const seen = visits(alone, 1, 5, 8, 4);
    expect(places(seen)).toBe('3:0 2:4 1:5 1:6 3:0 2:4 1:6 1:7');
    expect(seen.map(([, , goal, yielded]) => goal - yielded)).toEqual([0, 0, 0, 1, 0, 0, 0, 1]);
  });

  it('a table that went away while the lock was dropped is not walked', () => {
    const alone = sparse(5, 6);
    const seen: number[][] = [];
    alone.t.onAccess = () => {
      // The walk is back at the root, its fifth visit: the table of 4 to 7 has been taken out.
      if (seen.length === 5) alone.mem[entryCellOf(alone, 4, 2)] = NONPRESENT_SPTE;
    };
    finish(walk(alone.t, alone.kvm, 1, 5, 10, 4, seen));
    expect(places(seen)).toBe('3:0 2:4 1:5 1:6 3:0 2:4 2:8');
  });

  it('continue-in-table (a mutant) stays where it was', () => {
    const alone = tdpOn({
      pages: 64,
      geometry: { bits: 2, levels: 3 },
      mapped: 8,
      change: { afterYield: 'continue-in-table' },
    });
    expect(places(visits(alone, 1, 5, 8, 4))).toBe('3:0 2:4 1:5 1:6 1:6 1:7');
  });
});

describe('the entry is read again before the walk steps down', () => {
  it('a table that the caller linked at the current entry is walked', () => {
    const alone = sparse();
    const iter = iterOf(alone.t);
    const { kvm, mem, t } = alone;
    finish(tdpIterStart(t, kvm, iter, mem[kvm.roots[0].table], 1, 20));
    expect([iter.level, iter.gfn, iter.oldSpte]).toEqual([3, 16, NONPRESENT_SPTE]);
    const spare = mem[kvm.tables.free];
    mem.fill(0, tableCell(kvm, spare), tableCell(kvm, spare) + 4);
    mem[iter.sptep] = makeEntry(spare, Spte.Present | Spte.Writable);
    finish(tdpIterNext(t, kvm, iter));
    expect([iter.level, iter.gfn, iter.nextLastLevelGfn]).toEqual([2, 20, 20]);
    expect(iter.sptep).toBe(tableCell(kvm, spare) + 1);
  });

  it('nothing lies beyond the last entry of the root', () => {
    const alone = sparse();
    expect(places(visits(alone, 1, 63, 1000))).toBe('3:48');
    const { t, kvm, mem } = alone;
    const iter = iterOf(t);
    finish(tdpIterStart(t, kvm, iter, mem[kvm.roots[0].table], 1, 64));
    expect(iter.valid).toBe(0);
  });
});
