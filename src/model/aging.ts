'use coroutines';
/**
 * Aging: clear_flush_young, clear_young and test_young of KVM's mmu notifier (virt/kvm/kvm_main.c), and
 * kvm_age_gfn(), kvm_test_age_gfn() (arch/x86/kvm/mmu/mmu.c, tdp_mmu.c), v5.13 to v7.3.
 *
 * It never moves the sequence or the count of invalidations. Until 6.14 it takes mmu_lock for write, where no
 * pre-check can keep faults away from it; since 6.15 it takes no lock of the VM's.
 */
import { Cost } from './costs.js';
import { SlotFlag, type Kvm, type Memslot } from './kvm.js';
import { writeLock, writeUnlock } from './locks/rwlock.js';
import { srcuReadLock, srcuReadUnlock } from './memslots.js';
import { Order, type Cell, type Step, type Thread } from './operations.js';
import { entryIndex, pagesPerEntry, rcuReadLock, rcuReadUnlock, tableCell } from './page-tables.js';
import { RMAP_LEVELS } from './shadow/layout.js';
import {
  gfnToRmap,
  kvmRmapLockReadonly,
  kvmRmapUnlockReadonly,
  rmapFirst,
  rmapRest,
} from './shadow/rmap-chain.js';
import { frameOf, isLeaf, isTable, Spte } from './spte.js';
import { kvmFlushRemoteTlbs } from './tlb-flush.js';
import { Tracepoint } from './tracepoints.js';

/**
 * kvm_mmu_notifier_clear_flush_young(): whether the guest has used a page of [start, end) since it was last
 * asked.
 */
export function* kvmMmuNotifierClearFlushYoung(
  t: Thread,
  kvm: Kvm,
  start: number,
  end: number,
): Step<boolean> {
  t.emit(Tracepoint.kvmAgeHva, start, end);
  return yield* kvmAgeHvaRange(t, kvm, start, end, false, kvm.policy.agingFlush === 'if-young');
}

/** kvm_mmu_notifier_clear_young(): the same, and stale accessed bits in TLBs do not matter. */
export function* kvmMmuNotifierClearYoung(t: Thread, kvm: Kvm, start: number, end: number): Step<boolean> {
  t.emit(Tracepoint.kvmAgeHva, start, end);
  return yield* kvmAgeHvaRange(t, kvm, start, end, false, false);
}

/**
 * kvm_mmu_notifier_test_young(): only asks.
 *
 * @internal for tests
 */
export function* kvmMmuNotifierTestYoung(t: Thread, kvm: Kvm, page: number): Step<boolean> {
  t.emit(Tracepoint.kvmTestAgeHva, page);
  return yield* kvmAgeHvaRange(t, kvm, page, page + 1, true, false);
}

/** kvm_age_hva_range(): kvm_handle_hva_range() with the handler kvm_age_gfn() or kvm_test_age_gfn(). */
function* kvmAgeHvaRange(
  t: Thread,
  kvm: Kvm,
  start: number,
  end: number,
  testOnly: boolean,
  flushIfYoung: boolean,
): Step<boolean> {
  yield* t.spend(Cost.hvaRangeSetup, 1);
  const srcu = yield* srcuReadLock(t, kvm);
  const lockless = kvm.policy.agingLock === 'lockless';
  const count = kvm.slots.length;
  let locked = false;
  let young = false;
  for (let index = 0; index < count; index++) {
    const slot = kvm.slots[index];
    const first = Math.max(start, slot.userspacePage);
    const last = Math.min(end, slot.userspacePage + slot.pages);
    if (first >= last || ((yield* t.load(slot.flags)) & SlotFlag.Valid) === 0) continue;
    if (!locked && !lockless) yield* writeLock(t, kvm);
    locked = !lockless;
    const offset = slot.baseGfn - slot.userspacePage;
    if (yield* kvmAgeGfn(t, kvm, slot, first + offset, last + offset, testOnly)) young = true;
  }
  if (young && flushIfYoung) yield* kvmFlushRemoteTlbs(t, kvm);
  if (locked) yield* writeUnlock(t, kvm);
  yield* srcuReadUnlock(t, kvm, srcu);
  return young;
}

/** kvm_age_gfn(), kvm_test_age_gfn(): whether a page of [start, end) was used. */
function* kvmAgeGfn(
  t: Thread,
  kvm: Kvm,
  slot: Memslot,
  start: number,
  end: number,
  testOnly: boolean,
): Step<boolean> {
  // kvm_may_have_shadow_mmu_sptes()
  if (kvm.policy.mmu !== 'tdp') return yield* kvmRmapAgeGfnRange(t, kvm, slot, start, end, testOnly);
  return yield* kvmTdpMmuAgeGfnRange(t, kvm, slot.asId, start, end, testOnly);
}

/** kvm_tdp_mmu_age_gfn_range(), kvm_tdp_mmu_test_age_gfn(): a walk under RCU of the valid roots. */
function* kvmTdpMmuAgeGfnRange(
  t: Thread,
  kvm: Kvm,
  asId: number,
  start: number,
  end: number,
  testOnly: boolean,
): Step<boolean> {
  const count = kvm.roots.length;
  let young = false;
  rcuReadLock(t, kvm);
  for (let index = 0; index < count; index++) {
    const root = kvm.roots[index];
    if (root.asId !== asId || (yield* t.load(root.invalid)) !== 0) continue;
    const table = yield* t.load(root.table);
    if (table === 0) continue;
    if (yield* ageTable(t, kvm, table, kvm.geometry.levels, start, end, testOnly)) young = true;
    if (young && testOnly) break;
  }
  rcuReadUnlock(t, kvm);
  return young;
}

/** tdp_root_for_each_leaf_pte(): the entries of one table, and of those below it. */
function* ageTable(
  t: Thread,
  kvm: Kvm,
  table: number,
  level: number,
  start: number,
  end: number,
  testOnly: boolean,
): Step<boolean> {
  const pages = pagesPerEntry(kvm, level);
  let young = false;
  let gfn = start & ~(pages - 1);
  while (gfn < end) {
    const sptep = tableCell(kvm, table) + entryIndex(kvm, gfn, level);
    yield* t.spend(Cost.tdpIterStep, 1);
    const spte = yield* t.load(sptep);
    if (isTable(spte)) {
      const from = Math.max(start, gfn);
      const to = Math.min(end, gfn + pages);
      if (yield* ageTable(t, kvm, frameOf(spte), level - 1, from, to, testOnly)) young = true;
    } else if (isLeaf(spte) && (spte & Spte.Accessed) !== 0) {
      young = true;
      if (!testOnly) {
        yield* ageSpte(t, kvm, sptep, spte);
        t.emit(Tracepoint.kvmTdpMmuSpteChanged, 0, gfn, level, spte, spte & ~Spte.Accessed);
      }
    }
    if (young && testOnly) return true;
    gfn += pages;
  }
  return young;
}

/**
 * kvm_tdp_mmu_age_spte(): takes the accessed bit away. An exchange that fails is let be: somebody else has
 * just changed the entry, so it is young anyway. (Until 6.14 mmu_lock keeps zaps away, and one atomic
 * operation clears the bit.)
 */
function* ageSpte(t: Thread, kvm: Kvm, sptep: Cell, spte: number): Step<void> {
  yield* t.spend(Cost.ageSpte, 1);
  if (kvm.policy.agingWrite === 'store') yield* t.store(sptep, spte & ~Spte.Accessed);
  else if (kvm.policy.agingLock === 'write') yield* t.fetchAnd(sptep, ~Spte.Accessed, Order.Full);
  else yield* t.cmpxchg(sptep, spte, spte & ~Spte.Accessed, Order.Full);
}

/** kvm_rmap_age_gfn_range(), kvm_age_rmap() before 6.15. */
function* kvmRmapAgeGfnRange(
  t: Thread,
  kvm: Kvm,
  slot: Memslot,
  start: number,
  end: number,
  testOnly: boolean,
): Step<boolean> {
  let young = false;
  for (let level = 1; level <= RMAP_LEVELS; level++) {
    const last = gfnToRmap(kvm, slot, end - 1, level);
    for (let head = gfnToRmap(kvm, slot, start, level); head <= last; head++) {
      if (yield* ageRmap(t, kvm, head, testOnly)) young = true;
      if (young && testOnly) return true;
    }
  }
  return young;
}

/**
 * The entries of one rmap. Without mmu_lock the bit in the head keeps the list together, but not the entries.
 */
function* ageRmap(t: Thread, kvm: Kvm, head: Cell, testOnly: boolean): Step<boolean> {
  const lockless = kvm.policy.agingLock === 'lockless';
  const value = lockless ? yield* kvmRmapLockReadonly(t, head) : yield* t.loadPlain(head);
  let list = value;
  let young = false;
  while (list !== 0 && !(young && testOnly)) {
    yield* t.spend(Cost.rmapStep, 1);
    const sptep = rmapFirst(t, list);
    const spte = yield* t.load(sptep);
    if ((spte & Spte.Accessed) !== 0) {
      young = true;
      if (!testOnly) yield* ageSpte(t, kvm, sptep, spte);
    }
    list = rmapRest(t, list);
  }
  if (lockless) yield* kvmRmapUnlockReadonly(t, head, value);
  return young;
}
