'use coroutines';
/**
 * Shadow pages found or made: kvm_mmu_get_shadow_page() and what belongs to it, arch/x86/kvm/mmu/mmu.c, v5.10
 * to v7.3. mmu_lock is held for write.
 */
import { Cost } from '../costs.js';
import type { Kvm, Vcpu } from '../kvm.js';
import type { Cell, Step, Thread } from '../operations.js';
import { allocTable } from '../page-tables.js';
import { isPresent, isTable, makeEntry, Spte } from '../spte.js';
import { kvmFlushRemoteTlbs } from '../tlb-flush.js';
import { Tracepoint } from '../tracepoints.js';
import { levelOf, Role, Sp } from './layout.js';
import { activeAdd, firstValidSp, hashAdd, hasGptes, nextValidSp, popPage } from './lists.js';
import { listWith } from './rmap-chain.js';
import { dropSpte, kvmMmuSlotGfnWriteProtect } from './rmap.js';
import { kvmSyncPage } from './sync-page.js';
import { markUnsync, resetUnsync } from './unsync.js';
import { kvmMmuCommitZapPage, kvmMmuPrepareZapPage } from './zap-page.js';

/** kvm_mmu_get_shadow_page(), kvm_mmu_get_page() before 6.2: the page of a gfn and a role, up to date. */
export function* kvmMmuGetShadowPage(t: Thread, vcpu: Vcpu, gfn: number, role: number): Step<Cell> {
  yield* t.spend(Cost.getShadowPage, 1);
  let sp = yield* kvmMmuFindShadowPage(t, vcpu, gfn, role);
  const created = sp === 0;
  if (created) sp = yield* kvmMmuAllocShadowPage(t, vcpu.kvm, gfn, role);
  t.emit(Tracepoint.kvmMmuGetPage, gfn, role, t.mem[sp + Sp.rootCount], created ? 1 : 0);
  return sp;
}

/** kvm_mmu_find_shadow_page() */
function* kvmMmuFindShadowPage(t: Thread, vcpu: Vcpu, gfn: number, role: number): Step<Cell> {
  const { kvm } = vcpu;
  const { invalidList } = kvm.shadow;
  let sp = firstValidSp(t, kvm, gfn);
  while (sp !== 0 && t.mem[sp + Sp.role] !== role) {
    // A table of a higher level will be write-protected: nothing of its frame may stay unsync.
    if ((role & Role.Level) > 1 && t.mem[sp + Sp.unsync] !== 0) {
      yield* kvmMmuPrepareZapPage(t, kvm, sp, invalidList);
    }
    sp = nextValidSp(t, kvm, sp);
  }
  if (sp !== 0 && hasGptes(t, sp)) {
    // Up to date is enough: it stays unsync, and its table writable, until the guest flushes.
    if (t.mem[sp + Sp.unsync] !== 0 && (yield* kvmSyncPage(t, vcpu, sp))) yield* kvmFlushRemoteTlbs(t, kvm);
    t.mem[sp + Sp.writeFlooding] = 0;
  }
  yield* kvmMmuCommitZapPage(t, kvm, invalidList);
  return sp;
}

/** kvm_mmu_alloc_shadow_page() */
function* kvmMmuAllocShadowPage(t: Thread, kvm: Kvm, gfn: number, role: number): Step<Cell> {
  const { mem } = t;
  const sp = popPage(t, kvm.shadow.freeHead);
  const table = yield* allocTable(t, kvm);
  if (sp === 0 || table === 0) throw new Error('the machine was built with too few page tables');
  mem[kvm.shadow.tableOwners + table] = sp;
  mem[sp + Sp.gfn] = gfn;
  mem[sp + Sp.role] = role;
  mem[sp + Sp.table] = table;
  mem[sp + Sp.validGen] = mem[kvm.mmuValidGen];
  mem[sp + Sp.rootCount] = 0;
  mem[sp + Sp.root] = 0;
  mem[sp + Sp.parentPtes] = 0;
  mem[sp + Sp.writeFlooding] = 0;
  resetUnsync(t, kvm, sp);
  // The newest first: kvm_zap_obsolete_pages() depends on it.
  activeAdd(t, kvm, sp);
  mem[kvm.shadow.usedPages]++;
  hashAdd(t, kvm, sp);
  if (hasGptes(t, sp)) yield* accountShadowed(t, kvm, sp);
  return sp;
}

/** account_shadowed(): from now on KVM must see writes to the guest's table. */
function* accountShadowed(t: Thread, kvm: Kvm, sp: Cell): Step<void> {
  const gfn = t.mem[sp + Sp.gfn];
  t.mem[kvm.shadow.indirectPages]++;
  // Pairs with the barrier of kvm_mmu_track_write(): it sees the count, or we see what was written.
  yield* t.smpMb();
  if (levelOf(t, sp) > 1) t.mem[kvm.shadow.writeTracked + gfn - kvm.shadow.guestTableGfn]++;
  if (yield* kvmMmuSlotGfnWriteProtect(t, kvm, gfn)) yield* kvmFlushRemoteTlbs(t, kvm);
}

/**
 * kvm_mmu_get_child_sp(): the page that an entry is to point to.
 *
 * @returns 0 for -EEXIST: the entry points to a page already
 */
export function* kvmMmuGetChildSp(t: Thread, vcpu: Vcpu, sptep: Cell, gfn: number, role: number): Step<Cell> {
  if (isTable(yield* t.loadPlain(sptep))) return 0;
  return yield* kvmMmuGetShadowPage(t, vcpu, gfn, role);
}

/** link_shadow_page() */
export function* linkShadowPage(t: Thread, kvm: Kvm, sptep: Cell, sp: Cell): Step<void> {
  if (isPresent(yield* t.loadPlain(sptep))) {
    // drop_large_spte()
    yield* dropSpte(t, kvm, sptep);
    yield* kvmFlushRemoteTlbs(t, kvm);
  }
  yield* t.store(sptep, makeEntry(t.mem[sp + Sp.table], Spte.Present | Spte.Writable | Spte.Accessed));
  yield* t.spend(Cost.rmapChange, 1);
  t.mem[sp + Sp.parentPtes] = listWith(t, kvm, t.mem[sp + Sp.parentPtes], sptep);
  if (t.mem[sp + Sp.unsync] !== 0 || t.mem[sp + Sp.unsyncChildren] !== 0) markUnsync(t, kvm, sptep);
}
