'use coroutines';
/**
 * The TDP MMU's zapping side: arch/x86/kvm/mmu/tdp_mmu.c, v5.10 to v7.3. tdp-map.ts has the faults,
 * tdp-roots.ts the roots.
 */
import { Cost } from './costs.js';
import type { Kvm, Root } from './kvm.js';
import { condReschedRwlockRead, condReschedRwlockWrite, LockMode, rwlockNeedbreak } from './locks/rwlock.js';
import { Order, type Step, type Thread } from './operations.js';
import { callRcuFreeTable, pagesPerEntry, rcuReadLock, rcuReadUnlock, tableCell } from './page-tables.js';
import { SCRATCH_STEPS, SCRATCH_UNFLUSHED, SCRATCH_ZAPPED } from './scratch.js';
import { FROZEN_SPTE, frameOf, isLeaf, isPresent, isTable, NONPRESENT_SPTE } from './spte.js';
import { iterOf, tdpIterNext, tdpIterStart, type TdpIter } from './tdp-iter.js';
import { kvmTdpMmuPutRoot, kvmTdpMmuTryGetRoot } from './tdp-root-refs.js';
import { kvmFlushRemoteTlbs } from './tlb-flush.js';
import { Tracepoint } from './tracepoints.js';

/**
 * tdp_mmu_iter_need_resched(), factored out of tdp_mmu_iter_cond_resched() in 6.12: somebody wants the CPU
 * or the lock, and the walk has made progress since it last yielded.
 */
function* tdpMmuIterNeedResched(t: Thread, kvm: Kvm, iter: TdpIter): Step<boolean> {
  const { progressGuard, progressSteps } = kvm.policy;
  // The kernel asks the CPU and the lock first; asking for progress first is the same and costs less.
  if (progressGuard === 'step') {
    if (iter.nextLastLevelGfn === iter.yieldedGfn) return false;
    if (progressSteps > 1 && t.mem[t.scratch + SCRATCH_STEPS] < progressSteps) return false;
  } else if (progressGuard === 'current-gfn' && iter.gfn === iter.yieldedGfn) {
    return false;
  }
  if (yield* t.needResched()) return true;
  return yield* rwlockNeedbreak(t, kvm);
}

/**
 * tdp_mmu_iter_cond_resched(): flush what was zapped, drop the lock for a moment.
 *
 * @returns whether it yielded; then the caller must go on to the next entry, and its flush is done
 */
function* tdpMmuIterCondResched(
  t: Thread,
  kvm: Kvm,
  iter: TdpIter,
  flush: boolean,
  shared: boolean,
): Step<boolean> {
  if (!(yield* tdpMmuIterNeedResched(t, kvm, iter))) return false;
  // The flush comes first, and is paid even if nobody waits any more when it is done.
  if (flush && kvm.policy.flushOnYield !== 'none') yield* kvmFlushRemoteTlbs(t, kvm);
  rcuReadUnlock(t, kvm);
  const dropped = shared ? yield* condReschedRwlockRead(t, kvm) : yield* condReschedRwlockWrite(t, kvm);
  rcuReadLock(t, kvm);
  const mode = shared ? LockMode.Read : LockMode.Write;
  if (dropped) t.emit(Tracepoint.yield, kvm.mmuLock.address, mode, iter.nextLastLevelGfn);
  iter.yielded = 1;
  return true;
}

/**
 * Whether a flush is still due after a yield: what the caller makes of tdp_mmu_iter_cond_resched()'s
 * answer.
 */
function flushAfterYield(kvm: Kvm, flush: boolean): boolean {
  return flush && (kvm.policy.flushOnYield === 'none' || kvm.policy.flushOnYield === 'keep-pending');
}

/** Whether a notifier may yield in the TDP MMU: the caller can block, and the kernel's version allows it. */
function mayYield(kvm: Kvm, mayBlock: boolean): boolean {
  return mayBlock && kvm.policy.notifierYield !== 'never';
}

/**
 * kvm_tdp_mmu_unmap_gfn_range(): zap [start, end) in every root of an address space, valid or not.
 *
 * @returns whether a flush is due
 */
export function* kvmTdpMmuUnmapGfnRange(
  t: Thread,
  kvm: Kvm,
  asId: number,
  start: number,
  end: number,
  mayBlock: boolean,
  flushBefore: boolean,
): Step<boolean> {
  const yieldSafe = kvm.policy.rootIteration === 'yield-safe';
  const canYield = mayYield(kvm, mayBlock);
  const count = kvm.roots.length;
  let flush = flushBefore;
  for (let index = 0; index < count; index++) {
    const root = kvm.roots[index];
    if (root.asId !== asId || t.mem[root.table] === 0) continue;
    if (kvm.policy.notifierUnmap === 'skip-invalid-roots' && t.mem[root.invalid] !== 0) continue;
    // for_each_tdp_mmu_root_yield_safe(): a reference keeps the root alive while the lock is dropped.
    if (yieldSafe && !(yield* kvmTdpMmuTryGetRoot(t, root))) continue;
    const before = flush && kvm.policy.flushAcrossRoots === 'accumulate';
    flush = yield* zapLeafs(t, kvm, root, start, end, canYield, before);
    if (yieldSafe) yield* kvmTdpMmuPutRoot(t, kvm, root);
  }
  return flush;
}

/** tdp_mmu_zap_leafs(), f47e5bbbc92f; mmu_lock is held for write. */
function* zapLeafs(
  t: Thread,
  kvm: Kvm,
  root: Root,
  start: number,
  end: number,
  canYield: boolean,
  flushBefore: boolean,
): Step<boolean> {
  const iter = iterOf(t);
  const subtrees = kvm.policy.notifierUnmap === 'subtrees';
  let flush = flushBefore;
  rcuReadLock(t, kvm);
  yield* tdpIterStart(t, kvm, iter, t.mem[root.table], 1, start);
  while (iter.valid && iter.gfn < end) {
    if (canYield && (yield* tdpMmuIterCondResched(t, kvm, iter, flush, false))) {
      flush = flushAfterYield(kvm, flush);
      yield* tdpIterNext(t, kvm, iter);
      continue;
    }
    if (canYield && kvm.policy.flushOnYield === 'forgotten') flush = false;
    if (isLeaf(iter.oldSpte)) {
      if (yield* zapEntry(t, kvm, root, iter)) flush = true;
    } else if (subtrees && isTable(iter.oldSpte) && covers(kvm, iter, start, end)) {
      const old = yield* t.xchg(iter.sptep, NONPRESENT_SPTE, Order.Full);
      yield* handleRemovedPt(t, kvm, root, frameOf(old), iter.gfn, iter.level - 1, false);
      t.mem[t.scratch + SCRATCH_UNFLUSHED] = 1;
      flush = true;
    }
    yield* tdpIterNext(t, kvm, iter);
  }
  rcuReadUnlock(t, kvm);
  return flush;
}

/** Whether the current entry maps nothing outside [start, end). */
function covers(kvm: Kvm, iter: TdpIter, start: number, end: number): boolean {
  return iter.gfn >= start && iter.gfn + pagesPerEntry(kvm, iter.level) <= end;
}

/**
 * tdp_mmu_iter_set_spte(..., SHADOW_NONPRESENT_VALUE) with the lock held for write. Bits of the entry can
 * change without the lock (the processor's accessed and dirty, fast page faults), so it is exchanged.
 *
 * @returns whether it needs a flush: not in an invalid root since 6.9, whose vCPUs were all made to leave
 *   it
 */
function* zapEntry(t: Thread, kvm: Kvm, root: Root, iter: TdpIter): Step<boolean> {
  const old = yield* t.xchg(iter.sptep, NONPRESENT_SPTE, Order.Full);
  t.mem[t.scratch + SCRATCH_ZAPPED] = 1;
  yield* handleZappedLeaf(t, root, iter.gfn, old, iter.level);
  if (kvm.policy.dirtyWriteBack === 'on-zap') yield* t.spend(Cost.handleChangedSpte, 1);
  const invalid = t.mem[root.invalid] !== 0;
  if (invalid && kvm.policy.flushInvalidRoots === 'skip') return false;
  if (!invalid) t.mem[t.scratch + SCRATCH_UNFLUSHED] = 1;
  return true;
}

/** handle_changed_spte() for a leaf that is gone. */
function* handleZappedLeaf(t: Thread, root: Root, gfn: number, old: number, level: number): Step<void> {
  yield* t.spend(Cost.handleChangedSpte, 1);
  t.emit(Tracepoint.kvmTdpMmuSpteChanged, root.asId, gfn, level, old, NONPRESENT_SPTE);
  t.emit(Tracepoint.probeSpteZapped, root.index, gfn, old, level);
}

/**
 * handle_removed_pt(): a table was unlinked; take every entry out of it and free it after a grace period.
 * Under the shared lock each entry is frozen, so that faults that are still in the table give up.
 */
export function* handleRemovedPt(
  t: Thread,
  kvm: Kvm,
  root: Root,
  table: number,
  baseGfn: number,
  level: number,
  shared: boolean,
): Step<void> {
  const entries = 1 << kvm.geometry.bits;
  const first = tableCell(kvm, table);
  for (let index = 0; index < entries; index++) {
    const sptep = first + index;
    let old = yield* t.load(sptep);
    if (shared) {
      // Another task may hold the entry frozen for a moment; its work must be over before ours goes on.
      do {
        old = yield* t.xchg(sptep, FROZEN_SPTE, Order.Full);
        if (old === FROZEN_SPTE) yield* t.cpuRelax();
      } while (old === FROZEN_SPTE);
      t.emit(Tracepoint.probeFrozen, sptep, 1);
    } else {
      if (!isPresent(old)) continue;
      old = yield* t.xchg(sptep, FROZEN_SPTE, Order.Full);
    }
    const gfn = baseGfn + index * pagesPerEntry(kvm, level);
    if (isLeaf(old)) yield* handleZappedLeaf(t, root, gfn, old, level);
    else if (isTable(old)) yield* handleRemovedPt(t, kvm, root, frameOf(old), gfn, level - 1, shared);
  }
  callRcuFreeTable(t, kvm, table);
}

/**
 * __tdp_mmu_zap_root(): everything below `zapLevel` goes, table by table. Never flushes: vCPUs have left
 * the root.
 *
 * @param shared mmu_lock is held for read; then entries are exchanged against concurrent faults
 */
export function* tdpMmuZapRootLevel(
  t: Thread,
  kvm: Kvm,
  root: Root,
  shared: boolean,
  zapLevel: number,
): Step<void> {
  const iter = iterOf(t);
  yield* tdpIterStart(t, kvm, iter, t.mem[root.table], zapLevel, 0);
  while (iter.valid) {
    if (yield* tdpMmuIterCondResched(t, kvm, iter, false, shared)) {
      yield* tdpIterNext(t, kvm, iter);
      continue;
    }
    if (!isPresent(iter.oldSpte) || iter.level > zapLevel) {
      yield* tdpIterNext(t, kvm, iter);
      continue;
    }
    const old = yield* t.cmpxchg(iter.sptep, iter.oldSpte, NONPRESENT_SPTE, Order.Full);
    if (old !== iter.oldSpte) {
      iter.oldSpte = old;
      continue;
    }
    if (isLeaf(old)) yield* handleZappedLeaf(t, root, iter.gfn, old, iter.level);
    else yield* handleRemovedPt(t, kvm, root, frameOf(old), iter.gfn, iter.level - 1, shared);
    yield* tdpIterNext(t, kvm, iter);
  }
}
