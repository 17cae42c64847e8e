'use coroutines';
/**
 * The protocol of faults and invalidations boiled down to five words, as it was given to other checkers: its
 * exact numbers of states and executions are known from them.
 *
 * Each vCPU faults `attempts` times: sample the sequence, read the page, ask without the lock, then with it,
 * and map. Each invalidator comes `rounds` times: announce and zap under the lock, change the page, end under
 * the lock. The mistakes are those of the originals.
 */
import type { Cell, Step, Thread } from '../../model/operations.js';
import { Order } from '../../model/operations.js';

export interface AnchorCells {
  readonly seq: Cell;
  readonly inProgress: Cell;
  readonly spte: Cell;
  /** The page that the host has. */
  readonly primary: Cell;
  readonly lock: Cell;
}

/** 0: none; 1: the sequence is compared before the lock; 2: sampled after the page; 3: no count under it. */
export type AnchorMistake = 0 | 1 | 2 | 3;

/** Places in the private cells of a thread: kept until an attempt is over, as the original keeps them. */
const SEQ = 0;
const PFN = 1;

/** Says that a fault has mapped, or an invalidation has left, a page that the host does not have. */
type Reports = Thread & { fail(name: string): void };

export function* anchorVcpu(
  t: Reports,
  cells: AnchorCells,
  attempts: number,
  mistake: AnchorMistake,
): Step<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    yield* anchorFault(t, cells, mistake);
    t.mem[t.scratch + SEQ] = 0;
    t.mem[t.scratch + PFN] = 0;
  }
}

function* anchorFault(t: Reports, cells: AnchorCells, mistake: AnchorMistake): Step<void> {
  const { seq, inProgress, spte, primary, lock } = cells;
  if (mistake === 2) {
    t.mem[t.scratch + PFN] = yield* t.load(primary);
    t.mem[t.scratch + SEQ] = yield* t.load(seq);
  } else {
    t.mem[t.scratch + SEQ] = yield* t.load(seq);
    t.mem[t.scratch + PFN] = yield* t.load(primary);
  }
  if ((yield* t.load(inProgress)) !== 0) return;
  if (mistake === 1 && (yield* t.load(seq)) !== t.mem[t.scratch + SEQ]) return;
  yield* lockAnchor(t, lock);
  if (mistake === 3 || (yield* t.load(inProgress)) === 0) {
    if (mistake === 1 || (yield* t.load(seq)) === t.mem[t.scratch + SEQ]) {
      yield* t.store(spte, t.mem[t.scratch + PFN]);
      if (t.mem[inProgress] === 0 && t.mem[spte] !== t.mem[primary]) t.fail('noUseAfterFree');
    }
  }
  yield* t.store(lock, 0);
}

export function* anchorInvalidator(t: Reports, cells: AnchorCells, rounds: number): Step<void> {
  const { seq, inProgress, spte, primary, lock } = cells;
  for (let round = 0; round < rounds; round++) {
    yield* lockAnchor(t, lock);
    yield* t.fetchAdd(inProgress, 1, Order.Relaxed);
    yield* t.store(spte, 0);
    yield* t.store(lock, 0);
    yield* t.fetchAdd(primary, 1, Order.Relaxed);
    yield* lockAnchor(t, lock);
    yield* t.fetchAdd(seq, 1, Order.Relaxed);
    yield* t.fetchAdd(inProgress, -1, Order.Relaxed);
    const left = yield* t.load(inProgress);
    if (left === 0 && t.mem[spte] !== 0 && t.mem[spte] !== t.mem[primary]) t.fail('noUseAfterFree');
    yield* t.store(lock, 0);
  }
}

/** Waits for the lock and takes it in the same moment. */
function* lockAnchor(t: Reports, lock: Cell): Step<void> {
  yield* t.spinUntil(lock, -1, 0);
  t.mem[lock] = 1;
}
