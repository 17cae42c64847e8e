'use coroutines';
/**
 * The protocol of anchor.ts in its finest grain, as stateless checkers ran it in C: each access is an
 * operation of its own, the counts are loads and stores, and the assertions read memory like anybody else.
 */
import type { Step, Thread } from '../../model/operations.js';
import { Order } from '../../model/operations.js';
import type { AnchorCells, AnchorMistake } from './anchor.js';

/** What the executor offers beside the model's operations. */
type Steps = Thread & {
  fail(name: string): void;
  awaitLock(cell: number, mask: number, want: number): Step<number>;
};

export function* anchorStepsVcpu(
  t: Steps,
  cells: AnchorCells,
  attempts: number,
  mistake: AnchorMistake,
): Step<void> {
  for (let attempt = 0; attempt < attempts; attempt++) yield* fault(t, cells, mistake);
}

function* fault(t: Steps, cells: AnchorCells, mistake: AnchorMistake): Step<void> {
  let seq = 0;
  let page = 0;
  if (mistake === 2) {
    page = yield* t.load(cells.primary);
    seq = yield* t.load(cells.seq);
  } else {
    seq = yield* t.load(cells.seq);
    page = yield* t.load(cells.primary);
  }
  if ((yield* t.load(cells.inProgress)) !== 0) return;
  if (mistake === 1 && (yield* t.load(cells.seq)) !== seq) return;
  yield* lock(t, cells.lock);
  if (mistake === 3 || (yield* t.load(cells.inProgress)) === 0) {
    if (mistake === 1 || (yield* t.load(cells.seq)) === seq) {
      yield* t.store(cells.spte, page);
      if ((yield* t.load(cells.inProgress)) === 0) {
        if ((yield* t.load(cells.primary)) !== page) t.fail('noUseAfterFree');
      }
    }
  }
  yield* t.store(cells.lock, 0);
}

export function* anchorStepsInvalidator(t: Steps, cells: AnchorCells, rounds: number): Step<void> {
  for (let round = 0; round < rounds; round++) {
    yield* lock(t, cells.lock);
    const before = yield* t.load(cells.inProgress);
    yield* t.store(cells.inProgress, before + 1);
    yield* t.store(cells.spte, 0);
    yield* t.store(cells.lock, 0);
    yield* t.fetchAdd(cells.primary, 1, Order.Full);
    yield* lock(t, cells.lock);
    const seq = yield* t.load(cells.seq);
    yield* t.store(cells.seq, seq + 1);
    const after = yield* t.load(cells.inProgress);
    yield* t.store(cells.inProgress, after - 1);
    if (after === 1) {
      const page = yield* t.load(cells.spte);
      if (page !== 0 && page !== (yield* t.load(cells.primary))) t.fail('noUseAfterFree');
    }
    yield* t.store(cells.lock, 0);
  }
}

/** Waits for the lock and takes it in the same moment. */
function* lock(t: Steps, cell: number): Step<void> {
  yield* t.awaitLock(cell, -1, 0);
  t.mem[cell] = 1;
}
