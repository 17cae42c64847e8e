/** Operations that a thread is about to do: what it is suspended with. */

/** Kinds of operations that other threads can notice. */
export const Op = {
  /** The thread has come to its end. */
  End: 0,
  Load: 1,
  Store: 2,
  Cmpxchg: 3,
  Xchg: 4,
  FetchAdd: 5,
  FetchOr: 6,
  FetchAnd: 7,
  /** A full fence. */
  Fence: 8,
  /** Waits until (cell & a) === b and loads the cell. */
  Await: 9,
  /** Any of the numbers 0 .. a-1: what the model leaves to the machine. */
  Choose: 10,
  /** Await, and takes a lock in the same moment. */
  Acquire: 11,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** Names for people, by number. */
export const OP_NAMES = [
  'end',
  'load',
  'store',
  'cmpxchg',
  'xchg',
  'fetch_add',
  'fetch_or',
  'fetch_and',
  'smp_mb',
  'await',
  'choose',
  'acquire',
] as const;

/** How an access orders what is around it; see operations.ts. Plain accesses may race. */
export const Ordering = { Relaxed: 0, Acquire: 1, Release: 2, Full: 3, Plain: 4 } as const;
export type Ordering = (typeof Ordering)[keyof typeof Ordering];

/** One operation, with its operands. */
export interface Pending {
  readonly op: Op;
  readonly cell: number;
  readonly a: number;
  readonly b: number;
  readonly ordering: Ordering;
  /** Bits of the cell that are kept: a counter that would grow for ever goes round instead. */
  readonly kept: number;
}

export function isRmw(op: Op): boolean {
  return op >= Op.Cmpxchg && op <= Op.FetchAnd;
}

/** Whether it waits until its cell has a value. */
export function isAwait(op: Op): boolean {
  return op === Op.Await || op === Op.Acquire;
}

/** Whether it may write its cell. */
export function isWrite(op: Op): boolean {
  return op >= Op.Store && op <= Op.FetchAnd;
}

/** What the cell holds after a read-modify-write or a store, when it held `old`. */
export function valueAfter(pending: Pending, old: number): number {
  return rawAfter(pending, old) & pending.kept;
}

function rawAfter({ op, a, b }: Pending, old: number): number {
  switch (op) {
    case Op.Store:
    case Op.Xchg:
      return a;
    case Op.Cmpxchg:
      return old === a ? b : old;
    case Op.FetchAdd:
      return (old + a) | 0;
    case Op.FetchOr:
      return old | a;
    case Op.FetchAnd:
      return old & a;
    default:
      return old;
  }
}
