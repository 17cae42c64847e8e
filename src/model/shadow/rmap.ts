'use coroutines';
/**
 * Reverse maps at work: entries come and go, a memslot's range is zapped or write-protected.
 * arch/x86/kvm/mmu/mmu.c, v5.10 to v7.3. mmu_lock is held for write.
 */
import { Cost } from '../costs.js';
import type { Kvm, Memslot } from '../kvm.js';
import { slotOfGfn } from '../mmu-invalidate.js';
import { Order, type Cell, type Step, type Thread } from '../operations.js';
import { SCRATCH_UNFLUSHED, SCRATCH_ZAPPED } from '../scratch.js';
import { isPresent, NONPRESENT_SPTE, Spte } from '../spte.js';
import { kvmFlushRemoteTlbsRange } from '../tlb-flush.js';
import { pagesPerEntry } from '../page-tables.js';
import { Tracepoint } from '../tracepoints.js';
import { isObsoleteSp, levelOf, RMAP_LEVELS, spGetGfn, sptepToSp } from './layout.js';
import {
  gfnToRmap,
  kvmRmapLock,
  kvmRmapUnlock,
  pteListAdd,
  pteListRemove,
  rmapFirst,
  rmapFreeFirst,
  rmapRest,
} from './rmap-chain.js';
import { shadowNeedsYield, shadowYield } from './yield.js';

/** rmap_add() */
export function* rmapAdd(t: Thread, kvm: Kvm, slot: Memslot, sptep: Cell, gfn: number): Step<void> {
  yield* t.spend(Cost.rmapChange, 1);
  const level = levelOf(t, sptepToSp(t, kvm, sptep));
  yield* pteListAdd(t, kvm, gfnToRmap(kvm, slot, gfn, level), sptep);
}

/** drop_spte(): the entry maps nothing any more, and leaves its rmap. */
export function* dropSpte(t: Thread, kvm: Kvm, sptep: Cell): Step<void> {
  const old = yield* mmuSpteClearTrackBits(t, kvm, sptep);
  if (!isPresent(old)) return;
  // rmap_remove(): not in the context of a vCPU, so the memslot is looked up again.
  yield* t.spend(Cost.rmapChange, 1);
  const sp = sptepToSp(t, kvm, sptep);
  const gfn = spGetGfn(t, kvm, sp, sptep);
  const slot = slotOfGfn(kvm, gfn);
  if (slot === undefined) return;
  yield* pteListRemove(t, kvm, gfnToRmap(kvm, slot, gfn, levelOf(t, sp)), sptep);
}

/**
 * spte_has_volatile_bits(): whether it may change without mmu_lock: by a fast page fault, or by the
 * processor.
 */
function hasVolatileBits(spte: number): boolean {
  if ((spte & Spte.Writable) === 0 && (spte & Spte.MmuWritable) !== 0) return true;
  return (spte & Spte.Accessed) === 0 || ((spte & Spte.Writable) !== 0 && (spte & Spte.Dirty) === 0);
}

/** mmu_spte_clear_track_bits(): the entry before it was cleared. */
function* mmuSpteClearTrackBits(t: Thread, kvm: Kvm, sptep: Cell): Step<number> {
  let old = yield* t.load(sptep);
  if (isPresent(old) && hasVolatileBits(old)) old = yield* t.xchg(sptep, NONPRESENT_SPTE, Order.Full);
  else yield* t.store(sptep, NONPRESENT_SPTE);
  if (!isPresent(old)) return old;
  yield* t.spend(Cost.handleChangedSpte, 1);
  // Until 6.12: kvm_set_pfn_accessed(), kvm_set_pfn_dirty().
  if (kvm.policy.dirtyWriteBack === 'on-zap') yield* t.spend(Cost.handleChangedSpte, 1);
  const sp = sptepToSp(t, kvm, sptep);
  t.emit(Tracepoint.probeSpteZapped, 0, spGetGfn(t, kvm, sp, sptep), old, levelOf(t, sp));
  t.mem[t.scratch + SCRATCH_ZAPPED] = 1;
  // vCPUs are made to leave obsolete pages by a request, and need no flush for them.
  if (!isObsoleteSp(t, kvm, sp)) t.mem[t.scratch + SCRATCH_UNFLUSHED] = 1;
  return old;
}

/**
 * mmu_spte_update(): a present entry gets other bits, the same frame.
 *
 * @returns whether a flush is due: writes that were allowed, or could become so without mmu_lock, no longer
 *   are
 */
export function* mmuSpteUpdate(t: Thread, sptep: Cell, spte: number): Step<boolean> {
  let old = yield* t.load(sptep);
  if (hasVolatileBits(old)) old = yield* t.xchg(sptep, spte, Order.Full);
  else yield* t.store(sptep, spte);
  return isPresent(old) && (old & Spte.MmuWritable) !== 0 && (spte & Spte.Writable) === 0;
}

/**
 * kvm_zap_rmap(), kvm_zap_rmapp() before 6.8; kvm_zap_all_rmap_sptes(): every entry that maps the frame of a
 * head.
 *
 * @returns whether there was one
 */
function* kvmZapRmap(t: Thread, kvm: Kvm, head: Cell): Step<boolean> {
  let list = yield* kvmRmapLock(t, kvm, head);
  if (list === 0) return false;
  while (list !== 0) {
    yield* t.spend(Cost.rmapStep, 1);
    yield* mmuSpteClearTrackBits(t, kvm, rmapFirst(t, list));
    const rest = rmapRest(t, list);
    rmapFreeFirst(t, kvm, list);
    list = rest;
  }
  yield* kvmRmapUnlock(t, kvm, head, 0);
  return true;
}

/**
 * slot_rmap_walk_next(): the head after `head` that is not empty, up to `last`; or the one after `last`. (The
 * first head of each level is visited even if it is empty: slot_rmap_walk_init() does not look.)
 */
function* slotRmapWalkNext(t: Thread, head: Cell, last: Cell): Step<Cell> {
  let next = head + 1;
  while (next <= last && (yield* t.load(next)) === 0) next++;
  return next;
}

/**
 * __kvm_rmap_zap_gfn_range(), since 6.12; kvm_handle_gfn_range() before, and slot_handle_level_range().
 * Level-major: every 4 KiB head of the range, then every 2 MiB head, then every 1 GiB head.
 *
 * Nothing guards progress but one head a yield, and the walk goes on where it was. The range that a yield
 * flushes is the kernel's: from the first gfn to the one the walk stands on, whatever was zapped at lower
 * levels, of a large head only its first page, and of other slots nothing. With the whole flush that x86 does
 * anyway, that is harmless.
 *
 * @param flushBefore whether a flush is due already
 * @returns whether a flush is due
 */
export function* kvmRmapZapGfnRange(
  t: Thread,
  kvm: Kvm,
  slot: Memslot,
  startGfn: number,
  endGfn: number,
  canYield: boolean,
  flushBefore: boolean,
): Step<boolean> {
  let flush = flushBefore;
  for (let level = 1; level <= RMAP_LEVELS; level++) {
    const first = gfnToRmap(kvm, slot, startGfn, level);
    const last = gfnToRmap(kvm, slot, endGfn - 1, level);
    let head = first;
    while (head <= last) {
      if (yield* kvmZapRmap(t, kvm, head)) flush = true;
      if (canYield && (yield* shadowNeedsYield(t, kvm))) {
        const gfn = startGfn + (head - first) * pagesPerEntry(kvm, level);
        if (flush) flush = yield* flushBeforeYield(t, kvm, startGfn, gfn + 1);
        yield* shadowYield(t, kvm, gfn);
      }
      if (kvm.policy.flushOnYield === 'forgotten') flush = false;
      head = yield* slotRmapWalkNext(t, head, last);
    }
  }
  return flush;
}

/** flush_on_yield of __walk_slot_rmaps(): whether a flush is still due afterwards. */
function* flushBeforeYield(t: Thread, kvm: Kvm, startGfn: number, endGfn: number): Step<boolean> {
  if (kvm.policy.flushOnYield === 'none') return true;
  yield* kvmFlushRemoteTlbsRange(t, kvm, startGfn, endGfn);
  return kvm.policy.flushOnYield === 'keep-pending';
}

/**
 * kvm_mmu_slot_gfn_write_protect(): whether an entry of any level was made read-only, so that a flush is due.
 */
export function* kvmMmuSlotGfnWriteProtect(t: Thread, kvm: Kvm, gfn: number): Step<boolean> {
  const slot = slotOfGfn(kvm, gfn);
  if (slot === undefined) return false;
  let protectedOne = false;
  for (let level = 1; level <= kvm.geometry.maxLeafLevel; level++) {
    let list = yield* t.loadPlain(gfnToRmap(kvm, slot, gfn, level));
    while (list !== 0) {
      const sptep = rmapFirst(t, list);
      const spte = yield* t.loadPlain(sptep);
      // spte_write_protect(): also against fast page faults.
      const bits = Spte.Writable | Spte.MmuWritable;
      if ((spte & bits) !== 0 && (yield* mmuSpteUpdate(t, sptep, spte & ~bits))) protectedOne = true;
      list = rmapRest(t, list);
    }
  }
  return protectedOne;
}
