'use coroutines';
/**
 * Unsync pages brought up to date with what the guest has written: FNAME(sync_spte)
 * (arch/x86/kvm/mmu/paging_tmpl.h), kvm_sync_page(), mmu_sync_children() (mmu.c), v5.10 to v7.3. mmu_lock is
 * held for write.
 */
import { Cost } from '../costs.js';
import { Request, type Vcpu } from '../kvm.js';
import { slotOfGfn } from '../mmu-invalidate.js';
import type { Cell, Step, Thread } from '../operations.js';
import { tableCell } from '../page-tables.js';
import { frameOf, isPresent, NONPRESENT_SPTE, Spte } from '../spte.js';
import { kvmMakeRequest } from '../tlb-flush.js';
import {
  Gpte,
  gpteCell,
  Role,
  Sp,
  spGetAccess,
  spGetGfn,
  spSetTranslation,
  sptepToSp,
  spteIndex,
} from './layout.js';
import { dropSpte, kvmMmuSlotGfnWriteProtect, mmuSpteUpdate } from './rmap.js';
import { makeShadowSpte, MakeSpte } from './set-spte.js';
import { mmuUnsyncWalk, unsyncPageAt } from './unsync.js';
import { shadowNeedsYield, shadowYield } from './yield.js';
import { kvmMmuRemoteFlushOrZap } from './zap-page.js';

/** FNAME(sync_spte), part of FNAME(sync_page) until 6.3. Returns whether a flush is due. */
export function* syncSpte(t: Thread, vcpu: Vcpu, sptep: Cell): Step<boolean> {
  const { kvm } = vcpu;
  const old = yield* t.loadPlain(sptep);
  if (old === NONPRESENT_SPTE) return false;
  const sp = sptepToSp(t, kvm, sptep);
  yield* t.spend(Cost.guestWalkStep, 1);
  const gpte = yield* t.load(gpteCell(kvm, t.mem[sp + Sp.gfn], spteIndex(kvm, sptep)));
  const gfn = frameOf(gpte);
  if ((gpte & Gpte.Present) === 0 || (isPresent(old) && gfn !== spGetGfn(t, kvm, sp, sptep))) {
    yield* dropSpte(t, kvm, sptep);
    return true;
  }
  const slot = slotOfGfn(kvm, gfn);
  if (!isPresent(old) || slot === undefined) return false;
  const access = (gpte & Gpte.Write) !== 0 && (t.mem[sp + Sp.role] & Role.Writable) !== 0 ? 1 : 0;
  if (access === spGetAccess(t, kvm, sp, sptep)) return false;
  spSetTranslation(t, kvm, sp, sptep, gfn, access);
  // An entry that was read-only does not tell whether the host page may be written: the next write finds out.
  const hostWritable = (old & Spte.MmuWritable) !== 0 ? MakeSpte.HostWritable : 0;
  const how = hostWritable | MakeSpte.Prefetch | MakeSpte.Synchronizing;
  const spte = yield* makeShadowSpte(t, kvm, slot, 1, access, gfn, frameOf(old), how);
  return yield* mmuSpteUpdate(t, sptep, spte | (old & Spte.Accessed));
}

/** kvm_sync_page(): every entry of an unsync page. Returns whether a flush is due. */
export function* kvmSyncPage(t: Thread, vcpu: Vcpu, sp: Cell): Step<boolean> {
  const { kvm } = vcpu;
  const entries = 1 << kvm.geometry.bits;
  const first = tableCell(kvm, t.mem[sp + Sp.table]);
  let flush = false;
  for (let index = 0; index < entries; index++) {
    if (yield* syncSpte(t, vcpu, first + index)) flush = true;
  }
  return flush;
}

/**
 * mmu_sync_children(): brings every unsync page below `parent` up to date, and makes its guest table
 * read-only again.
 *
 * @param canYield whether mmu_lock may be dropped; otherwise the vCPU gets a request to go on later
 * @returns true for -EINTR: not all is done, but some
 */
export function* mmuSyncChildren(t: Thread, vcpu: Vcpu, parent: Cell, canYield: boolean): Step<boolean> {
  const { kvm } = vcpu;
  const { invalidList } = kvm.shadow;
  let flush = false;
  let count = yield* mmuUnsyncWalk(t, kvm, parent);
  while (count > 0) {
    let wasWritable = false;
    for (let index = 0; index < count; index++) {
      const gfn = t.mem[unsyncPageAt(t, kvm, index) + Sp.gfn];
      if (yield* kvmMmuSlotGfnWriteProtect(t, kvm, gfn)) wasWritable = true;
    }
    if (wasWritable) {
      // No vCPU may write to the tables any more before they are read.
      yield* kvmMmuRemoteFlushOrZap(t, kvm, invalidList, true);
      flush = false;
    }
    for (let index = 0; index < count; index++) {
      const sp = unsyncPageAt(t, kvm, index);
      // kvm_unlink_unsync_page()
      t.mem[sp + Sp.unsync] = 0;
      if (yield* kvmSyncPage(t, vcpu, sp)) flush = true;
    }
    if (yield* shadowNeedsYield(t, kvm)) {
      yield* kvmMmuRemoteFlushOrZap(t, kvm, invalidList, flush);
      if (!canYield) {
        yield* kvmMakeRequest(t, vcpu, Request.MmuSync);
        return true;
      }
      yield* shadowYield(t, kvm, t.mem[parent + Sp.gfn]);
      flush = false;
    }
    count = yield* mmuUnsyncWalk(t, kvm, parent);
  }
  yield* kvmMmuRemoteFlushOrZap(t, kvm, invalidList, flush);
  return false;
}
