/** Page-table pages: geometry, the free list, and the grace period before a table is used again. */
import { describe, expect, it } from 'vitest';
import {
  allocTable,
  callRcuFreeTable,
  entryIndex,
  freeUnusedTable,
  pagesPerEntry,
  rcuReadLock,
  rcuReadUnlock,
  tableCell,
} from './page-tables.js';
import { makeEntry, Spte } from './spte.js';
import { finish } from './testing/sequential-thread.js';
import { tdpOn, type TdpMachine } from './testing/tdp-machine.js';

const small = (): TdpMachine => tdpOn({ pages: 16, geometry: { bits: 2, levels: 2 } });
const alloc = ({ t, kvm }: TdpMachine): number => finish(allocTable(t, kvm));

describe('geometry', () => {
  it('real: 512 entries, 4 KiB, 2 MiB, 1 GiB, 512 GiB', () => {
    const { kvm } = tdpOn({ pages: 1024 });
    expect([1, 2, 3, 4].map((level) => pagesPerEntry(kvm, level))).toEqual([1, 512, 512 ** 2, 512 ** 3]);
    const gfn = 3 * 512 ** 2 + 5 * 512 + 7;
    expect([1, 2, 3, 4].map((level) => entryIndex(kvm, gfn, level))).toEqual([7, 5, 3, 0]);
    expect(tableCell(kvm, 3) - tableCell(kvm, 2)).toBe(512);
  });

  it('one bit: two entries a table, a gfn is its path', () => {
    const { kvm } = tdpOn({ pages: 8, geometry: { bits: 1, levels: 3 } });
    // 6 = 110: right, right, left from the root.
    expect([3, 2, 1].map((level) => entryIndex(kvm, 6, level))).toEqual([1, 1, 0]);
    expect([1, 2, 3].map((level) => pagesPerEntry(kvm, level))).toEqual([1, 2, 4]);
  });
});

describe('allocation', () => {
  it('gives each table once, empty, and 0 when none is left; what comes back is given again', () => {
    const on = small();
    const { kvm, t, mem } = on;
    const { count, used } = kvm.tables;
    const given = new Set<number>();
    for (let left = count - mem[used]; left > 0; left--) {
      const table = alloc(on);
      expect(table).toBeGreaterThan(0);
      expect(given.has(table)).toBe(false);
      given.add(table);
      const entries = mem.subarray(tableCell(kvm, table), tableCell(kvm, table) + 4);
      expect([...entries]).toEqual([0, 0, 0, 0]);
      entries.fill(makeEntry(1, Spte.Present));
    }
    // The root of the vCPU is the one that was given before.
    expect([given.size, mem[used], alloc(on)]).toEqual([count - 1, count, 0]);
    const [one = 0, two = 0] = given;
    freeUnusedTable(t, kvm, one);
    freeUnusedTable(t, kvm, two);
    expect(mem[used]).toBe(count - 2);
    expect([alloc(on), alloc(on)].toSorted((a, b) => a - b)).toEqual([one, two].toSorted((a, b) => a - b));
    expect([...mem.subarray(tableCell(kvm, one), tableCell(kvm, one) + 4)]).toEqual([0, 0, 0, 0]);
  });
});

describe('call_rcu()', () => {
  it('a freed table keeps its entries, and is used again only when every reader has left', () => {
    const on = small();
    const { kvm, t, mem } = on;
    const before = mem[kvm.tables.used];
    const tables = [alloc(on), alloc(on)];
    for (const table of tables) mem.fill(makeEntry(9, 5), tableCell(kvm, table), tableCell(kvm, table) + 4);
    rcuReadLock(t, kvm);
    rcuReadLock(on.others[0], kvm);
    for (const table of tables) callRcuFreeTable(t, kvm, table);
    rcuReadUnlock(t, kvm);
    expect(mem[kvm.tables.used]).toBe(before + 2);
    for (const table of tables) {
      expect([...mem.subarray(tableCell(kvm, table), tableCell(kvm, table) + 4)]).toEqual(
        Array(4).fill(makeEntry(9, 5)),
      );
    }
    expect(tables).not.toContain(alloc(on));
    rcuReadUnlock(on.others[0], kvm);
    expect([mem[kvm.tables.used], mem[kvm.rcuLimbo]]).toEqual([before + 1, 0]);
  });

  it('without readers it is free at once', () => {
    const on = small();
    const before = on.mem[on.kvm.tables.used];
    callRcuFreeTable(on.t, on.kvm, alloc(on));
    expect(on.mem[on.kvm.tables.used]).toBe(before);
  });
});
