'use coroutines';
/**
 * The guest's own page tables: the walk of a fault, and what happens when the guest changes them.
 * arch/x86/kvm/mmu/paging_tmpl.h and mmu.c, v5.10 to v7.3.
 */
import { Cost } from '../costs.js';
import type { Kvm, Vcpu } from '../kvm.js';
import { writeLock, writeUnlock } from '../locks/rwlock.js';
import type { Cell, Step, Thread } from '../operations.js';
import { entryIndex, pagesPerEntry, tableCell } from '../page-tables.js';
import { frameOf, isTable } from '../spte.js';
import { kvmFlushRemoteTlbs } from '../tlb-flush.js';
import { Tracepoint } from '../tracepoints.js';
import { Gpte, gpteCell, guestRootGfn, levelOf, Sp, sptepToSp, Walker, walkerOf } from './layout.js';
import { firstValidSp, hasGptes, nextValidSp } from './lists.js';
import { syncSpte } from './sync-page.js';
import { kvmMmuPrepareZapPage, kvmMmuRemoteFlushOrZap, mmuPageZapPte } from './zap-page.js';

/** PTE_PREFETCH_NUM: neighbours that a fault looks at, itself included. */
const PTE_PREFETCH_NUM = 8;
/** detect_write_flooding(): emulated writes to one table until it is no longer shadowed. */
const WRITE_FLOODING = 3;

/** How many neighbours there are in a table of this geometry: 8, or all. */
export function prefetchCount(kvm: Kvm): number {
  return Math.min(PTE_PREFETCH_NUM, 1 << kvm.geometry.bits);
}

/**
 * FNAME(walk_addr): reads the guest's entries from its root down to the one that maps a page, into the vCPU's
 * walker. No lock is held; the entries may change at once.
 *
 * @param addr the page that was touched, in guest-virtual pages
 * @returns false when the guest maps nothing there, or not for this access: it gets a page fault of its own
 */
export function* pagingWalkAddr(t: Thread, vcpu: Vcpu, addr: number, write: number): Step<boolean> {
  const { kvm } = vcpu;
  const walker = walkerOf(kvm, vcpu.id);
  t.emit(Tracepoint.kvmMmuPagetableWalk, addr, write === 0 ? 0 : 2);
  t.mem[walker + Walker.addr] = addr;
  let tableGfn = guestRootGfn(kvm);
  let access = 1;
  for (let level = kvm.geometry.levels; level > 0; level--) {
    yield* t.spend(Cost.guestWalkStep, 1);
    const gpte = yield* t.load(gpteCell(kvm, tableGfn, entryIndex(kvm, addr, level)));
    t.mem[walker + Walker.tableGfn + level - 1] = tableGfn;
    t.mem[walker + Walker.pte + level - 1] = gpte;
    t.mem[walker + Walker.ptAccess + level - 1] = access;
    if ((gpte & Gpte.Present) === 0) return false;
    if ((gpte & Gpte.Write) === 0) access = 0;
    if (level === 1 || (gpte & Gpte.Huge) !== 0) {
      t.mem[walker + Walker.level] = level;
      t.mem[walker + Walker.gfn] = frameOf(gpte) + (addr & (pagesPerEntry(kvm, level) - 1));
      t.mem[walker + Walker.access] = access;
      return write === 0 || access !== 0;
    }
    tableGfn = frameOf(gpte);
  }
  return false;
}

/**
 * FNAME(gpte_changed): whether a guest entry is no longer what the walk saw; mmu_lock is held for write, and
 * the table is write-protected, or unsync. At the lowest level the neighbours are read too, for the prefetch.
 */
export function* gpteChanged(t: Thread, vcpu: Vcpu, level: number): Step<boolean> {
  const { kvm } = vcpu;
  const walker = walkerOf(kvm, vcpu.id);
  const tableGfn = t.mem[walker + Walker.tableGfn + level - 1];
  const index = entryIndex(kvm, t.mem[walker + Walker.addr], level);
  if (level === 1) {
    const count = prefetchCount(kvm);
    const first = gpteCell(kvm, tableGfn, index & ~(count - 1));
    for (let place = 0; place < count; place++) {
      t.mem[walker + Walker.prefetchPte + place] = yield* t.loadPlain(first + place);
    }
    return t.mem[walker + Walker.prefetchPte + (index & (count - 1))] !== t.mem[walker + Walker.pte];
  }
  return (yield* t.load(gpteCell(kvm, tableGfn, index))) !== t.mem[walker + Walker.pte + level - 1];
}

/**
 * kvm_mmu_track_write(), kvm_mmu_pte_write() before 6.5: a write of the guest to one of its tables was
 * emulated, and is in memory. Shadow entries made from what was there must go.
 *
 * @internal for tests
 */
export function* kvmMmuTrackWrite(t: Thread, kvm: Kvm, tableGfn: number, index: number): Step<void> {
  // Pairs with the barrier of account_shadowed().
  yield* t.smpMb();
  if ((yield* t.load(kvm.shadow.indirectPages)) === 0) return;
  yield* writeLock(t, kvm);
  let flush = false;
  let sp = firstValidSp(t, kvm, tableGfn);
  while (sp !== 0) {
    if (hasGptes(t, sp)) {
      const floods = levelOf(t, sp) > 1 && ++t.mem[sp + Sp.writeFlooding] >= WRITE_FLOODING;
      if (floods) {
        yield* kvmMmuPrepareZapPage(t, kvm, sp, kvm.shadow.invalidList);
      } else if (yield* mmuPageZapPte(t, kvm, tableCell(kvm, t.mem[sp + Sp.table]) + index)) {
        flush = true;
      }
    }
    sp = nextValidSp(t, kvm, sp);
  }
  yield* kvmMmuRemoteFlushOrZap(t, kvm, kvm.shadow.invalidList, flush);
  yield* writeUnlock(t, kvm);
}

/**
 * kvm_mmu_invlpg(), kvm_mmu_invalidate_addr() since 6.4: the guest flushes one page after it changed its
 * entry.
 *
 * @internal for tests
 */
export function* kvmMmuInvlpg(t: Thread, vcpu: Vcpu, addr: number): Step<void> {
  const { kvm } = vcpu;
  const root = t.mem[vcpu.root] - 1;
  if (root < 0) return;
  yield* writeLock(t, kvm);
  let table = yield* t.load(kvm.roots[root].table);
  for (let level = kvm.geometry.levels; level > 0; level--) {
    const sptep: Cell = tableCell(kvm, table) + entryIndex(kvm, addr, level);
    const sp = sptepToSp(t, kvm, sptep);
    if (t.mem[sp + Sp.unsync] !== 0 && (yield* syncSpte(t, vcpu, sptep))) yield* kvmFlushRemoteTlbs(t, kvm);
    const spte = yield* t.loadPlain(sptep);
    if (t.mem[sp + Sp.unsyncChildren] === 0 || !isTable(spte)) break;
    table = frameOf(spte);
  }
  yield* writeUnlock(t, kvm);
}
