import { expect, it } from 'vitest';
import { frameOf } from '../spte.js';
import { aloneOn, entryOf, unaccounted } from '../testing/host-machine.js';
import { finish } from '../testing/sequential-thread.js';
import { Tracepoint } from '../tracepoints.js';
import { folioTrylock, folioUnlock, getPage, HPAGE_PMD_NR } from './folios.js';
import { splitHugePage, splitHugePmd } from './huge-pages.js';
import { zapPageRange } from './madvise.js';

it('a folio that is split keeps the pages that are mapped, and the one that the caller holds', () => {
  const alone = aloneOn({ pages: 512, populated: { huge: true, nodeOf: () => 0 } });
  const { t, mm, first } = alone;
  const folio = frameOf(entryOf(alone, 0));
  finish(splitHugePmd(t, mm, first));
  finish(getPage(t, mm, folio + 5));
  finish(zapPageRange(t, mm, first + 3, first + 9));
  expect(finish(folioTrylock(t, mm, folio))).toBe(true);
  expect(t.all(Tracepoint.probePageFreed)).toEqual([]);
  expect(finish(splitHugePage(t, mm, first + 5, folio))).toBe(true);
  finish(folioUnlock(t, mm, folio + 5));
  const freed = t.all(Tracepoint.probePageFreed).map(([pfn = 0]) => pfn - folio);
  expect(freed).toEqual([3, 4, 6, 7, 8]);
  expect(unaccounted(alone, new Map([[folio + 5, 1]]))).toEqual([]);
});

it('a huge page that moves is awaited before its mapping is split', () => {
  const alone = aloneOn({ pages: 512, populated: { huge: true, nodeOf: () => 0 } });
  const { t, mm, mem, first } = alone;
  const entry = mem[mm.pmds] ?? 0;
  mem[mm.pmds] = (frameOf(entry) << 8) | 32;
  t.onWait = (cell) => {
    mem[cell] = entry;
  };
  finish(splitHugePmd(t, mm, first + 7));
  expect(mem[mm.refcounts + frameOf(entry)]).toBe(HPAGE_PMD_NR);
  expect(unaccounted(alone)).toEqual([]);
});
