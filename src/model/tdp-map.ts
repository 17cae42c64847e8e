'use coroutines';
/**
 * kvm_tdp_mmu_map(): a fault puts its page into the tables. arch/x86/kvm/mmu/tdp_mmu.c, v5.10 to v7.3.
 *
 * mmu_lock is held for read, so other faults do the same at once: each entry changes by cmpxchg, and who
 * loses lets the guest fault again.
 */
import { Cost } from './costs.js';
import { hostPfnMappingLevel } from './host/gup.js';
import { SlotFlag, type Kvm, type Memslot, type Root, type Vcpu } from './kvm.js';
import { Order, type Step, type Thread } from './operations.js';
import { Pfn, RetPf, type PageFault } from './page-fault-struct.js';
import {
  allocTable,
  freeUnusedTable,
  pagesPerEntry,
  rcuReadLock,
  rcuReadUnlock,
  tableCell,
} from './page-tables.js';
import { faultRetry } from './fault-retry.js';
import {
  FROZEN_SPTE,
  frameOf,
  isLeaf,
  isPresent,
  isTable,
  makeEntry,
  NONPRESENT_SPTE,
  Spte,
} from './spte.js';
import { iterOf, tdpIterNext, tdpIterStart, type TdpIter } from './tdp-iter.js';
import { handleRemovedPt } from './tdp-mmu.js';
import { kvmFlushRemoteTlbs } from './tlb-flush.js';
import { Detection, Tracepoint } from './tracepoints.js';

/** @returns RetPf: Fixed, Spurious, WriteProtected, Emulate, or Retry when another task was in the way */
export function* kvmTdpMmuMap(
  t: Thread,
  vcpu: Vcpu,
  fault: PageFault,
  slot: Memslot | undefined,
): Step<RetPf> {
  const { kvm } = vcpu;
  const root = kvm.roots[t.mem[vcpu.root] - 1];
  yield* kvmMmuHugepageAdjust(t, kvm, fault, slot);
  t.emit(Tracepoint.kvmMmuSpteRequested, fault.gfn, fault.pfn, fault.goalLevel);
  const iter = iterOf(t);
  rcuReadLock(t, kvm);
  yield* tdpIterStart(t, kvm, iter, t.mem[root.table], 1, fault.gfn);
  while (iter.level !== fault.goalLevel) {
    if (isFrozen(kvm, iter.oldSpte)) {
      rcuReadUnlock(t, kvm);
      return faultRetry(t, vcpu, fault, Detection.Frozen);
    }
    if (!isTable(iter.oldSpte)) {
      const linked = isLeaf(iter.oldSpte)
        ? yield* tdpMmuSplitHugePage(t, kvm, root, iter)
        : yield* tdpMmuLinkSp(t, kvm, root, iter);
      if (!linked) {
        rcuReadUnlock(t, kvm);
        return faultRetry(t, vcpu, fault, Detection.LostRace);
      }
    }
    yield* tdpIterNext(t, kvm, iter);
  }
  const result = isFrozen(kvm, iter.oldSpte)
    ? faultRetry(t, vcpu, fault, Detection.Frozen)
    : yield* tdpMmuMapHandleTargetLevel(t, vcpu, fault, slot, root, iter);
  rcuReadUnlock(t, kvm);
  return result;
}

function isFrozen(kvm: Kvm, spte: number): boolean {
  return spte === FROZEN_SPTE && kvm.policy.frozenSpte === 'respect';
}

/**
 * kvm_mmu_hugepage_adjust(): the largest level that guest, memslot and host all allow. Reading the host's
 * level without its locks is sound only after the recheck, with mmu_lock held.
 */
export function* kvmMmuHugepageAdjust(
  t: Thread,
  kvm: Kvm,
  fault: PageFault,
  slot: Memslot | undefined,
): Step<void> {
  fault.goalLevel = 1;
  if (slot === undefined || fault.pfn < 0 || fault.maxLevel < 2 || kvm.geometry.maxLeafLevel < 2) return;
  if (((yield* t.load(slot.flags)) & SlotFlag.LogDirty) !== 0) return;
  const early = kvm.policy.hostLevel === 'before-recheck';
  const level = early ? fault.hostLevel : yield* hostPfnMappingLevel(t, kvm.mm, fault.hva);
  const mask = pagesPerEntry(kvm, 2) - 1;
  const first = fault.gfn & ~mask;
  const aligned = (fault.gfn & mask) === (fault.hva & mask) && (fault.gfn & mask) === (fault.pfn & mask);
  if (level < 2 || !aligned || first < slot.baseGfn || first + mask >= slot.baseGfn + slot.pages) return;
  fault.goalLevel = 2;
}

/** tdp_mmu_link_sp(): a new table below an entry that maps nothing. */
function* tdpMmuLinkSp(t: Thread, kvm: Kvm, root: Root, iter: TdpIter): Step<boolean> {
  const table = yield* allocTable(t, kvm);
  if (table === 0) return false;
  return yield* linkTable(t, kvm, root, iter, table);
}

/**
 * tdp_mmu_zap_spte_atomic(), until 6.11: the huge entry is frozen, flushed, and only then free for a table;
 * nobody may map anything there while a TLB may still hold the huge page.
 */
function* tdpMmuZapSpteAtomic(t: Thread, kvm: Kvm, root: Root, iter: TdpIter): Step<boolean> {
  const huge = iter.oldSpte;
  const early = kvm.policy.unfreeze === 'before-flush';
  const meanwhile = early ? NONPRESENT_SPTE : FROZEN_SPTE;
  if ((yield* t.cmpxchg(iter.sptep, huge, meanwhile, Order.Full)) !== huge) return false;
  if (!early) t.emit(Tracepoint.probeFrozen, iter.sptep, 1);
  t.emit(Tracepoint.kvmTdpMmuSpteChanged, root.asId, iter.gfn, iter.level, huge, meanwhile);
  t.emit(Tracepoint.probeSpteZapped, root.index, iter.gfn, huge, iter.level);
  yield* kvmFlushRemoteTlbs(t, kvm);
  if (!early) {
    yield* t.store(iter.sptep, NONPRESENT_SPTE);
    t.emit(Tracepoint.probeFrozen, iter.sptep, 0);
  }
  iter.oldSpte = NONPRESENT_SPTE;
  return true;
}

/**
 * tdp_mmu_split_huge_page(): a table that maps what the huge page maps, entry by entry, takes its place.
 * Since 6.2 with one exchange; the policy `hugeSplit` has the older form.
 */
function* tdpMmuSplitHugePage(t: Thread, kvm: Kvm, root: Root, iter: TdpIter): Step<boolean> {
  if (kvm.policy.hugeSplit === 'zap-first') {
    return (yield* tdpMmuZapSpteAtomic(t, kvm, root, iter)) && (yield* tdpMmuLinkSp(t, kvm, root, iter));
  }
  const table = yield* allocTable(t, kvm);
  if (table === 0) return false;
  const huge = iter.oldSpte;
  const pages = pagesPerEntry(kvm, iter.level);
  const first = tableCell(kvm, table);
  const flags = huge & ~Spte.Huge & 0xff;
  // Nobody else sees the new table yet.
  for (let index = 0; index < pages; index++) t.mem[first + index] = makeEntry(frameOf(huge) + index, flags);
  yield* t.spend(Cost.makeSpte, pages);
  if (!(yield* linkTable(t, kvm, root, iter, table))) return false;
  t.emit(Tracepoint.kvmMmuSplitHugePage, iter.gfn, huge, iter.level, 0);
  return true;
}

function* linkTable(t: Thread, kvm: Kvm, root: Root, iter: TdpIter, table: number): Step<boolean> {
  const entry = makeEntry(table, Spte.Present | Spte.Writable | Spte.Accessed);
  const old = iter.oldSpte;
  if (yield* tdpMmuSetSpteAtomic(t, kvm, iter, entry)) {
    t.emit(Tracepoint.kvmTdpMmuSpteChanged, root.asId, iter.gfn, iter.level, old, entry);
    t.emit(Tracepoint.probeTableLinked, root.index, iter.gfn, old);
    return true;
  }
  freeUnusedTable(t, kvm, table);
  return false;
}

/** tdp_mmu_set_spte_atomic(): false (-EBUSY) when the entry is not what the walk saw. */
function* tdpMmuSetSpteAtomic(t: Thread, kvm: Kvm, iter: TdpIter, spte: number): Step<boolean> {
  if (kvm.policy.faultSpteWrite === 'store') {
    yield* t.store(iter.sptep, spte);
    return true;
  }
  const old = yield* t.cmpxchg(iter.sptep, iter.oldSpte, spte, Order.Full);
  if (old === iter.oldSpte) return true;
  iter.oldSpte = old;
  return false;
}

/** tdp_mmu_map_handle_target_level() */
function* tdpMmuMapHandleTargetLevel(
  t: Thread,
  vcpu: Vcpu,
  fault: PageFault,
  slot: Memslot | undefined,
  root: Root,
  iter: TdpIter,
): Step<RetPf> {
  const { kvm } = vcpu;
  const old = iter.oldSpte;
  yield* t.spend(Cost.makeSpte, 1);
  if (fault.pfn === Pfn.NoSlot) {
    // mark_mmio_spte(): the next access is recognised as MMIO at once.
    if (!(yield* tdpMmuSetSpteAtomic(t, kvm, iter, Spte.Special))) {
      return faultRetry(t, vcpu, fault, Detection.LostRace);
    }
    return RetPf.Emulate;
  }
  // 6.12: an entry that already permits the access needs no second one.
  if (kvm.policy.spurious === 'check' && isLeaf(old) && permits(old, fault)) return RetPf.Spurious;
  const spte = makeSpte(t, kvm, fault, slot);
  if (spte === old) return RetPf.Spurious;
  if (!(yield* tdpMmuSetSpteAtomic(t, kvm, iter, spte))) {
    return faultRetry(t, vcpu, fault, Detection.LostRace);
  }
  yield* t.spend(Cost.handleChangedSpte, 1);
  t.emit(Tracepoint.kvmTdpMmuSpteChanged, root.asId, iter.gfn, iter.level, old, spte);
  t.emit(Tracepoint.probeSpteInstalled, root.index, iter.gfn, old, spte, iter.level);
  if (isTable(old)) {
    // A huge page replaces a table: what the table mapped must leave the TLBs.
    yield* handleRemovedPt(t, kvm, root, frameOf(old), iter.gfn, iter.level - 1, true);
    yield* kvmFlushRemoteTlbs(t, kvm);
  }
  t.emit(Tracepoint.kvmMmuSetSpte, iter.gfn, spte, iter.sptep, iter.level);
  return fault.write !== 0 && (spte & Spte.Writable) === 0 ? RetPf.WriteProtected : RetPf.Fixed;
}

/** is_access_allowed() of a present leaf that maps the page. */
function permits(spte: number, fault: PageFault): boolean {
  return fault.write === 0 || (spte & Spte.Writable) !== 0;
}

/**
 * make_spte(): writable if the page is, unless writes must be noticed (dirty logging) and this is not one.
 */
function makeSpte(t: Thread, kvm: Kvm, fault: PageFault, slot: Memslot | undefined): number {
  const logs = slot !== undefined && (t.mem[slot.flags] & SlotFlag.LogDirty) !== 0;
  const huge = fault.goalLevel > 1;
  const pfn = huge ? fault.pfn & ~(pagesPerEntry(kvm, fault.goalLevel) - 1) : fault.pfn;
  let flags: number = Spte.Present | Spte.Leaf | Spte.Accessed | (huge ? Spte.Huge : 0);
  if (fault.mapWritable !== 0) {
    flags |= Spte.MmuWritable;
    if (!logs || fault.write !== 0) flags |= Spte.Writable;
    if (fault.write !== 0) flags |= Spte.Dirty;
  }
  return makeEntry(pfn, flags);
}

/** Whether an entry maps a gfn for the access of a fault; for the fast path. */
export function isAccessAllowed(spte: number, write: number): boolean {
  return isPresent(spte) && isLeaf(spte) && (write === 0 || (spte & Spte.Writable) !== 0);
}
