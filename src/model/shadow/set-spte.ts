'use coroutines';
/**
 * Writing entries of shadow pages: make_spte() (arch/x86/kvm/mmu/spte.c) and mmu_set_spte() (mmu.c), v5.10 to
 * v7.3. mmu_lock is held for write.
 */
import { Cost } from '../costs.js';
import { SlotFlag, type Kvm, type Memslot, type Vcpu } from '../kvm.js';
import type { Cell, Step, Thread } from '../operations.js';
import { RetPf } from '../page-fault-struct.js';
import { pagesPerEntry } from '../page-tables.js';
import { frameOf, isPresent, isTable, makeEntry, Spte } from '../spte.js';
import { kvmFlushRemoteTlbs } from '../tlb-flush.js';
import { Tracepoint } from '../tracepoints.js';
import { levelOf, spSetTranslation, sptepToSp } from './layout.js';
import { dropSpte, mmuSpteUpdate, rmapAdd } from './rmap.js';
import { mmuTryToUnsyncPages } from './unsync.js';
import { dropParentPte } from './zap-page.js';

/** Circumstances of a new entry. */
export const MakeSpte = { HostWritable: 1, Write: 2, Prefetch: 4, Synchronizing: 8 } as const;

/**
 * make_spte()
 *
 * @param access 1 if the guest allows writes
 * @param how bits of MakeSpte
 */
export function* makeShadowSpte(
  t: Thread,
  kvm: Kvm,
  slot: Memslot,
  level: number,
  access: number,
  gfn: number,
  pfn: number,
  how: number,
): Step<number> {
  yield* t.spend(Cost.makeSpte, 1);
  const prefetch = (how & MakeSpte.Prefetch) !== 0;
  let flags: number = Spte.Present | Spte.Leaf | (level > 1 ? Spte.Huge : 0) | (prefetch ? 0 : Spte.Accessed);
  const writable = access !== 0 && (how & MakeSpte.HostWritable) !== 0;
  const synchronizing = (how & MakeSpte.Synchronizing) !== 0;
  if (writable && !(yield* mmuTryToUnsyncPages(t, kvm, gfn, synchronizing, prefetch))) {
    const write = (how & MakeSpte.Write) !== 0;
    flags |= Spte.MmuWritable;
    if (write || (t.mem[slot.flags] & SlotFlag.LogDirty) === 0) flags |= Spte.Writable;
    if (write) flags |= Spte.Dirty;
  }
  return makeEntry(pfn & ~(pagesPerEntry(kvm, level) - 1), flags);
}

/**
 * mmu_set_spte(): an entry maps a frame, whatever it did before.
 *
 * @param slot memslot of the gfn; undefined for MMIO
 * @returns Fixed, Spurious, WriteProtected or Emulate
 */
export function* mmuSetSpte(
  t: Thread,
  vcpu: Vcpu,
  slot: Memslot | undefined,
  sptep: Cell,
  access: number,
  gfn: number,
  pfn: number,
  how: number,
): Step<RetPf> {
  const { kvm } = vcpu;
  if (slot === undefined) {
    // mark_mmio_spte()
    yield* t.store(sptep, Spte.Special);
    return RetPf.Emulate;
  }
  const sp = sptepToSp(t, kvm, sptep);
  const level = levelOf(t, sp);
  let old = yield* t.loadPlain(sptep);
  let flush = false;
  if (isPresent(old) && (isTable(old) || frameOf(old) !== pfn)) {
    // A large page in place of a table; or a guest entry changed while its page was unsync.
    if (isTable(old)) yield* dropParentPte(t, kvm, t.mem[kvm.shadow.tableOwners + frameOf(old)], sptep);
    else yield* dropSpte(t, kvm, sptep);
    old = 0;
    flush = true;
  }
  const wasRmapped = isPresent(old);
  const made = yield* makeShadowSpte(t, kvm, slot, level, access, gfn, pfn, how);
  // What the processor has noted in an entry that stays is no difference.
  const noted = Spte.Accessed | ((made & Spte.Writable) === 0 ? 0 : Spte.Dirty);
  const spte = wasRmapped ? made | (old & noted) : made;
  const spurious = spte === old;
  if (!spurious) {
    if (!wasRmapped) yield* t.store(sptep, spte);
    else if (yield* mmuSpteUpdate(t, sptep, spte)) flush = true;
    t.emit(Tracepoint.probeSpteInstalled, 0, gfn, old, spte, level);
    t.emit(Tracepoint.kvmMmuSetSpte, gfn, spte, sptep, level);
  }
  if (flush) yield* kvmFlushRemoteTlbs(t, kvm);
  spSetTranslation(t, kvm, sp, sptep, gfn, access);
  if (!wasRmapped) yield* rmapAdd(t, kvm, slot, sptep, gfn);
  if ((how & MakeSpte.Write) !== 0 && (spte & Spte.Writable) === 0) return RetPf.WriteProtected;
  return spurious ? RetPf.Spurious : RetPf.Fixed;
}
