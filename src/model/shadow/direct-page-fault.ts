'use coroutines';
/**
 * Page faults with two-dimensional paging but without the TDP MMU: direct_page_fault() and direct_map(),
 * arch/x86/kvm/mmu/mmu.c, v5.10 to v7.3 (__direct_map() until 6.2).
 */
import { Cost } from '../costs.js';
import { fastPageFault } from '../fast-page-fault.js';
import { faultRetry } from '../fault-retry.js';
import type { Vcpu } from '../kvm.js';
import { writeUnlock } from '../locks/rwlock.js';
import type { Step, Thread } from '../operations.js';
import { faultOf, RetPf } from '../page-fault-struct.js';
import { isPageFaultStale, kvmFaultinPfn, kvmReleasePfn } from '../page-fault.js';
import { entryIndex, pagesPerEntry, tableCell } from '../page-tables.js';
import { frameOf } from '../spte.js';
import { kvmMmuHugepageAdjust } from '../tdp-map.js';
import { Detection, Tracepoint } from '../tracepoints.js';
import { faultWriteLock, slotOfFault } from './fault.js';
import { Role } from './layout.js';
import { ptePrefetch } from './prefetch.js';
import { MakeSpte, mmuSetSpte } from './set-spte.js';
import { kvmMmuGetChildSp, linkShadowPage } from './shadow-pages.js';
import { makeMmuPagesAvailable } from './zap-page.js';

/** direct_page_fault() */
export function* directPageFault(t: Thread, vcpu: Vcpu): Step<RetPf> {
  const { kvm } = vcpu;
  const fast = yield* fastPageFault(t, vcpu, faultOf(t, vcpu));
  if (fast !== RetPf.Invalid) return fast;
  yield* t.spend(Cost.topupCaches, 1);
  const found = yield* kvmFaultinPfn(t, vcpu);
  if (found !== RetPf.Continue) return found;
  let result: RetPf = RetPf.Retry;
  yield* faultWriteLock(t, kvm, faultOf(t, vcpu).gfn);
  if (!(yield* makeMmuPagesAvailable(t, kvm))) throw new Error('ENOSPC: every shadow page is a root');
  if (yield* isPageFaultStale(t, vcpu)) result = faultRetry(t, vcpu, faultOf(t, vcpu), Detection.Stale);
  else result = yield* directMap(t, vcpu);
  yield* writeUnlock(t, kvm);
  yield* kvmReleasePfn(t, kvm, faultOf(t, vcpu));
  return result;
}

/** direct_map(): mmu_lock is held for write. */
function* directMap(t: Thread, vcpu: Vcpu): Step<RetPf> {
  const { kvm } = vcpu;
  const slot = slotOfFault(t, vcpu);
  yield* kvmMmuHugepageAdjust(t, kvm, faultOf(t, vcpu), slot);
  const { gfn, pfn, write, mapWritable, goalLevel } = faultOf(t, vcpu);
  t.emit(Tracepoint.kvmMmuSpteRequested, gfn, pfn, goalLevel);
  let table = yield* t.load(kvm.roots[t.mem[vcpu.root] - 1].table);
  let level = kvm.geometry.levels;
  while (level > goalLevel) {
    const sptep = tableCell(kvm, table) + entryIndex(kvm, gfn, level);
    const base = gfn & ~(pagesPerEntry(kvm, level) - 1);
    level--;
    const sp = yield* kvmMmuGetChildSp(t, vcpu, sptep, base, level | Role.Direct | Role.Writable);
    if (sp !== 0) yield* linkShadowPage(t, kvm, sptep, sp);
    table = frameOf(yield* t.loadPlain(sptep));
  }
  const target = tableCell(kvm, table) + entryIndex(kvm, gfn, level);
  const mask = pagesPerEntry(kvm, level) - 1;
  const how = (mapWritable === 0 ? 0 : MakeSpte.HostWritable) | (write === 0 ? 0 : MakeSpte.Write);
  const result = yield* mmuSetSpte(t, vcpu, slot, target, 1, gfn & ~mask, pfn & ~mask, how);
  if (result !== RetPf.Spurious) yield* ptePrefetch(t, vcpu, target);
  return result;
}
