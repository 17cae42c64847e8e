'use coroutines';
/**
 * fast_page_fault(), arch/x86/kvm/mmu/mmu.c, v5.10 to v7.3: a write to a page that is mapped, and was made
 * read-only only so that writes are noticed, gets its permission back without any lock.
 *
 * It never changes the frame and never asks for invalidations: a zap that comes first makes the exchange
 * fail, one that comes after sees the new entry.
 */
import { SlotFlag, type Vcpu } from './kvm.js';
import { slotOfGfn } from './mmu-invalidate.js';
import { Order, type Step, type Thread } from './operations.js';
import { errorCodeOf, RetPf, type PageFault } from './page-fault-struct.js';
import { entryIndex, rcuReadLock, rcuReadUnlock, tableCell } from './page-tables.js';
import { walkShadowPageLocklessBegin, walkShadowPageLocklessEnd } from './shadow/lockless-walk.js';
import { frameOf, isLeaf, isTable, Spte } from './spte.js';
import { isAccessAllowed } from './tdp-map.js';
import { Tracepoint } from './tracepoints.js';

const TRIES = 5;

/** @returns Fixed, Spurious, or Invalid when the slow path must do it */
export function* fastPageFault(t: Thread, vcpu: Vcpu, fault: PageFault): Step<RetPf> {
  const { kvm } = vcpu;
  const { mmu, fastPath } = kvm.policy;
  // page_fault_can_be_fast(): with accessed and dirty bits in hardware, only writes to present entries.
  if (fault.write === 0 || fault.present === 0 || mmu === 'shadow-paging') return RetPf.Invalid;
  if (mmu === 'tdp' && fastPath === 'shadow-only') return RetPf.Invalid;
  let result: RetPf = RetPf.Invalid;
  if (mmu === 'tdp') rcuReadLock(t, kvm);
  else yield* walkShadowPageLocklessBegin(t, vcpu);
  for (let tries = 0; tries < TRIES; tries++) {
    const sptep = yield* lastSptep(t, vcpu, fault.gfn);
    if (sptep === 0) break;
    const spte = yield* t.load(sptep);
    if (isAccessAllowed(spte, fault.write)) {
      result = RetPf.Spurious;
      break;
    }
    const slot = slotOfGfn(kvm, fault.gfn);
    if (!isLeaf(spte) || (spte & Spte.MmuWritable) === 0 || slot === undefined) break;
    if ((spte & Spte.Huge) !== 0 && (t.mem[slot.flags] & SlotFlag.LogDirty) !== 0) break;
    const wanted = spte | Spte.Writable | Spte.Dirty;
    if (fastPath === 'plain-store') yield* t.store(sptep, wanted);
    if (fastPath === 'plain-store' || (yield* t.cmpxchg(sptep, spte, wanted, Order.Full)) === spte) {
      result = RetPf.Fixed;
      t.emit(Tracepoint.fastPageFault, vcpu.id, fault.gfn, errorCodeOf(fault), spte, wanted, result);
      break;
    }
  }
  if (mmu === 'tdp') rcuReadUnlock(t, kvm);
  else yield* walkShadowPageLocklessEnd(t, vcpu);
  return result;
}

/** kvm_tdp_mmu_fast_pf_get_last_sptep(): cell of the entry that ends the walk to a gfn, or 0. */
function* lastSptep(t: Thread, vcpu: Vcpu, gfn: number): Step<number> {
  const { kvm } = vcpu;
  const root = t.mem[vcpu.root] - 1;
  if (root < 0) return 0;
  let table = t.mem[kvm.roots[root].table];
  for (let level = kvm.geometry.levels; level > 0; level--) {
    const sptep = tableCell(kvm, table) + entryIndex(kvm, gfn, level);
    const spte = yield* t.load(sptep);
    if (!isTable(spte)) return isLeaf(spte) ? sptep : 0;
    table = frameOf(spte);
  }
  return 0;
}
