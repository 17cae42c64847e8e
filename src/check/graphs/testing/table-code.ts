'use coroutines';
/** A thread whose operations are data. */
import { Order, type Cell, type Step, type Thread } from '../../../model/operations.js';

export const TableKind = {
  Load: 0,
  /** Stores `a`. */
  Store: 1,
  /** Stores `a` plus what was found last. */
  StoreSum: 2,
  Cmpxchg: 3,
  Xchg: 4,
  FetchAdd: 5,
  Fence: 6,
  /** Waits until the cell is `a`. */
  Await: 7,
  /** Takes a lock: 0 becomes 1. */
  Lock: 8,
  /** Leaves the next operation out if `a` was found last. */
  SkipIf: 9,
  /** Finds one of the numbers 0 .. `a`. */
  Choose: 10,
} as const;
export type TableKind = (typeof TableKind)[keyof typeof TableKind];

export interface TableOp {
  readonly kind: TableKind;
  readonly cell: number;
  readonly a: number;
  readonly b: number;
}

type Steps = Thread & {
  awaitLock(cell: number, mask: number, want: number): Step<number>;
  choose(below: number): Step<number>;
};

/** @param first cell 0 of the table */
export function* runTable(t: Steps, ops: readonly TableOp[], first: Cell): Step<void> {
  let last = 0;
  for (let at = 0; at < ops.length; at++) {
    const kind = ops[at].kind;
    const a = ops[at].a;
    const cell = first + ops[at].cell;
    if (kind === TableKind.Load) last = yield* t.load(cell);
    if (kind === TableKind.Store) yield* t.store(cell, a);
    if (kind === TableKind.StoreSum) yield* t.store(cell, a + last);
    if (kind === TableKind.Cmpxchg) last = yield* t.cmpxchg(cell, a, ops[at].b, Order.Full);
    if (kind === TableKind.Xchg) last = yield* t.xchg(cell, a, Order.Full);
    if (kind === TableKind.FetchAdd) last = yield* t.fetchAdd(cell, a, Order.Full);
    if (kind === TableKind.Fence) yield* t.smpMb();
    if (kind === TableKind.Await) last = yield* t.spinUntil(cell, -1, a);
    if (kind === TableKind.Lock) yield* lock(t, cell);
    if (kind === TableKind.SkipIf && last === a) at++;
    if (kind === TableKind.Choose) last = yield* t.choose(a + 1);
  }
}

function* lock(t: Steps, cell: Cell): Step<void> {
  yield* t.awaitLock(cell, -1, 0);
  t.mem[cell] = 1;
}
