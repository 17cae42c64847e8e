'use coroutines';
/**
 * Memslots that change while vCPUs run, and the SRCU that protects their readers: virt/kvm/kvm_main.c and
 * kernel/rcu/srcutree.c, v5.10 to v7.3.
 *
 * The kernel keeps two sets of memslots and swaps a pointer. Here a memslot's flags are the pointer: Valid,
 * Valid with Invalid, or nothing, and a change of them is the swap. A slot that moves is two slots, of which
 * one is active; no two slots may hold the same gfn.
 */
import { Cost } from './costs.js';
import { SlotFlag, type Kvm, type Memslot } from './kvm.js';
import { spinLock, spinUnlock } from './locks/spinlock.js';
import { Order, type Cell, type Step, type Thread } from './operations.js';
import { kvmMmuZapAllFast, kvmMmuZapMemslot } from './shadow/zap-obsolete.js';

/** enum kvm_mr_change */
export const MemslotChange = { Create: 0, Delete: 1, Move: 2, FlagsOnly: 3 } as const;
export type MemslotChange = (typeof MemslotChange)[keyof typeof MemslotChange];

/**
 * srcu_read_lock(&kvm->srcu). Its cells are the index that new readers take, and how many readers each index
 * has. The kernel counts per CPU, so that readers do not meet; a machine whose memslots never change does not
 * count at all.
 *
 * @returns the index to unlock
 */
export function* srcuReadLock(t: Thread, kvm: Kvm): Step<number> {
  if (!kvm.tracksSrcu) return 0;
  const index = (yield* t.load(kvm.srcu)) & 1;
  yield* t.fetchAdd(kvm.srcu + 1 + index, 1, Order.Full);
  return index;
}

/** srcu_read_unlock() */
export function* srcuReadUnlock(t: Thread, kvm: Kvm, index: number): Step<void> {
  if (kvm.tracksSrcu) yield* t.fetchAdd(kvm.srcu + 1 + index, -1, Order.Full);
}

/**
 * synchronize_srcu_expedited(&kvm->srcu): when it returns, every reader that began before is done.
 * srcu_advance_state(): readers may have taken the old index and not counted yet, so both counts are awaited,
 * one before the flip.
 *
 * @internal for tests
 */
export function* synchronizeSrcu(t: Thread, kvm: Kvm): Step<void> {
  yield* t.smpMb();
  const index = (yield* t.load(kvm.srcu)) & 1;
  yield* t.waitUntil(kvm.srcu + 1 + (index ^ 1), -1, 0);
  yield* t.store(kvm.srcu, index ^ 1);
  yield* t.smpMb();
  yield* t.waitUntil(kvm.srcu + 1 + index, -1, 0);
  yield* t.spend(Cost.gracePeriod, 1);
}

/** mutex_lock() of a mutex that is one cell, without spinning. */
export function* mutexLock(t: Thread, lock: Cell): Step<void> {
  yield* t.mightSleep();
  while ((yield* t.cmpxchg(lock, 0, 1, Order.Acquire)) !== 0) yield* t.waitUntil(lock, -1, 0);
}

/** mutex_unlock() */
export function* mutexUnlock(t: Thread, lock: Cell): Step<void> {
  yield* t.storeRelease(lock, 0);
}

/**
 * kvm_set_memory_region(), kvm_set_memslot(): KVM_SET_USER_MEMORY_REGION.
 *
 * @param slot the slot that is made, deleted, moved away from, or gets other flags
 * @param replacement for Move: the slot that takes its place
 * @param flags for FlagsOnly: SlotFlag.LogDirty or nothing; Create and Move begin without
 */
export function* kvmSetMemslot(
  t: Thread,
  kvm: Kvm,
  change: MemslotChange,
  slot: Memslot,
  replacement: Memslot | undefined,
  flags: number,
): Step<void> {
  yield* t.spend(Cost.syscall, 1);
  yield* mutexLock(t, kvm.slotsLock.tail);
  if (change === MemslotChange.Delete || change === MemslotChange.Move) {
    yield* kvmInvalidateMemslot(t, kvm, slot);
    yield* swapActiveMemslots(t, kvm, slot.flags, 0, replacement);
    yield* synchronizeSrcu(t, kvm);
  } else {
    yield* swapActiveMemslots(t, kvm, slot.flags, SlotFlag.Valid | flags, undefined);
    yield* synchronizeSrcu(t, kvm);
  }
  yield* mutexUnlock(t, kvm.slotsLock.tail);
}

/**
 * kvm_invalidate_memslot(): a slot that goes away is marked first, so that nobody maps it any more, and then
 * zapped. What is zapped before every reader has seen the mark may be mapped again by one that has not.
 */
function* kvmInvalidateMemslot(t: Thread, kvm: Kvm, slot: Memslot): Step<void> {
  const marked = (yield* t.load(slot.flags)) | SlotFlag.Invalid;
  yield* swapActiveMemslots(t, kvm, slot.flags, marked, undefined);
  const early = kvm.policy.memslotDelete === 'zap-before-srcu';
  if (early) yield* kvmArchFlushShadowMemslot(t, kvm, slot);
  yield* synchronizeSrcu(t, kvm);
  if (!early) yield* kvmArchFlushShadowMemslot(t, kvm, slot);
}

/** kvm_arch_flush_shadow_memslot() */
function* kvmArchFlushShadowMemslot(t: Thread, kvm: Kvm, slot: Memslot): Step<void> {
  if (kvm.policy.memslotZap === 'all-fast') yield* kvmMmuZapAllFast(t, kvm);
  else yield* kvmMmuZapMemslot(t, kvm, slot);
}

/**
 * kvm_swap_active_memslots(), install_new_memslots() before 5.17, without the grace period: not while an
 * invalidation is between its start and its end, or the two would see different memslots. A stream of
 * invalidations keeps it waiting.
 *
 * @param created a slot that becomes active in the same swap
 */
function* swapActiveMemslots(
  t: Thread,
  kvm: Kvm,
  cell: Cell,
  flags: number,
  created: Memslot | undefined,
): Step<void> {
  yield* spinLock(t, kvm.mnInvalidateLock);
  if (kvm.policy.activeCount !== 'not-awaited') {
    // mn_memslots_update_rcuwait
    while ((yield* t.load(kvm.mnActiveInvalidateCount)) !== 0) {
      yield* spinUnlock(t, kvm.mnInvalidateLock);
      yield* t.waitUntil(kvm.mnActiveInvalidateCount, -1, 0);
      yield* spinLock(t, kvm.mnInvalidateLock);
    }
  }
  // rcu_assign_pointer()
  yield* t.storeRelease(cell, flags);
  if (created !== undefined) yield* t.storeRelease(created.flags, SlotFlag.Valid);
  yield* t.store(kvm.slotsGeneration, (yield* t.load(kvm.slotsGeneration)) + 1);
  yield* spinUnlock(t, kvm.mnInvalidateLock);
}
