/** What another CPU does exactly between two steps of a thread. */
import type { Cell } from '../operations.js';
import type { SequentialThread } from './sequential-thread.js';

/**
 * Does something once, before a thread's `nth` access to a cell.
 *
 * @internal for tests
 */
export function beforeAccess(t: SequentialThread, cell: Cell, nth: number, act: () => void): void {
  let left = nth;
  t.onAccess = (touched) => {
    if (touched !== cell || --left !== 0) return;
    t.onAccess = undefined;
    act();
  };
}
