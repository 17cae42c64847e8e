import { describe, expect, it } from 'vitest';
import { Cost } from '../costs.js';
import { Pte } from '../spte.js';
import { aloneOn, entryOf, invalidations, unaccounted, type Alone } from '../testing/host-machine.js';
import { finish } from '../testing/sequential-thread.js';
import { Tracepoint } from '../tracepoints.js';
import { FolioFlag } from './folios.js';
import { handleMmFault } from './handle-mm-fault.js';
import { taskNumaWork } from './numa-balancing.js';
import { DEFAULT_NUMA } from './settings.js';

/** Pages of 1 GiB, and of 2 MiB. */
const GIB = 2 ** 18;
const PMD = 512;

function scan(alone: Alone, scanSizePages: number): void {
  finish(taskNumaWork(alone.t, alone.mm, { ...DEFAULT_NUMA, scanSizePages }));
}

/** Touches pages as the VMM would. */
function touch(alone: Alone, ...pages: number[]): void {
  for (const page of pages) finish(handleMmFault(alone.t, alone.mm, alone.first + page, 1));
}

function marked(alone: Alone, page: number): boolean {
  return (entryOf(alone, page) & Pte.ProtNone) !== 0;
}

describe.each(['v6.11', 'v6.12'])('what is announced on %s', (kernel) => {
  const byPud = kernel === 'v6.12';

  it('a chunk that begins with empty 2 MiB', () => {
    const alone = aloneOn({ pages: GIB, kernel });
    touch(alone, 2 * PMD + 5, 3 * PMD, 7 * PMD);
    scan(alone, 6 * PMD);
    // Until 6.11 from the first populated PMD; since 6.12 from the first populated PUD, clipped to the chunk.
    expect(invalidations(alone)).toEqual([[byPud ? 0 : 2 * PMD, 6 * PMD]]);
    expect([2 * PMD + 5, 3 * PMD, 7 * PMD].map((page) => marked(alone, page))).toEqual([true, true, false]);
    expect(alone.mem[alone.mm.numaScanOffset]).toBe(alone.first + 6 * PMD);
  });

  it('a chunk across a boundary of 1 GiB: one range for each, or one for all', () => {
    const alone = aloneOn({ pages: 2 * GIB, kernel });
    touch(alone, GIB - PMD + 1, GIB + PMD + 1);
    alone.mem[alone.mm.numaScanOffset] = alone.first + GIB - 4 * PMD;
    scan(alone, 8 * PMD);
    expect(invalidations(alone)).toEqual(
      byPud
        ? [[GIB - 4 * PMD, GIB + 4 * PMD]]
        : [
            [GIB - PMD, GIB],
            [GIB + PMD, GIB + 4 * PMD],
          ],
    );
    // Each ends before the next begins.
    const order = alone.t.emitted
      .map(([point]) => point)
      .filter((point) => point === Tracepoint.probeStartReturned || point === Tracepoint.probeEndEntered);
    const pair = [Tracepoint.probeStartReturned, Tracepoint.probeEndEntered];
    expect(order).toEqual(byPud ? pair : [...pair, ...pair]);
  });

  it('a PUD without tables is not announced', () => {
    const alone = aloneOn({ pages: 2 * GIB, kernel });
    touch(alone, GIB + 3 * PMD);
    alone.mem[alone.mm.numaScanOffset] = alone.first + GIB - PMD;
    scan(alone, 6 * PMD);
    expect(invalidations(alone)).toEqual([[byPud ? GIB : GIB + 3 * PMD, GIB + 5 * PMD]]);
  });
});

describe('taskNumaWork', () => {
  it('its chunk ends on a boundary of 2 MiB, and with the process; then it begins again', () => {
    const alone = aloneOn({ pages: 5 * PMD + 100, populated: { huge: false, nodeOf: () => 0 } });
    scan(alone, 3 * PMD - 7);
    scan(alone, 3 * PMD - 7);
    scan(alone, 3 * PMD - 7);
    expect(invalidations(alone)).toEqual([
      [0, 3 * PMD],
      [3 * PMD, 5 * PMD + 100],
      // All is marked by now, which does not count: so this scan goes on to the end.
      [0, 3 * PMD],
      [3 * PMD, 5 * PMD + 100],
    ]);
    expect(alone.t.spent.get(Cost.changePte)).toBe(5 * PMD + 100);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('passes over what is empty or marked, up to eight times its size', () => {
    const alone = aloneOn({ pages: 64 * PMD });
    touch(alone, 20 * PMD);
    scan(alone, PMD);
    expect(alone.mem[alone.mm.numaScanOffset]).toBe(alone.first + 8 * PMD);
    scan(alone, PMD);
    scan(alone, PMD);
    expect(alone.mem[alone.mm.numaScanOffset]).toBe(alone.first + 21 * PMD);
    expect(marked(alone, 20 * PMD)).toBe(true);
  });

  it('marks a huge page with one entry, and splits it when only a part is in the chunk', () => {
    const alone = aloneOn({ pages: 4 * PMD, populated: { huge: true, nodeOf: () => 0 } });
    scan(alone, 2 * PMD);
    expect(alone.t.spent.get(Cost.changePte)).toBe(2);
    expect(marked(alone, PMD + 3)).toBe(true);
    alone.mem[alone.mm.numaScanOffset] = alone.first + 2 * PMD + 10;
    scan(alone, PMD);
    // The chunk begins within the third huge page, so that is mapped page by page first.
    expect(invalidations(alone).slice(1)).toEqual([
      [2 * PMD + 10, 4 * PMD],
      [2 * PMD, 3 * PMD],
    ]);
    expect([2 * PMD + 9, 2 * PMD + 10, 3 * PMD].map((page) => marked(alone, page))).toEqual([
      false,
      true,
      true,
    ]);
    expect(unaccounted(alone)).toEqual([]);
  });

  it('leaves pages of KSM and of a forked child alone', () => {
    const alone = aloneOn({ pages: PMD, populated: { huge: false, nodeOf: () => 0 } });
    const { mm, mem } = alone;
    mem[mm.pfnFlags + (entryOf(alone, 3) >>> 8)] |= FolioFlag.Ksm;
    mem[mm.pfnFlags + (entryOf(alone, 4) >>> 8)] |= FolioFlag.Forked;
    scan(alone, PMD);
    expect([2, 3, 4, 5].map((page) => marked(alone, page))).toEqual([true, false, false, true]);
  });

  it('flushes the TLBs of the host once for a range, after the invalidation, and not for nothing', () => {
    const alone = aloneOn({ pages: 2 * PMD, populated: { huge: false, nodeOf: () => 0 } });
    scan(alone, 2 * PMD);
    scan(alone, 2 * PMD);
    expect(alone.t.all(Tracepoint.tlbFlush)).toEqual([[3, 2 * PMD]]);
    const points = alone.t.emitted.map(([point]) => point);
    expect(points.indexOf(Tracepoint.tlbFlush)).toBeGreaterThan(points.indexOf(Tracepoint.probeEndEntered));
  });

  it('interrupts the CPUs that run vCPUs of the process, but not its own', () => {
    const alone = aloneOn({ pages: PMD, vcpus: 4, populated: { huge: false, nodeOf: () => 0 } });
    for (const [cpu, vcpu] of alone.kvm.vcpus.entries()) alone.mem[vcpu.cpu] = cpu === 3 ? 0 : cpu + 1;
    alone.t.currentCpu = 1;
    scan(alone, PMD);
    expect(alone.t.kicks).toEqual([[0, 2]]);
  });

  it('does nothing while somebody writes to the address space', () => {
    const alone = aloneOn({ pages: PMD, populated: { huge: false, nodeOf: () => 0 } });
    alone.mem[alone.mm.mmapLock] = 1;
    scan(alone, PMD);
    expect(invalidations(alone)).toEqual([]);
    expect(alone.mem[alone.mm.mmapLock]).toBe(1);
  });
});
