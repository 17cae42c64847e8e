'use coroutines';
/** What the model leaves to the machine: both answers are tried. */
import type { Cell, Step } from '../../model/operations.js';

/** A thread that can be asked to choose. */
interface Chooses {
  choose(below: number): Step<number>;
  wantsCpu(): void;
  readonly mem: Int32Array;
  readonly scratch: Cell;
}

/** need_resched(), where it is not known: a yes stays. */
export function* needReschedOrNot(t: Chooses): Step<boolean> {
  if ((yield* t.choose(2)) === 0) return false;
  t.wantsCpu();
  return true;
}

/** A thread that can wait for a lock. */
interface TakesLocks {
  awaitLock(cell: Cell, mask: number, want: number): Step<number>;
  hold(cell: Cell, exclusive: boolean): void;
  readonly mem: Int32Array;
}

/** A lock reduced to its contract: in the moment in which it is free it is taken. */
export function* takeLock(
  t: TakesLocks,
  cell: Cell,
  mask: number,
  want: number,
  addend: number,
  exclusive: boolean,
): Step<void> {
  const value = yield* t.awaitLock(cell, mask, want);
  t.mem[cell] = value + addend;
  t.hold(cell, exclusive);
}
