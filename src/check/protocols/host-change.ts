'use coroutines';
/**
 * What an invalidator of the checks does: the host takes a page from the process and gives it another, as
 * page migration and copy on write do, and frees the old one. The notifier brackets it, the page-table lock
 * is held for the entry; what else the kernel does there no guest can notice.
 */
import { putPage } from '../../model/host/folios.js';
import {
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  ptLock,
  ptUnlock,
  pteCell,
} from '../../model/host/primary-mmu.js';
import type { Mm } from '../../model/kvm.js';
import type { Step, Thread } from '../../model/operations.js';
import { frameOf, makeEntry, WRITTEN_PAGE } from '../../model/spte.js';

export interface HostChange {
  /** Host pages [start, end) whose invalidation is announced. */
  readonly start: number;
  readonly end: number;
  /** The page that changes, one of them; -1: none does. */
  readonly page: number;
  /** Frames that it gets, one for each time; each has a reference. */
  readonly frames: readonly number[];
  readonly blockable: boolean;
}

export function* hostChanges(t: Thread, mm: Mm, change: HostChange): Step<void> {
  // Goes round, so that an invalidator without end has an end of states.
  const turns = Math.max(1, change.frames.length);
  for (let turn = 0; yield* t.nextOperation(); turn = (turn + 1) % turns) {
    yield* mmuNotifierInvalidateRangeStart(t, mm, change.start, change.end, change.blockable);
    let old = 0;
    if (change.page >= 0) {
      const cell = pteCell(mm, change.page);
      yield* ptLock(t, mm, change.page);
      old = yield* t.load(cell);
      yield* t.store(cell, makeEntry(change.frames[turn], WRITTEN_PAGE));
      yield* ptUnlock(t, mm, change.page);
    }
    yield* mmuNotifierInvalidateRangeEnd(t, mm, change.start, change.end);
    if (old !== 0) yield* putPage(t, mm, frameOf(old));
  }
}
