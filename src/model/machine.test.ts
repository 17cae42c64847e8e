import { describe, expect, it } from 'vitest';
import { InputError } from '../trace/errors.js';
import { FREE_CELLS, takeFreeBlock, takeFreePage } from './host/folios.js';
import { entryInHugePmd, PMD_TABLE, pmdCell, pteCell } from './host/primary-mmu.js';
import { DEFAULT_KSM } from './host/settings.js';
import { KERNELS, kernelPolicy } from './kernels.js';
import { buildMachine, type Machine, type MachineConfig } from './machine.js';
import { CELLS_PER_LINE } from './memory.js';
import { MUTANTS, mutantPolicy } from './mutants.js';
import { tableCell } from './page-tables.js';
import { resolvePolicy } from './resolve-policy.js';
import { frameOf, isPresent, Pte } from './spte.js';

const policy = kernelPolicy('v7.3');
const tiny: MachineConfig = { policy, vcpus: 2, slots: [{ pages: 2 }], geometry: { bits: 1, levels: 2 } };
const MIB = 2 ** 20;

/** The entry of a page of the process, counted from its first. */
function entryOf({ mm, memory }: Machine, page: number): number {
  const host = mm.firstPage + page;
  const pmd = memory.cells[pmdCell(mm, host)] ?? 0;
  return pmd === PMD_TABLE ? (memory.cells[pteCell(mm, host)] ?? 0) : entryInHugePmd(pmd, host);
}

describe('buildMachine', () => {
  it('a tiny scope: two frames, tables of two entries, two levels', () => {
    const { kvm, mm, memory } = buildMachine(tiny);
    expect(kvm.geometry).toEqual({ bits: 1, levels: 2, gfns: 2, maxLeafLevel: 1 });
    expect(kvm.vcpus.map(({ id }) => id)).toEqual([0, 1]);
    expect(mm.kvms).toEqual([kvm]);
    expect(kvm.vcpus.every((vcpu) => vcpu.kvm === kvm)).toBe(true);
    expect(mm.pages).toBe(2);
    // Without TLBs, which are of their usual size, it is small enough to copy for every state of a checker.
    const { memory: small } = buildMachine({ ...tiny, tlbEntries: 2, roots: 1 });
    expect(small.cells.length).toBeLessThan(1000);
    expect(memory.cells.length).toBeGreaterThan(2 * 2 * 2048);
  });

  it('host pages are no guest frames, and the slots say which is which', () => {
    const { kvm, mm } = buildMachine({
      ...tiny,
      slots: [{ pages: 1 }, { pages: 3, hole: 2 }],
      geometry: { bits: 2 },
    });
    expect(kvm.slots.map(({ baseGfn, pages }) => [baseGfn, pages])).toEqual([
      [0, 1],
      [3, 3],
    ]);
    expect(kvm.slots.map(({ userspacePage }) => userspacePage - mm.firstPage)).toEqual([0, 1]);
    expect(mm.firstPage % 2 ** 18).toBe(0);
    expect(kvm.geometry.gfns).toBe(6);
  });

  it('large slots keep their place within 2 MiB, so that huge pages fit', () => {
    const { kvm } = buildMachine({ policy, vcpus: 1, slots: [{ pages: 100 }, { pages: 1024, hole: 7 }] });
    const [, slot] = kvm.slots;
    expect((slot?.userspacePage ?? 0) % 512).toBe((slot?.baseGfn ?? 0) % 512);
  });

  it('slots of another address space count their frames apart, and can show the same memory', () => {
    const slots = [{ pages: 4 }, { pages: 2, asId: 1, sameMemoryAs: 0 }];
    const { kvm, mm } = buildMachine({ ...tiny, slots, geometry: { bits: 2, levels: 1 } });
    expect(kvm.slots[1]).toMatchObject({ asId: 1, baseGfn: 0, userspacePage: kvm.slots[0]?.userspacePage });
    expect(mm.pages).toBe(4);
    expect(kvm.roots.map(({ asId }) => asId)).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('an APIC access page, pages outside every memslot, and caches of them', () => {
    const { kvm, mm } = buildMachine({
      ...tiny,
      geometry: {},
      apicAccessPage: true,
      outsidePages: 5,
      pfnCaches: [7],
    });
    expect(kvm.slots[1]).toMatchObject({ isPrivate: true, pages: 1, baseGfn: 2 });
    expect(mm.pages).toBe(2 + 1 + 5);
    expect(kvm.pfnCaches[0]).toMatchObject({ index: 0, userspacePage: mm.firstPage + 7 });
  });

  it('words that belong together share a cache line, others do not', () => {
    const { kvm, memory } = buildMachine(tiny);
    const line = (cell: number): number => memory.lineOf[Math.floor(cell / CELLS_PER_LINE)] ?? 0;
    const { mmuLock } = kvm;
    const invalidate = [
      kvm.mmuInvalidateSeq,
      kvm.mmuInvalidateInProgress,
      kvm.mmuInvalidateRangeStart,
      kvm.mmuInvalidateRangeEnd,
    ];
    expect(new Set(invalidate.map(line)).size).toBe(1);
    const lock = [mmuLock.cnts, mmuLock.waitLock.tail, mmuLock.waitLock.head, mmuLock.extra].map(line);
    expect(new Set(lock).size).toBe(1);
    const [first, second] = kvm.vcpus;
    const separate = [
      ...invalidate.slice(0, 1),
      mmuLock.cnts,
      kvm.mnInvalidateLock.tail,
      first?.mode,
      second?.mode,
    ];
    expect(new Set(separate.map((cell) => line(cell ?? 0))).size).toBe(5);
    expect(line(first?.mode ?? 0)).toBe(line(first?.requests ?? 0));
    expect(line(first?.tlb ?? 0)).toBe(0);
    expect(Math.floor(mmuLock.cnts / CELLS_PER_LINE)).not.toBe(
      Math.floor(kvm.mmuInvalidateSeq / CELLS_PER_LINE),
    );
  });

  it('no two locks have one address', () => {
    const { kvm, mm } = buildMachine({ policy, vcpus: 2, slots: [{ pages: 2048 }], pfnCaches: [0, 1] });
    const locks = [
      kvm.mmuLock,
      kvm.mmuLock.waitLock,
      kvm.mnInvalidateLock,
      kvm.tdpMmuPagesLock,
      kvm.slotsLock,
      kvm.shadow.unsyncLock,
      mm.zoneLock,
      ...mm.ptLocks,
      ...kvm.pfnCaches.map((cache) => cache.lock),
    ];
    expect(new Set(locks.map(({ address }) => address)).size).toBe(locks.length);
  });

  it('every table is free, linked, and empty', () => {
    const { kvm, memory } = buildMachine(tiny);
    const { tables } = kvm;
    const seen = new Set<number>();
    for (
      let index = memory.cells[tables.free] ?? 0;
      index !== 0;
      index = memory.cells[tableCell(kvm, index)] ?? 0
    ) {
      expect(seen.has(index)).toBe(false);
      seen.add(index);
    }
    expect(seen.size).toBe(tables.count);
    // Four sets of tables (three roots and one that waits) of a root and a leaf table.
    expect(tables.count).toBeGreaterThanOrEqual(4 * 2);
  });

  it('memory has nothing in it unless it is populated', () => {
    const { kvm, mm, memory } = buildMachine(tiny);
    expect([0, 1].map((page) => memory.cells[mm.ptes + page])).toEqual([0, 0]);
    expect(memory.cells[kvm.mmuInvalidateRangeStart]).toBe(-1);
    expect(memory.cells[kvm.slots[0]?.flags ?? 0]).toBe(1);
    expect(takeFreePage(memory.cells, mm, 0)).toBeGreaterThan(0);
  });

  it('populated pages lie on the nodes that were asked for, each in a frame of its own', () => {
    const nodeOf = (page: number): number => page % 2;
    const slots = [{ pages: 700 }];
    const machine = buildMachine({ policy, vcpus: 1, slots, nodes: 2, populated: { huge: false, nodeOf } });
    const { mm, memory } = machine;
    const frames = new Set<number>();
    for (let page = 0; page < 700; page++) {
      const entry = entryOf(machine, page);
      expect(entry & (Pte.Present | Pte.Write)).toBe(Pte.Present | Pte.Write);
      expect((memory.cells[mm.pfnFlags + frameOf(entry)] ?? 0) & 0x3f).toBe(page % 2);
      expect(memory.cells[mm.refcounts + frameOf(entry)]).toBe(1);
      frames.add(frameOf(entry));
    }
    expect(frames.size).toBe(700);
  });

  it('huge pages where they fit, small ones at the edges', () => {
    const slots = [{ pages: 100 }, { pages: 1500 }];
    const machine = buildMachine({ policy, vcpus: 1, slots, populated: { huge: true, nodeOf: () => 0 } });
    const { kvm, mm, memory } = machine;
    const pmds = Array.from({ length: mm.ptLocks.length }, (_, index) => memory.cells[mm.pmds + index] ?? 0);
    // Frames 100 to 1599 hold the blocks from 512 to 1535.
    expect(pmds.filter((pmd) => isPresent(pmd))).toHaveLength(2);
    for (const { userspacePage, pages } of kvm.slots) {
      for (let page = 0; page < pages; page++) {
        expect(isPresent(entryOf(machine, userspacePage - mm.firstPage + page))).toBe(true);
      }
    }
  });

  it('contents for KSM', () => {
    const ksm = { settings: DEFAULT_KSM, classes: 3, classOf: (page: number) => page % 4 };
    const { mm, memory } = buildMachine({ ...tiny, slots: [{ pages: 8 }], geometry: {}, ksm });
    const contents = mm.ksm?.contents ?? 0;
    expect([...memory.cells.subarray(contents, contents + 8)]).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it.each([
    [{ vcpus: 0 }, 'machine.vcpus'],
    [{ slots: [] }, 'machine.slots'],
    [{ slots: [{ pages: 0 }] }, 'machine.pages'],
    [{ slots: [{ pages: 5 }] }, 'machine.geometry'],
    [{ geometry: { bits: 9, levels: 5 } }, 'machine.geometry'],
    [{ nodes: 0 }, 'machine.nodes'],
    [{ cpuNodes: [0, 1] }, 'machine.cpuNodes'],
    [{ roots: 0.5 }, 'machine.roots'],
    [{ pfnCaches: [2] }, 'machine.pfnCaches'],
    [{ slots: [{ pages: 2, sameMemoryAs: 3 }] }, 'machine.sameMemoryAs'],
    [{ pfns: 2, populated: { huge: false, nodeOf: () => 0 } }, 'machine.pfns'],
  ])('refuses %j', (change, field) => {
    const build = (): Machine => buildMachine({ ...tiny, ...change });
    expect(build).toThrow(InputError);
    expect(build).toThrow(expect.objectContaining({ where: { field } }));
  });

  it.each(['tdp', 'shadow', 'shadow-paging'])('every kernel with mmu %s', (mmu) => {
    for (const { name } of KERNELS) {
      const { kvm, memory } = buildMachine({ ...tiny, policy: resolvePolicy(name, { mmu }) });
      expect(kvm.policy.mmu).toBe(mmu);
      expect(memory.cells.length).toBeGreaterThan(0);
    }
  });

  it('every mutant', () => {
    for (const mutant of MUTANTS)
      expect(buildMachine({ ...tiny, policy: mutantPolicy(mutant) }).kvm).toBeDefined();
  });

  it('64 vCPUs with 1 GiB on two nodes are built in a moment', () => {
    const populated = { huge: false, nodeOf: (page: number) => (page >>> 9) % 2 };
    const begin = performance.now();
    const { memory, mm } = buildMachine({
      policy,
      vcpus: 64,
      slots: [{ pages: 262_144 }],
      nodes: 2,
      populated,
    });
    const took = performance.now() - begin;
    expect(memory.cells.byteLength).toBeLessThan(40 * MIB);
    expect(mm.pages).toBe(262_144);
    expect(memory.hotLines).toBeLessThan(2000);
    // 30 to 60 ms where it was written; a machine under load has time enough.
    expect(took).toBeLessThan(2000);
    expect(memory.cells[mm.freeHeads + FREE_CELLS]).toBeDefined();
    expect(takeFreeBlock(memory.cells, mm, 1)).toBeGreaterThan(0);
  });
});
