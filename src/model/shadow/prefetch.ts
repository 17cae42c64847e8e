'use coroutines';
/**
 * Neighbours of a page that was mapped are mapped too, if the host has them at hand: FNAME(pte_prefetch)
 * (arch/x86/kvm/mmu/paging_tmpl.h) and direct_pte_prefetch() (mmu.c), v5.10 to v7.3.
 *
 * Nothing samples the sequence for them, so it must not be done while an invalidation is in progress, of
 * whatever range.
 */
import { getUserPageFastOnly } from '../host/gup.js';
import { putPage } from '../host/folios.js';
import { SlotFlag, type Kvm, type Memslot, type Vcpu } from '../kvm.js';
import { slotOfGfn } from '../mmu-invalidate.js';
import type { Cell, Step, Thread } from '../operations.js';
import { frameOf, NONPRESENT_SPTE } from '../spte.js';
import { prefetchCount } from './guest-page-table.js';
import { Gpte, levelOf, Role, Sp, spGetGfn, spteIndex, sptepToSp, Walker, walkerOf } from './layout.js';
import { MakeSpte, mmuSetSpte } from './set-spte.js';

/**
 * FNAME(pte_prefetch), or direct_pte_prefetch() for a page that shadows nothing. mmu_lock is held for write.
 */
export function* ptePrefetch(t: Thread, vcpu: Vcpu, sptep: Cell): Step<void> {
  const { kvm } = vcpu;
  const sp = sptepToSp(t, kvm, sptep);
  if (levelOf(t, sp) > 1) return;
  if (
    kvm.policy.prefetch === 'unless-invalidating' &&
    (yield* t.loadPlain(kvm.mmuInvalidateInProgress)) !== 0
  ) {
    return;
  }
  const direct = (t.mem[sp + Sp.role] & Role.Direct) !== 0;
  const writable = (t.mem[sp + Sp.role] & Role.Writable) !== 0;
  const count = prefetchCount(kvm);
  const first = sptep - (spteIndex(kvm, sptep) & (count - 1));
  for (let place = 0; place < count; place++) {
    const neighbour = first + place;
    if (neighbour === sptep || (yield* t.loadPlain(neighbour)) !== NONPRESENT_SPTE) continue;
    const gpte = direct
      ? Gpte.Present | Gpte.Write
      : t.mem[walkerOf(kvm, vcpu.id) + Walker.prefetchPte + place];
    // prefetch_invalid_gpte(); FNAME(pte_prefetch) ends where it cannot go on.
    if ((gpte & Gpte.Present) === 0) break;
    const gfn = direct ? spGetGfn(t, kvm, sp, neighbour) : frameOf(gpte);
    const access = writable && (gpte & Gpte.Write) !== 0 ? 1 : 0;
    if (!(yield* prefetchOne(t, vcpu, neighbour, gfn, access))) break;
  }
}

/** kvm_mmu_prefetch_sptes() of one page: whether the host had it. */
function* prefetchOne(t: Thread, vcpu: Vcpu, sptep: Cell, gfn: number, access: number): Step<boolean> {
  const { kvm } = vcpu;
  const slot = gfnToMemslotDirtyBitmap(t, kvm, gfn, access);
  if (slot === undefined) return false;
  const pfn = yield* getUserPageFastOnly(t, kvm.mm, gfn - slot.baseGfn + slot.userspacePage, 1);
  if (pfn === 0) return false;
  yield* mmuSetSpte(t, vcpu, slot, sptep, access, gfn, pfn, MakeSpte.HostWritable | MakeSpte.Prefetch);
  yield* putPage(t, kvm.mm, pfn);
  return true;
}

/**
 * gfn_to_memslot_dirty_bitmap(): the memslot, unless writes to it must be noticed and this would allow them.
 */
function gfnToMemslotDirtyBitmap(t: Thread, kvm: Kvm, gfn: number, access: number): Memslot | undefined {
  const slot = slotOfGfn(kvm, gfn);
  if (slot === undefined) return undefined;
  const flags = t.mem[slot.flags];
  if ((flags & (SlotFlag.Valid | SlotFlag.Invalid)) !== SlotFlag.Valid) return undefined;
  return access !== 0 && (flags & SlotFlag.LogDirty) !== 0 ? undefined : slot;
}
