'use coroutines';
/** A lock reduced to its contract, in virtual time: whoever sees it free first has it. */
import { Order, type Cell, type Step, type Thread } from '../model/operations.js';

export function* acquireWhen(t: Thread, cell: Cell, mask: number, want: number, addend: number): Step<void> {
  for (;;) {
    const value = yield* t.spinUntil(cell, mask, want);
    if ((yield* t.cmpxchg(cell, value, value + addend, Order.Acquire)) === value) return;
  }
}
