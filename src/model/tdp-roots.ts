'use coroutines';
/**
 * Roots of the TDP MMU: allocation, references, invalidation and zapping. arch/x86/kvm/mmu/tdp_mmu.c, v5.10
 * to v7.3.
 *
 * A root is born with two references: the vCPU's that loads it, and one of the TDP MMU itself, which goes
 * when the root is invalidated and has been zapped.
 */
import { Cost } from './costs.js';
import type { Kvm, Root, Vcpu } from './kvm.js';
import { readLock, readUnlock, writeLock, writeUnlock } from './locks/rwlock.js';
import { spinLock, spinUnlock } from './locks/spinlock.js';
import type { Step, Thread } from './operations.js';
import { allocTable, rcuReadLock, rcuReadUnlock } from './page-tables.js';
import { tdpMmuZapRootLevel } from './tdp-mmu.js';
import { kvmTdpMmuPutRoot, kvmTdpMmuTryGetRoot } from './tdp-root-refs.js';

/**
 * kvm_tdp_mmu_alloc_root(), kvm_tdp_mmu_get_vcpu_root_hpa() until 6.8: the valid root of the vCPU's address
 * space, or a new one. mmu_lock for read since 6.9, for write before.
 */
export function* kvmTdpMmuAllocRoot(t: Thread, vcpu: Vcpu): Step<void> {
  const { kvm } = vcpu;
  const shared = kvm.policy.rootLock === 'read';
  yield* t.spend(Cost.mmuLoad, 1);
  if (shared) yield* readLock(t, kvm);
  else yield* writeLock(t, kvm);
  let index = yield* findValidRoot(t, kvm);
  if (index < 0) {
    yield* spinLock(t, kvm.tdpMmuPagesLock);
    // Another vCPU may have been first.
    index = yield* findValidRoot(t, kvm);
    if (index < 0) {
      index = freeRoot(t, kvm);
      const root = kvm.roots[index];
      const table = yield* allocTable(t, kvm);
      yield* t.store(root.invalid, 0);
      yield* t.store(root.scheduledToZap, 0);
      yield* t.store(root.refcount, 2);
      yield* t.store(root.table, table);
    }
    yield* spinUnlock(t, kvm.tdpMmuPagesLock);
  }
  if (shared) yield* readUnlock(t, kvm);
  else yield* writeUnlock(t, kvm);
  t.mem[vcpu.root] = index + 1;
}

/** A valid root of address space 0 with a reference taken, or -1. */
function* findValidRoot(t: Thread, kvm: Kvm): Step<number> {
  const count = kvm.roots.length;
  for (let index = 0; index < count; index++) {
    const root = kvm.roots[index];
    if ((yield* t.load(root.table)) === 0 || (yield* t.load(root.invalid)) !== 0) continue;
    if (yield* kvmTdpMmuTryGetRoot(t, root)) return index;
  }
  return -1;
}

/** A place for a new root. The machine is built with more places than roots can be alive. */
function freeRoot(t: Thread, kvm: Kvm): number {
  const index = kvm.roots.findIndex((root) => t.mem[root.table] === 0 && t.mem[root.refcount] === 0);
  if (index < 0) throw new Error(`all ${kvm.roots.length} roots are alive`);
  return index;
}

/** kvm_mmu_unload(), kvm_mmu_free_roots(): the vCPU leaves its root, under mmu_lock as when it loads one. */
export function* kvmMmuFreeRoot(t: Thread, vcpu: Vcpu): Step<void> {
  const index = t.mem[vcpu.root] - 1;
  if (index < 0) return;
  const { kvm } = vcpu;
  const shared = kvm.policy.rootLock === 'read';
  if (shared) yield* readLock(t, kvm);
  else yield* writeLock(t, kvm);
  t.mem[vcpu.root] = 0;
  yield* kvmTdpMmuPutRoot(t, kvm, kvm.roots[index]);
  if (shared) yield* readUnlock(t, kvm);
  else yield* writeUnlock(t, kvm);
}

/**
 * kvm_tdp_mmu_invalidate_all_roots(): no vCPU may load these any more; mmu_lock is held for write. The
 * caller requests that vCPUs leave them, in the same lock section.
 */
export function* kvmTdpMmuInvalidateRoots(t: Thread, kvm: Kvm): Step<void> {
  const count = kvm.roots.length;
  for (let index = 0; index < count; index++) {
    const root = kvm.roots[index];
    if (t.mem[root.table] === 0 || t.mem[root.invalid] !== 0) continue;
    yield* t.store(root.scheduledToZap, 1);
    yield* t.store(root.invalid, 1);
  }
}

/**
 * kvm_tdp_mmu_zap_invalidated_roots(shared): zap what was invalidated, then drop the TDP MMU's own
 * reference.
 */
export function* kvmTdpMmuZapInvalidatedRoots(t: Thread, kvm: Kvm): Step<void> {
  yield* readLock(t, kvm);
  const count = kvm.roots.length;
  for (let index = 0; index < count; index++) {
    const root = kvm.roots[index];
    if (t.mem[root.table] === 0 || t.mem[root.scheduledToZap] === 0) continue;
    yield* t.store(root.scheduledToZap, 0);
    yield* tdpMmuZapRoot(t, kvm, root, true);
    yield* kvmTdpMmuPutRoot(t, kvm, root);
  }
  yield* readUnlock(t, kvm);
}

/**
 * tdp_mmu_zap_root(): in steps of rising level, so that the lock can be dropped in between (finer since
 * 6.9).
 */
function* tdpMmuZapRoot(t: Thread, kvm: Kvm, root: Root, shared: boolean): Step<void> {
  rcuReadLock(t, kvm);
  const top = kvm.geometry.levels;
  const first = kvm.policy.rootZapLevels === '4k-2m-1g-top' ? 1 : Math.min(3, top);
  for (let level = first; level <= top; level++) {
    if (level > 3 && level !== top) continue;
    yield* tdpMmuZapRootLevel(t, kvm, root, shared, level);
  }
  rcuReadUnlock(t, kvm);
}
