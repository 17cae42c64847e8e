'use coroutines';
/**
 * References to roots of the TDP MMU (tdp_mmu_root_count): arch/x86/kvm/mmu/tdp_mmu.h and .c, v5.10 to
 * v7.3.
 */
import type { Kvm, Root } from './kvm.js';
import { spinLock, spinUnlock } from './locks/spinlock.js';
import { Order, type Step, type Thread } from './operations.js';
import { callRcuFreeTable } from './page-tables.js';

/** kvm_tdp_mmu_get_root(): a reference, unless the last one is gone. */
export function* kvmTdpMmuTryGetRoot(t: Thread, root: Root): Step<boolean> {
  let count = yield* t.load(root.refcount);
  while (count !== 0) {
    const seen = yield* t.cmpxchg(root.refcount, count, count + 1, Order.Relaxed);
    if (seen === count) return true;
    count = seen;
  }
  return false;
}

/** kvm_tdp_mmu_put_root(): the last reference takes the root off the list and frees its table. */
export function* kvmTdpMmuPutRoot(t: Thread, kvm: Kvm, root: Root): Step<void> {
  if ((yield* t.fetchAdd(root.refcount, -1, Order.Full)) !== 1) return;
  yield* spinLock(t, kvm.tdpMmuPagesLock);
  const table = t.mem[root.table];
  yield* t.store(root.table, 0);
  yield* spinUnlock(t, kvm.tdpMmuPagesLock);
  callRcuFreeTable(t, kvm, table);
}
