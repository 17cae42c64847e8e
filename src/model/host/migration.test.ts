import { describe, expect, it } from 'vitest';
import { frameOf, makeEntry, Pte } from '../spte.js';
import { aloneOn, entryOf, invalidations, unaccounted, type Alone } from '../testing/host-machine.js';
import { finish } from '../testing/sequential-thread.js';
import { Tracepoint } from '../tracepoints.js';
import { FolioFlag, HPAGE_PMD_NR, nodeOfPfn } from './folios.js';
import { getUserPageFastOnly } from './gup.js';
import { migrateFolio, MigrateMode, MigrateReason } from './migration.js';
import { migrateStorm } from './storms.js';

const PAGE = 9;

function twoNodes(huge = false): Alone {
  return aloneOn({ pages: 1024, pfns: 10 * HPAGE_PMD_NR, nodes: 2, populated: { huge, nodeOf: () => 0 } });
}

/** Isolates a page and moves it to node 1. */
function move({ t, mm, mem, first }: Alone, page: number, folio: number): boolean {
  mem[mm.refcounts + folio] += 1;
  return finish(migrateFolio(t, mm, first + page, folio, 1, MigrateMode.Sync, MigrateReason.Syscall));
}

describe('migrateFolio', () => {
  it('keeps what the mapping permits, and frees the old page after everything', () => {
    const alone = twoNodes();
    const before = entryOf(alone, PAGE);
    expect(move(alone, PAGE, frameOf(before))).toBe(true);
    const after = entryOf(alone, PAGE);
    expect(after & 0xff).toBe(before & 0xff);
    expect(nodeOfPfn(alone.t, alone.mm, frameOf(after))).toBe(1);
    expect(alone.t.all(Tracepoint.mmMigratePages)).toEqual([[1, 0, 2, 3]]);
    const points = alone.t.emitted.map(([point]) => point);
    const freed = points.indexOf(Tracepoint.probePageFreed);
    expect(freed).toBeGreaterThan(points.indexOf(Tracepoint.probeEndEntered));
    expect(unaccounted(alone)).toEqual([]);
  });

  it('copies outside the invalidation, under a migration entry that lets nobody in', () => {
    const alone = twoNodes();
    const { t, mm, mem, first } = alone;
    const folio = frameOf(entryOf(alone, PAGE));
    const seen: string[] = [];
    t.onAccess = (cell) => {
      if (cell !== mm.refcounts + folio || (mem[mm.ptes + PAGE] & Pte.Migration) === 0) return;
      t.onAccess = undefined;
      expect(mem[mm.ptes + PAGE]).toBe(makeEntry(folio, Pte.Migration | Pte.Write | Pte.Dirty));
      seen.push(String(finish(getUserPageFastOnly(t, mm, first + PAGE, 0))));
    };
    move(alone, PAGE, folio);
    expect(seen).toEqual(['0']);
    expect(invalidations(alone)).toEqual([[PAGE, PAGE + 1]]);
  });

  it('puts the old page back when somebody else has a reference, after its invalidation', () => {
    const alone = twoNodes();
    const folio = frameOf(entryOf(alone, PAGE));
    alone.mem[alone.mm.refcounts + folio] += 1;
    expect(move(alone, PAGE, folio)).toBe(false);
    expect(frameOf(entryOf(alone, PAGE))).toBe(folio);
    expect(entryOf(alone, PAGE) & (Pte.Present | Pte.Write)).toBe(Pte.Present | Pte.Write);
    expect(invalidations(alone)).toEqual([[PAGE, PAGE + 1]]);
    expect(unaccounted(alone, new Map([[folio, 1]]))).toEqual([]);
  });

  it('does not begin with a locked page, nor with one of KSM', () => {
    const alone = twoNodes();
    const folio = frameOf(entryOf(alone, PAGE));
    alone.mem[alone.mm.pfnFlags + folio] |= FolioFlag.Locked;
    expect(move(alone, PAGE, folio)).toBe(false);
    alone.mem[alone.mm.pfnFlags + folio] ^= FolioFlag.Locked | FolioFlag.Ksm;
    expect(move(alone, PAGE, folio)).toBe(false);
    expect(invalidations(alone)).toEqual([]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('a page that is zapped while it moves is mapped nowhere, and freed', () => {
    const alone = twoNodes();
    const { t, mm, mem } = alone;
    const folio = frameOf(entryOf(alone, PAGE));
    t.onAccess = (cell) => {
      if (cell === mm.refcounts + folio && (mem[mm.ptes + PAGE] & Pte.Migration) !== 0)
        mem[mm.ptes + PAGE] = 0;
    };
    move(alone, PAGE, folio);
    t.onAccess = undefined;
    expect(entryOf(alone, PAGE)).toBe(0);
    expect(unaccounted(alone)).toEqual([]);
  });
});

describe('migrateStorm', () => {
  const storm = { pages: 1024, stepPages: 100, order: 'sequential', seed: 1 } as const;

  it('moves each page of its step to the next node', () => {
    const alone = twoNodes();
    alone.t.operationsLeft = 1;
    finish(migrateStorm(alone.t, alone.mm, { ...storm, firstPage: alone.first }));
    const nodes = Array.from({ length: 101 }, (_, page) =>
      nodeOfPfn(alone.t, alone.mm, frameOf(entryOf(alone, page))),
    );
    expect(nodes).toEqual([...Array<number>(100).fill(1), 0]);
    expect(invalidations(alone)).toHaveLength(100);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('moves huge pages whole, once', () => {
    const alone = twoNodes(true);
    alone.t.operationsLeft = 1;
    finish(migrateStorm(alone.t, alone.mm, { ...storm, firstPage: alone.first, stepPages: 1024 }));
    expect(invalidations(alone)).toEqual([
      [0, 512],
      [512, 1024],
    ]);
    expect(unaccounted(alone)).toEqual([]);
  });
});
