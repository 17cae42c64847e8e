import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aloneOn, entryOf, ksmOf, unaccounted, type Alone } from '../testing/host-machine.js';
import { finish } from '../testing/sequential-thread.js';
import { Tracepoint } from '../tracepoints.js';
import { changeProtection, NewProtection } from './change-protection.js';
import {
  allocHugePage,
  allocPage,
  allocPageThisNode,
  FolioFlag,
  getPage,
  HPAGE_PMD_NR,
  nodeOfPfn,
  pageFolio,
  putPage,
  tryGetPage,
} from './folios.js';
import { getUserPage } from './gup.js';
import { collapseHugePage, splitHugePmd } from './huge-pages.js';
import { ksmDoScan } from './ksm.js';
import { zapPageRange } from './madvise.js';
import { DEFAULT_KSM } from './settings.js';
import { forkStorm, migrateStorm } from './storms.js';

describe('frames', () => {
  it('every frame but the first is handed out once, node by node', () => {
    const alone = aloneOn({ pages: 8, pfns: 3 * HPAGE_PMD_NR + 40, nodes: 2 });
    const { t, mm } = alone;
    const taken = [];
    for (let pfn = finish(allocPage(t, mm, 1)); pfn !== 0; pfn = finish(allocPage(t, mm, 1))) taken.push(pfn);
    expect(taken.length).toBe(mm.pfns - 1);
    expect(new Set(taken).size).toBe(taken.length);
    const nodes = taken.map((pfn) => nodeOfPfn(t, mm, pfn));
    // Node 0 has the first two blocks.
    expect(nodes).toEqual([...Array<number>(HPAGE_PMD_NR + 40).fill(1), ...Array<number>(1023).fill(0)]);
    expect(unaccounted(alone, new Map(taken.map((pfn) => [pfn, 1])))).toEqual([]);
  });

  it('of a node that is full none comes with __GFP_THISNODE', () => {
    const { t, mm } = aloneOn({ pages: 8, pfns: 520, nodes: 2 });
    for (let left = 8; left > 0; left--) expect(finish(allocPageThisNode(t, mm, 1))).toBeGreaterThan(0);
    expect(finish(allocPageThisNode(t, mm, 1))).toBe(0);
    expect(finish(allocPage(t, mm, 1))).toBeGreaterThan(0);
  });

  it('a huge folio counts its references in its first page, and is freed whole', () => {
    const alone = aloneOn({ pages: 8, pfns: 1024 });
    const { t, mm } = alone;
    const head = finish(allocHugePage(t, mm, 0));
    expect(head).toBe(512);
    expect(finish(allocHugePage(t, mm, 0))).toBe(0);
    expect(pageFolio(t, mm, head + 511)).toBe(head);
    finish(getPage(t, mm, head + 300));
    expect(unaccounted(alone, new Map([[head, 2]]))).toEqual([]);
    finish(putPage(t, mm, head + 5));
    finish(putPage(t, mm, head));
    expect(t.all(Tracepoint.probePageFreed)).toHaveLength(512);
    expect(unaccounted(alone)).toEqual([]);
    expect(finish(allocHugePage(t, mm, 0))).toBe(512);
  });

  it('observers hear of a freed frame before it can be had again', () => {
    const { t, mm, mem } = aloneOn({ pages: 8, pfns: 40 });
    const pfn = finish(allocPage(t, mm, 0));
    const emit = t.emit.bind(t);
    let head = -1;
    t.emit = (point, ...values) => {
      if (point === Tracepoint.probePageFreed) head = mem[mm.freeHeads] ?? 0;
      emit(point, ...values);
    };
    finish(putPage(t, mm, pfn));
    expect(t.all(Tracepoint.probePageFreed)).toEqual([[pfn]]);
    expect(head).not.toBe(pfn);
    expect(mem[mm.freeHeads]).toBe(pfn);
  });

  it('a free frame gives no reference, and one too many given back is found', () => {
    const { t, mm } = aloneOn({ pages: 8, pfns: 40 });
    const pfn = finish(allocPage(t, mm, 0));
    expect(finish(tryGetPage(t, mm, pfn))).toBe(true);
    finish(putPage(t, mm, pfn));
    finish(putPage(t, mm, pfn));
    expect(finish(tryGetPage(t, mm, pfn))).toBe(false);
    expect(() => finish(putPage(t, mm, pfn))).toThrow('more often');
  });

  it('a folio that is split just when a reference is taken does not keep it', () => {
    const alone = aloneOn({ pages: 8, pfns: 1024 });
    const { t, mm, mem } = alone;
    const head = finish(allocHugePage(t, mm, 0));
    t.onAccess = (cell) => {
      if (cell !== mm.refcounts + head) return;
      t.onAccess = undefined;
      for (let pfn = head; pfn < head + HPAGE_PMD_NR; pfn++) {
        mem[mm.pfnFlags + pfn] &= ~(FolioFlag.Head | FolioFlag.Tail);
        mem[mm.refcounts + pfn] = 1;
      }
    };
    expect(finish(tryGetPage(t, mm, head + 7))).toBe(true);
    expect(mem.slice(mm.refcounts + head, mm.refcounts + head + 9)).toEqual(
      Int32Array.from([1, 1, 1, 1, 1, 1, 1, 2, 1]),
    );
  });
});

type Action = (alone: Alone, page: number) => void;

/** Everything that changes the host's memory, each as one action at a page. */
const ACTIONS: Record<string, Action> = {
  read: ({ t, mm, first }, page) => putIt(t, mm, finish(getUserPage(t, mm, first + page, 0))),
  write: ({ t, mm, first }, page) => putIt(t, mm, finish(getUserPage(t, mm, first + page, 1))),
  zapOne: ({ t, mm, first }, page) => finish(zapPageRange(t, mm, first + page, first + page + 1)),
  zapMany: ({ t, mm, first }, page) =>
    finish(zapPageRange(t, mm, first + page, first + Math.min(mm.pages, page + 700))),
  zapBlock: ({ t, mm, first }, page) =>
    finish(zapPageRange(t, mm, first + (page & -512), first + (page & -512) + 512)),
  scan: ({ t, mm, first }, page) => {
    const start = first + (page & -512);
    finish(changeProtection(t, mm, start, first + mm.pages, NewProtection.Numa));
  },
  merge: (alone) => finish(ksmDoScan(alone.t, alone.mm, ksmOf(alone))),
  migrate: ({ t, mm, first }, page) => {
    t.operationsLeft = 1;
    const stepPages = Math.min(30, mm.pages - page);
    const range = { firstPage: first + page, pages: stepPages, stepPages };
    finish(migrateStorm(t, mm, { ...range, order: 'sequential', seed: 0 }));
  },
  splitPmd: ({ t, mm, first }, page) => finish(splitHugePmd(t, mm, first + page)),
  collapse: ({ t, mm, first }, page) => void finish(collapseHugePage(t, mm, first + page)),
  fork: (alone, page) => {
    const { t, mm, first } = alone;
    t.operationsLeft = 1;
    const sleep = t.sleep.bind(t);
    t.sleep = (ns) => {
      expect(unaccounted(alone)).toEqual([]);
      ACTIONS.write(alone, page);
      ACTIONS.merge(alone, page);
      ACTIONS.migrate(alone, page);
      return sleep(ns);
    };
    const range = { firstPage: first, pages: mm.pages, stepPages: mm.pages };
    finish(forkStorm(t, mm, { ...range, order: 'sequential', seed: 0, holdNs: 1 }));
    t.sleep = sleep;
  },
};

function putIt(t: Alone['t'], mm: Alone['mm'], pfn: number): void {
  if (pfn !== 0) finish(putPage(t, mm, pfn));
}

describe('whatever happens to the memory', () => {
  it('every reference has a holder, every frame is used or free', () => {
    const steps = fc.array(
      fc.record({
        name: fc.constantFrom(...Object.keys(ACTIONS)),
        page: fc.nat(1023),
        cpu: fc.nat(1),
      }),
      { minLength: 1, maxLength: 25 },
    );
    fc.assert(
      fc.property(steps, fc.boolean(), fc.boolean(), (actions, thp, populated) => {
        const alone = aloneOn({
          pages: 1024,
          nodes: 2,
          vcpus: 2,
          pfns: 8 * HPAGE_PMD_NR,
          thp,
          migratesMisplaced: true,
          ...(populated ? { populated: { huge: thp, nodeOf: (page: number) => (page >> 9) & 1 } } : {}),
          ksm: {
            settings: { ...DEFAULT_KSM, pagesToScan: 2000, maxPageSharing: 5, smartScan: false },
            classes: 3,
            classOf: (page) => (page % 40 < 3 ? 1 + (page % 3) : 0),
          },
        });
        for (const { name, page, cpu } of actions) {
          alone.t.currentCpu = cpu;
          ACTIONS[name]?.(alone, page);
          expect(unaccounted(alone), name).toEqual([]);
          expect(alone.t.preemptCount + alone.t.irqCount).toBe(0);
        }
        // Given back, all of it is free.
        finish(zapPageRange(alone.t, alone.mm, alone.first, alone.first + 1024));
        expect(unaccounted(alone)).toEqual([]);
        expect(entryOf(alone, 0)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
