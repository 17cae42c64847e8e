/** Small groups of cells that several parts of a machine have. */
import type { RwLock, SpinLock } from '../kvm.js';
import type { MemoryLayout } from '../memory.js';
import type { Cell } from '../operations.js';

/** Locks lie at the address of their cell in a made-up range. */
const LOCK_BASE = 0x0100_0000;
/** What kinds of rwlock other than the queued one keep beside it. */
const EXTRA_LOCK_CELLS = 8;

export function lockAddress(cell: Cell): number {
  return LOCK_BASE + cell * 4;
}

/**
 * A spinlock.
 *
 * @param isContract reduced to its contract
 * @param sameLine share the cache line of the allocation before
 */
export function allocSpinLock(
  layout: MemoryLayout,
  name: string,
  isContract: boolean,
  hot = true,
  sameLine = false,
): SpinLock {
  const tail = layout.alloc(name, 2, hot ? 'hot' : 'shared', sameLine);
  return { tail, head: tail + 1, address: lockAddress(tail), isContract };
}

/** A rwlock on a cache line of its own. */
export function allocRwLock(layout: MemoryLayout, name: string): RwLock {
  const cnts = layout.alloc(`${name}.cnts`, 1, 'hot');
  const waitLock = allocSpinLock(layout, `${name}.wait_lock`, false, true, true);
  const extra = layout.alloc(`${name}.extra`, EXTRA_LOCK_CELLS, 'hot', true);
  return { cnts, waitLock, extra, address: lockAddress(cnts) };
}
