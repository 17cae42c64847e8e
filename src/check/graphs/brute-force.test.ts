/** Small random programs: the same execution graphs as every interleaving gives, each once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bruteForce } from './testing/brute-force.js';
import { TableKind, type TableOp } from './testing/table-code.js';
import { enumerateTable, ops, type Table } from './testing/table-program.js';

const PLAIN = [TableKind.Load, TableKind.Store, TableKind.StoreSum];
const ATOMIC = [TableKind.Cmpxchg, TableKind.Xchg, TableKind.FetchAdd, TableKind.Fence];

function operation(kinds: readonly TableKind[], cells = 2): fc.Arbitrary<TableOp> {
  return fc.record({
    kind: fc.constantFrom(...kinds),
    cell: fc.nat(cells - 1),
    a: fc.integer({ min: 0, max: 2 }),
    b: fc.integer({ min: 1, max: 3 }),
  });
}

function tables(kinds: readonly TableKind[], threads: number, length: number): fc.Arbitrary<Table> {
  const thread = fc.array(operation(kinds), { minLength: 1, maxLength: length });
  return fc.array(thread, { minLength: 2, maxLength: threads });
}

/** Threads that take one or two locks, one inside the other or after it, with accesses inside and outside. */
const lockingTables: fc.Arbitrary<Table> = (() => {
  const some = fc.array(operation([...PLAIN, TableKind.FetchAdd], 1), { maxLength: 2 });
  const section = fc
    .tuple(fc.constantFrom(1, 2), some, fc.boolean(), some)
    .map(([lock, inside, isNested, after]) => {
      const other = 3 - lock;
      const nested = isNested ? [ops.lock(other), ...inside, ops.unlock(other)] : inside;
      return [ops.lock(lock), ...nested, ops.unlock(lock), ...after.slice(1)];
    });
  const thread = (most: number): fc.Arbitrary<TableOp[]> =>
    fc
      .tuple(
        fc.array(operation(PLAIN, 1), { maxLength: 1 }),
        fc.array(section, { minLength: 1, maxLength: most }),
      )
      .map(([before, sections]) => [...before, ...sections.flat()]);
  return fc.oneof(
    fc.tuple(thread(2), thread(2)).filter(([one, other]) => one.length + other.length < 14),
    fc
      .tuple(thread(1), thread(1), thread(1))
      .filter((threads) => threads.reduce((sum, { length }) => sum + length, 0) < 12),
  );
})();

function expectSame(table: Table, memory: 'sc' | 'tso'): void {
  const expected = bruteForce(table, memory === 'tso');
  const { graphs, result } = enumerateTable(table, memory);
  const got = new Set(graphs);
  expect([...got].sort()).toEqual([...expected.graphs].sort());
  // Each once.
  expect(result.executions).toBe(got.size);
  expect(result.blocked).toBeGreaterThanOrEqual(expected.canBlock ? 1 : 0);
  expect(result.complete).toBe(true);
}

describe.each(['sc', 'tso'] as const)('random programs under %s', (memory) => {
  it.each([
    ['loads and stores', tables(PLAIN, 3, 3), 400],
    ['atomic operations and fences', tables([...PLAIN, ...ATOMIC], 3, 3), 400],
    ['only atomic operations', tables(ATOMIC, 4, 2), 200],
    ['conditions and choices', tables([...PLAIN, ...ATOMIC, TableKind.SkipIf, TableKind.Choose], 3, 4), 200],
    ['awaits', tables([...PLAIN, TableKind.FetchAdd, TableKind.Await], 3, 3), 400],
    ['locks', lockingTables, 60],
    [
      'locks that others write',
      tables([...PLAIN, TableKind.Lock, TableKind.Lock, TableKind.Await, TableKind.Xchg], 3, 3),
      300,
    ],
  ])('%s', (_, arbitrary, numRuns) => {
    fc.assert(
      fc.property(arbitrary, (table) => expectSame(table, memory)),
      { seed: 20_261, numRuns },
    );
  });
});
