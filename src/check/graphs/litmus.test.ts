/** The classic shapes, with the number of their executions counted by hand. */
import { describe, expect, it } from 'vitest';
import { bruteForce } from './testing/brute-force.js';
import { enumerateTable, ops, type Table } from './testing/table-program.js';

const [X, Y] = [0, 1];
const { load, store, fence, fetchAdd } = ops;

const SHAPES: readonly [name: string, table: Table, sc: number, tso: number][] = [
  [
    'SB',
    [
      [store(X, 1), load(Y)],
      [store(Y, 1), load(X)],
    ],
    3,
    4,
  ],
  [
    'SB with fences',
    [
      [store(X, 1), fence(), load(Y)],
      [store(Y, 1), fence(), load(X)],
    ],
    3,
    3,
  ],
  [
    'SB with one fence',
    [
      [store(X, 1), fence(), load(Y)],
      [store(Y, 1), load(X)],
    ],
    3,
    4,
  ],
  [
    'SB with atomic operations',
    [
      [fetchAdd(X, 1), load(Y)],
      [fetchAdd(Y, 1), load(X)],
    ],
    3,
    3,
  ],
  [
    'SB that reads its own stores first',
    [
      [store(X, 1), load(X), load(Y)],
      [store(Y, 1), load(Y), load(X)],
    ],
    3,
    4,
  ],
  [
    'MP',
    [
      [store(X, 1), store(Y, 1)],
      [load(Y), load(X)],
    ],
    3,
    3,
  ],
  [
    'LB',
    [
      [load(X), store(Y, 1)],
      [load(Y), store(X, 1)],
    ],
    3,
    3,
  ],
  ['IRIW', [[store(X, 1)], [store(Y, 1)], [load(X), load(Y)], [load(Y), load(X)]], 15, 15],
  [
    '2+2W',
    [
      [store(X, 1), store(Y, 2)],
      [store(Y, 1), store(X, 2)],
    ],
    3,
    3,
  ],
  [
    '2+2W with fences',
    [
      [store(X, 1), fence(), store(Y, 2)],
      [store(Y, 1), fence(), store(X, 2)],
    ],
    3,
    3,
  ],
  [
    'R',
    [
      [store(X, 1), store(Y, 1)],
      [store(Y, 2), load(X)],
    ],
    3,
    4,
  ],
  ['four increments', Array.from({ length: 4 }, () => [fetchAdd(X, 1)]), 24, 24],
];

describe.each(SHAPES)('%s', (_, table, sc, tso) => {
  it.each([
    ['sc', sc],
    ['tso', tso],
  ] as const)('under %s: %d executions', (memory, executions) => {
    const { graphs, result } = enumerateTable(table, memory);
    expect([result.executions, result.blocked]).toEqual([executions, 0]);
    expect(new Set(graphs)).toEqual(bruteForce(table, memory === 'tso').graphs);
  });
});

describe('what waits', () => {
  it('is told of, and not counted among executions', () => {
    const { result } = enumerateTable([[ops.await(X, 1)], [store(X, 2)]], 'sc');
    expect([result.executions, result.blocked]).toEqual([0, 1]);
  });

  it('is a deadlock of two locks', () => {
    const table = [
      [ops.lock(X), ops.lock(Y), ops.unlock(Y), ops.unlock(X)],
      [ops.lock(Y), ops.lock(X), ops.unlock(X), ops.unlock(Y)],
    ];
    const { result } = enumerateTable(table, 'tso');
    expect([result.executions, result.blocked]).toEqual([2, 1]);
  });
});
