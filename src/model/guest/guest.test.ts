import { describe, expect, it } from 'vitest';
import { faultOf } from '../page-fault-struct.js';
import { tableCell } from '../page-tables.js';
import { FROZEN_SPTE, makeEntry, Spte } from '../spte.js';
import { aloneOn, type Alone } from '../testing/host-machine.js';
import { finish } from '../testing/sequential-thread.js';
import { Tracepoint } from '../tracepoints.js';
import { ExitReason, flushGuestTlb, guestExecute } from './guest.js';
import type { GuestProgram } from './program.js';

const MAPPED = Spte.Present | Spte.Leaf | Spte.Writable | Spte.MmuWritable;
const USED = Spte.Accessed | Spte.Dirty;

/** A vCPU with a root (table 1) of two levels; table 2 maps gfns 0 to 511. */
function guest(ptes: Readonly<Record<number, number>>): Alone & { cell: (gfn: number) => number } {
  const alone = aloneOn({ pages: 2048, geometry: { bits: 9, levels: 2 } });
  const { kvm, mem } = alone;
  mem[kvm.roots[0].table] = 1;
  mem[kvm.vcpus[0].root] = 1;
  mem.fill(0, tableCell(kvm, 1), tableCell(kvm, 3));
  mem[tableCell(kvm, 1)] = makeEntry(2, Spte.Present);
  const cell = (gfn: number): number => tableCell(kvm, 2) + gfn;
  for (const [gfn, spte] of Object.entries(ptes)) mem[cell(Number(gfn))] = spte;
  return { ...alone, cell };
}

function run({ t, kvm }: Alone, change: Partial<GuestProgram>): number {
  return finish(
    guestExecute(t, kvm.vcpus[0], {
      pattern: 'sequential',
      firstGfn: 0,
      pages: 4,
      stridePages: 1,
      hotPages: 1,
      hotSpread: false,
      hotShare: 0,
      writeShare: 0,
      workNs: 5,
      seed: 1,
      accesses: 0,
      covered: new Uint8Array(2048),
      firstPass: false,
      ...change,
    }),
  );
}

/** What the guest exited for: gfn, write, present. */
function faulted({ t, kvm }: Alone): number[] {
  const { gfn, write, present } = faultOf(t, kvm.vcpus[0]);
  return [gfn, write, present];
}

describe('guestExecute', () => {
  it('walks once for each page, then runs from the TLB until it is done', () => {
    const all = Object.fromEntries([0, 1, 2, 3].map((gfn) => [gfn, makeEntry(100 + gfn, MAPPED)]));
    const alone = guest(all);
    expect(run(alone, { accesses: 1000, covered: new Uint8Array(2048).fill(1, 1, 2) })).toBe(ExitReason.Done);
    expect(alone.t.all(Tracepoint.probeTlbFill)).toEqual(
      [0, 1, 2, 3].map((gfn) => [0, gfn, makeEntry(100 + gfn, MAPPED | Spte.Accessed)]),
    );
    const touches = alone.t.all(Tracepoint.probeTouch);
    const sum = (column: number): number =>
      touches.reduce((total, values) => total + (values[column] ?? 0), 0);
    expect([sum(1), sum(2)]).toEqual([1000, 250]);
    expect(alone.mem[alone.kvm.vcpus[0].position]).toBe(1000);
  });

  it('exits for an entry that is not there, is frozen, or forbids the write', () => {
    const readOnly = makeEntry(7, MAPPED & ~Spte.Writable);
    const cases: [Record<number, number>, number, number[]][] = [
      [{}, 0, [0, 0, 0]],
      [{}, 1, [0, 1, 0]],
      [{ 0: FROZEN_SPTE }, 0, [0, 0, 0]],
      [{ 0: readOnly }, 1, [0, 1, 1]],
    ];
    for (const [ptes, writeShare, expected] of cases) {
      const alone = guest(ptes);
      expect(run(alone, { writeShare })).toBe(ExitReason.PageFault);
      expect(faulted(alone)).toEqual(expected);
      expect(alone.mem[alone.kvm.vcpus[0].position]).toBe(0);
      expect(alone.t.all(Tracepoint.probeTlbFill)).toEqual([]);
    }
  });

  it('exits for a table that is missing', () => {
    const alone = guest({});
    expect(run(alone, { firstGfn: 512 })).toBe(ExitReason.PageFault);
    expect(faulted(alone)).toEqual([512, 0, 0]);
  });

  it('sets the accessed bit, and the dirty bit with the first write, which the TLB does not hide', () => {
    const alone = guest({ 0: makeEntry(9, MAPPED) });
    run(alone, { pages: 1, accesses: 2 });
    expect(alone.mem[alone.cell(0)]).toBe(makeEntry(9, MAPPED | Spte.Accessed));
    run(alone, { pages: 1, accesses: 4, writeShare: 1 });
    expect(alone.mem[alone.cell(0)]).toBe(makeEntry(9, MAPPED | USED));
    expect(alone.t.all(Tracepoint.probeTlbFill)).toHaveLength(2);
  });

  it('does not bring back an entry that was zapped while it set a bit', () => {
    const alone = guest({ 0: makeEntry(9, MAPPED) });
    let reads = 0;
    alone.t.onAccess = (cell) => {
      // The second access to the entry is the one that would set the bit.
      if (cell === alone.cell(0) && ++reads === 2) alone.mem[cell] = 0;
    };
    expect(run(alone, { writeShare: 1 })).toBe(ExitReason.PageFault);
    expect(alone.mem[alone.cell(0)]).toBe(0);
    expect(alone.t.all(Tracepoint.probeTlbFill)).toEqual([]);
  });

  it('goes on with what the TLB holds after the entry is gone, until it is flushed', () => {
    const alone = guest({ 0: makeEntry(9, MAPPED) });
    run(alone, { pages: 1, accesses: 1 });
    alone.mem[alone.cell(0)] = 0;
    expect(run(alone, { pages: 1, accesses: 50 })).toBe(ExitReason.Done);
    flushGuestTlb(alone.t, alone.kvm.vcpus[0]);
    expect(run(alone, { pages: 1, accesses: 60 })).toBe(ExitReason.PageFault);
    expect(alone.mem[alone.kvm.vcpus[0].position]).toBe(50);
    expect(alone.t.all(Tracepoint.probeTlbFlushed)).toEqual([[0]]);
  });

  it('a page of 2 MiB fills the TLB page by page, each with its own frame', () => {
    const alone = guest({});
    alone.mem[tableCell(alone.kvm, 1) + 2] = makeEntry(1536, MAPPED | Spte.Huge);
    expect(run(alone, { firstGfn: 1030, pages: 2, accesses: 2 })).toBe(ExitReason.Done);
    const flags = MAPPED | Spte.Huge | Spte.Accessed;
    expect(alone.t.all(Tracepoint.probeTlbFill)).toEqual([
      [0, 1030, makeEntry(1542, flags)],
      [0, 1031, makeEntry(1543, flags)],
    ]);
  });

  it('pages that share a place in the TLB drive each other out', () => {
    // 64 entries: frames 0 and 64 meet.
    const alone = guest({ 0: makeEntry(9, MAPPED), 64: makeEntry(8, MAPPED) });
    run(alone, { pattern: 'strided', stridePages: 64, pages: 65, accesses: 2 });
    alone.mem[alone.kvm.vcpus[0].position] = 0;
    run(alone, { pattern: 'strided', stridePages: 64, pages: 65, accesses: 2 });
    expect(alone.t.all(Tracepoint.probeTlbFill).map(([, gfn]) => gfn)).toEqual([0, 64, 0, 64]);
  });

  it('stops at an interrupt, and counts only what was done before', () => {
    const alone = guest({ 0: makeEntry(9, MAPPED) });
    alone.t.touchesBeforeInterrupt = 37;
    expect(run(alone, { pages: 1, accesses: 100 })).toBe(ExitReason.Interrupt);
    expect(alone.mem[alone.kvm.vcpus[0].position]).toBe(37);
    alone.t.touchesBeforeInterrupt = Infinity;
    expect(run(alone, { pages: 1, accesses: 100 })).toBe(ExitReason.Done);
  });

  it('counts on when a cell of 31 bits is full', () => {
    const alone = guest({ 0: makeEntry(9, MAPPED), 1: makeEntry(8, MAPPED) });
    alone.mem[alone.kvm.vcpus[0].position] = 2 ** 31 - 1;
    alone.t.touchesBeforeInterrupt = 3;
    expect(run(alone, { pages: 2 })).toBe(ExitReason.Interrupt);
    expect((alone.mem[alone.kvm.vcpus[0].position] ?? 0) >>> 0).toBe(2 ** 31 + 2);
  });
});
