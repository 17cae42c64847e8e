'use coroutines';
/**
 * Unsync pages: shadow pages of the lowest level whose guest table the guest may write to without an exit.
 * What they map is brought up to date when the guest flushes, loads a root or faults. arch/x86/kvm/mmu/mmu.c,
 * v5.10 to v7.3.
 */
import { Cost } from '../costs.js';
import type { Kvm } from '../kvm.js';
import { spinLock, spinUnlock } from '../locks/spinlock.js';
import type { Cell, Step, Thread } from '../operations.js';
import { tableCell } from '../page-tables.js';
import { frameOf, isTable } from '../spte.js';
import { isGuestTable, Sp, spteIndex, sptepToSp, UNSYNC_PAGES } from './layout.js';
import { firstValidSp, hasGptes, nextValidSp } from './lists.js';
import { rmapFirst, rmapRest } from './rmap-chain.js';

/**
 * kvm_gfn_is_write_tracked(): a table of a higher level, whose writes must be seen. Asked without a lock too.
 */
export function* kvmGfnIsWriteTracked(t: Thread, kvm: Kvm, gfn: number): Step<boolean> {
  if (!isGuestTable(kvm, gfn)) return false;
  return (yield* t.load(kvm.shadow.writeTracked + gfn - kvm.shadow.guestTableGfn)) > 0;
}

/**
 * mmu_try_to_unsync_pages(): the guest is about to be allowed to write to a frame.
 *
 * @param synchronizing a page is being brought up to date: nothing may become unsync
 * @param prefetch nobody asked for the entry: not worth it
 * @returns whether the entry must stay read-only
 */
export function* mmuTryToUnsyncPages(
  t: Thread,
  kvm: Kvm,
  gfn: number,
  synchronizing: boolean,
  prefetch: boolean,
): Step<boolean> {
  if (!isGuestTable(kvm, gfn)) return false;
  if (yield* kvmGfnIsWriteTracked(t, kvm, gfn)) return true;
  let locked = false;
  let refused = false;
  let sp = firstValidSp(t, kvm, gfn);
  while (sp !== 0 && !refused) {
    if (hasGptes(t, sp)) {
      if (synchronizing) refused = true;
      else if (t.mem[sp + Sp.unsync] === 0) {
        if (prefetch) refused = true;
        else {
          // For the TDP MMU, which comes here with mmu_lock held for read; taken regardless.
          if (!locked) yield* spinLock(t, kvm.shadow.unsyncLock);
          locked = true;
          yield* t.spend(Cost.rmapStep, 1);
          t.mem[sp + Sp.unsync] = 1;
          markParentsUnsync(t, kvm, sp);
        }
      }
    }
    sp = nextValidSp(t, kvm, sp);
  }
  if (locked) yield* spinUnlock(t, kvm.shadow.unsyncLock);
  // The entry that allows writes must not be seen before the flag: pairs with mmu_sync_roots().
  if (!refused) yield* t.smpWmb();
  return refused;
}

/** kvm_mmu_mark_parents_unsync() */
function markParentsUnsync(t: Thread, kvm: Kvm, sp: Cell): void {
  let list = t.mem[sp + Sp.parentPtes];
  while (list !== 0) {
    markUnsync(t, kvm, rmapFirst(t, list));
    list = rmapRest(t, list);
  }
}

/** mark_unsync() of the entry that points to an unsync page, or to one with unsync children. */
export function markUnsync(t: Thread, kvm: Kvm, sptep: Cell): void {
  const sp = sptepToSp(t, kvm, sptep);
  const index = spteIndex(kvm, sptep);
  const word = sp + Sp.bitmap + (index >>> 5);
  const bit = 1 << (index & 31);
  if ((t.mem[word] & bit) !== 0) return;
  t.mem[word] |= bit;
  if (t.mem[sp + Sp.unsyncChildren]++ > 0) return;
  markParentsUnsync(t, kvm, sp);
}

/**
 * mmu_unsync_walk(): unsync pages below `parent` into the array of kvm.shadow.unsyncPages, as many as it
 * takes.
 *
 * @returns how many; `unsyncPageAt` gives them
 */
export function* mmuUnsyncWalk(t: Thread, kvm: Kvm, parent: Cell): Step<number> {
  const found = kvm.shadow.unsyncPages;
  t.mem[found] = 0;
  t.mem[found + 1] = 0;
  if (t.mem[parent + Sp.unsyncChildren] === 0) return 0;
  takeSlot(t, found);
  yield* walkChildren(t, kvm, parent);
  return t.mem[found];
}

/** A page that the last walk found. */
export function unsyncPageAt(t: Thread, kvm: Kvm, index: number): Cell {
  return t.mem[kvm.shadow.unsyncPages + 2 + index];
}

/** mmu_pages_add() counts parents too: whether the array is full now. */
function takeSlot(t: Thread, found: Cell): boolean {
  return ++t.mem[found + 1] === UNSYNC_PAGES;
}

/** __mmu_unsync_walk(): whether the array is full. */
function* walkChildren(t: Thread, kvm: Kvm, sp: Cell): Step<boolean> {
  const found = kvm.shadow.unsyncPages;
  const entries = 1 << kvm.geometry.bits;
  const first = tableCell(kvm, t.mem[sp + Sp.table]);
  for (let index = 0; index < entries; index++) {
    const word = sp + Sp.bitmap + (index >>> 5);
    if (t.mem[word] === 0) {
      index |= 31;
      continue;
    }
    if ((t.mem[word] & (1 << (index & 31))) === 0) continue;
    yield* t.spend(Cost.rmapStep, 1);
    const spte = yield* t.loadPlain(first + index);
    const child = isTable(spte) ? t.mem[kvm.shadow.tableOwners + frameOf(spte)] : 0;
    if (child !== 0 && t.mem[child + Sp.unsyncChildren] > 0) {
      if (takeSlot(t, found)) return true;
      const before = t.mem[found];
      if (yield* walkChildren(t, kvm, child)) return true;
      if (t.mem[found] === before) clearUnsyncChildBit(t, sp, index);
    } else if (child !== 0 && t.mem[child + Sp.unsync] !== 0) {
      t.mem[found + 2 + t.mem[found]++] = child;
      if (takeSlot(t, found)) return true;
    } else {
      clearUnsyncChildBit(t, sp, index);
    }
  }
  return false;
}

/** clear_unsync_child_bit() */
function clearUnsyncChildBit(t: Thread, sp: Cell, index: number): void {
  t.mem[sp + Sp.unsyncChildren]--;
  t.mem[sp + Sp.bitmap + (index >>> 5)] &= ~(1 << (index & 31));
}

/** A page that is used anew has no unsync children. */
export function resetUnsync(t: Thread, kvm: Kvm, sp: Cell): void {
  t.mem[sp + Sp.unsync] = 0;
  t.mem[sp + Sp.unsyncChildren] = 0;
  t.mem.fill(0, sp + Sp.bitmap, sp + kvm.shadow.pageCells);
}
