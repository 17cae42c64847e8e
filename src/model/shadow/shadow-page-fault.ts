'use coroutines';
/**
 * Page faults of a guest under shadow paging: FNAME(page_fault) and FNAME(fetch),
 * arch/x86/kvm/mmu/paging_tmpl.h, v5.10 to v7.3. The fault's address is one of the guest's own; its tables
 * are walked first, without a lock, and everything that the walk found is asked again under mmu_lock, which
 * is held for write.
 */
import { Cost } from '../costs.js';
import { faultRetry } from '../fault-retry.js';
import type { Kvm, Vcpu } from '../kvm.js';
import { writeUnlock } from '../locks/rwlock.js';
import type { Cell, Step, Thread } from '../operations.js';
import { faultOf, RetPf } from '../page-fault-struct.js';
import { isPageFaultStale, kvmFaultinPfn, kvmReleasePfn } from '../page-fault.js';
import { entryIndex, pagesPerEntry, tableCell } from '../page-tables.js';
import { frameOf } from '../spte.js';
import { kvmMmuHugepageAdjust } from '../tdp-map.js';
import { Detection, Tracepoint } from '../tracepoints.js';
import { faultWriteLock, slotOfFault } from './fault.js';
import { gpteChanged, pagingWalkAddr } from './guest-page-table.js';
import { isGuestTable, Role, Sp, Walker, walkerOf } from './layout.js';
import { ptePrefetch } from './prefetch.js';
import { MakeSpte, mmuSetSpte } from './set-spte.js';
import { kvmMmuGetChildSp, linkShadowPage } from './shadow-pages.js';
import { mmuSyncChildren } from './sync-page.js';
import { kvmGfnIsWriteTracked } from './unsync.js';
import { makeMmuPagesAvailable } from './zap-page.js';

/**
 * FNAME(page_fault). The gfn of the vCPU's fault is the page that was touched until the walk has translated
 * it.
 */
export function* shadowPageFault(t: Thread, vcpu: Vcpu): Step<RetPf> {
  const addr = faultOf(t, vcpu).gfn;
  const result = yield* faultAt(t, vcpu, addr);
  // Who tries again inside the kernel begins with the address.
  faultOf(t, vcpu).gfn = addr;
  return result;
}

function* faultAt(t: Thread, vcpu: Vcpu, addr: number): Step<RetPf> {
  const { kvm } = vcpu;
  const walker = walkerOf(kvm, vcpu.id);
  if (!(yield* pagingWalkAddr(t, vcpu, addr, faultOf(t, vcpu).write))) {
    // kvm_inject_emulated_page_fault(): the guest's own affair.
    return faultRetry(t, vcpu, faultOf(t, vcpu), Detection.Other);
  }
  const gfn = t.mem[walker + Walker.gfn];
  faultOf(t, vcpu).gfn = gfn;
  // page_fault_handle_page_track()
  const { present, write } = faultOf(t, vcpu);
  if (present !== 0 && write !== 0 && (yield* kvmGfnIsWriteTracked(t, kvm, gfn))) return RetPf.WriteProtected;
  yield* t.spend(Cost.topupCaches, 1);
  const found = yield* kvmFaultinPfn(t, vcpu);
  if (found !== RetPf.Continue) return found;
  const fault = faultOf(t, vcpu);
  fault.maxLevel = Math.min(fault.maxLevel, t.mem[walker + Walker.level]);
  let result: RetPf = RetPf.Retry;
  yield* faultWriteLock(t, kvm, gfn);
  if (!(yield* makeMmuPagesAvailable(t, kvm))) throw new Error('ENOSPC: every shadow page is a root');
  if (yield* isPageFaultStale(t, vcpu)) result = faultRetry(t, vcpu, faultOf(t, vcpu), Detection.Stale);
  else result = yield* fetch(t, vcpu);
  yield* writeUnlock(t, kvm);
  yield* kvmReleasePfn(t, kvm, faultOf(t, vcpu));
  return result;
}

/** FNAME(fetch): the shadow pages that lead to the page, and then its entry. */
function* fetch(t: Thread, vcpu: Vcpu): Step<RetPf> {
  const { kvm } = vcpu;
  const walker = walkerOf(kvm, vcpu.id);
  const addr = t.mem[walker + Walker.addr];
  const top = kvm.geometry.levels;
  // The root is write-protected, or invalid.
  if (yield* gpteChanged(t, vcpu, top)) return faultRetry(t, vcpu, faultOf(t, vcpu), Detection.Other);
  let level = top;
  let table = yield* t.load(kvm.roots[t.mem[vcpu.root] - 1].table);
  while (level > t.mem[walker + Walker.level]) {
    const sptep = tableCell(kvm, table) + entryIndex(kvm, addr, level);
    level--;
    if (!(yield* fetchChild(t, vcpu, sptep, level))) {
      return faultRetry(t, vcpu, faultOf(t, vcpu), Detection.Other);
    }
    table = frameOf(yield* t.loadPlain(sptep));
  }
  const slot = slotOfFault(t, vcpu);
  yield* kvmMmuHugepageAdjust(t, kvm, faultOf(t, vcpu), slot);
  const { gfn, pfn, write, mapWritable, goalLevel } = faultOf(t, vcpu);
  // kvm_mmu_gfn_disallow_lpage(): tables of the guest are write-protected one by one.
  const goal = goalLevel > 1 && holdsGuestTables(kvm, gfn, goalLevel) ? 1 : goalLevel;
  t.emit(Tracepoint.kvmMmuSpteRequested, gfn, pfn, goal);
  const access = t.mem[walker + Walker.access];
  // Below the guest's own entry, if it maps more than the host does: pages that shadow nothing.
  while (level > goal) {
    const sptep = tableCell(kvm, table) + entryIndex(kvm, addr, level);
    level--;
    const base = gfn & ~(pagesPerEntry(kvm, level + 1) - 1);
    const role = level | Role.Direct | (access === 0 ? 0 : Role.Writable);
    const sp = yield* kvmMmuGetChildSp(t, vcpu, sptep, base, role);
    if (sp !== 0) yield* linkShadowPage(t, kvm, sptep, sp);
    table = frameOf(yield* t.loadPlain(sptep));
  }
  const target = tableCell(kvm, table) + entryIndex(kvm, addr, level);
  const how = (mapWritable === 0 ? 0 : MakeSpte.HostWritable) | (write === 0 ? 0 : MakeSpte.Write);
  const base = gfn & ~(pagesPerEntry(kvm, level) - 1);
  const first = pfn & ~(pagesPerEntry(kvm, level) - 1);
  const result = yield* mmuSetSpte(t, vcpu, slot, target, access, base, first, how);
  if (result !== RetPf.Spurious) yield* ptePrefetch(t, vcpu, target);
  return result;
}

/**
 * One level of FNAME(fetch): the page that shadows the guest's table of `level`, linked from `sptep`.
 *
 * @returns false when the fault must be tried again
 */
function* fetchChild(t: Thread, vcpu: Vcpu, sptep: Cell, level: number): Step<boolean> {
  const { kvm } = vcpu;
  const walker = walkerOf(kvm, vcpu.id);
  const tableGfn = t.mem[walker + Walker.tableGfn + level - 1];
  const role = level | (t.mem[walker + Walker.ptAccess + level - 1] === 0 ? 0 : Role.Writable);
  const sp = yield* kvmMmuGetChildSp(t, vcpu, sptep, tableGfn, role);
  if (sp !== 0 && t.mem[sp + Sp.unsyncChildren] !== 0 && (yield* mmuSyncChildren(t, vcpu, sp, false))) {
    return false;
  }
  // Even of a page that was there: another vCPU may have synchronised it since the walk.
  if (yield* gpteChanged(t, vcpu, level)) return false;
  if (sp !== 0) yield* linkShadowPage(t, kvm, sptep, sp);
  return true;
}

/** Whether a large page would hold one of the guest's tables. */
function holdsGuestTables(kvm: Kvm, gfn: number, level: number): boolean {
  const pages = pagesPerEntry(kvm, level);
  const first = gfn & ~(pages - 1);
  const { guestTableGfn, guestTableCount } = kvm.shadow;
  return (
    isGuestTable(kvm, first) ||
    (guestTableGfn >= first && guestTableGfn < first + pages && guestTableCount > 0)
  );
}
