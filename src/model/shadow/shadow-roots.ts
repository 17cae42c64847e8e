'use coroutines';
/**
 * Roots of the rmap-based MMU: kvm_mmu_load(), mmu_alloc_direct_roots(), mmu_alloc_shadow_roots(),
 * mmu_free_root_page() and kvm_mmu_free_obsolete_roots(), arch/x86/kvm/mmu/mmu.c, v5.10 to v7.3. A root is a
 * shadow page that vCPUs count; all vCPUs load the same one until it becomes obsolete.
 *
 * `kvm.roots` holds what others ask about roots: the table, and in `invalid` what is_obsolete_root() would
 * say.
 */
import { Cost } from '../costs.js';
import type { Kvm, Vcpu } from '../kvm.js';
import { writeLock, writeUnlock } from '../locks/rwlock.js';
import type { Cell, Step, Thread } from '../operations.js';
import { guestRootGfn, Role, Sp } from './layout.js';
import { kvmMmuGetShadowPage } from './shadow-pages.js';
import { mmuSyncChildren } from './sync-page.js';
import { kvmMmuCommitZapPage, kvmMmuPrepareZapPage, makeMmuPagesAvailable } from './zap-page.js';

/** kvm_mmu_load(), but for the flush of the vCPU's own TLB, which the caller does. */
export function* shadowLoadRoot(t: Thread, vcpu: Vcpu): Step<void> {
  const { kvm } = vcpu;
  yield* t.spend(Cost.mmuLoad, 1);
  yield* writeLock(t, kvm);
  if (!(yield* makeMmuPagesAvailable(t, kvm))) throw new Error('ENOSPC: every shadow page is a root');
  const paging = kvm.policy.mmu === 'shadow-paging';
  const role = kvm.geometry.levels | Role.Writable | (paging ? 0 : Role.Direct);
  const sp = yield* kvmMmuGetShadowPage(t, vcpu, paging ? guestRootGfn(kvm) : 0, role);
  t.mem[sp + Sp.rootCount]++;
  if (t.mem[sp + Sp.root] === 0) yield* takeRoot(t, kvm, sp);
  t.mem[vcpu.root] = t.mem[sp + Sp.root];
  yield* writeUnlock(t, kvm);
  yield* mmuSyncRoots(t, vcpu);
}

/** A place in kvm.roots for a page that becomes a root. */
function* takeRoot(t: Thread, kvm: Kvm, sp: Cell): Step<void> {
  const count = kvm.roots.length;
  let index = 0;
  while (index < count && (yield* t.load(kvm.roots[index].table)) !== 0) index++;
  if (index === count) throw new Error(`all ${count} roots are alive`);
  yield* t.store(kvm.roots[index].invalid, 0);
  yield* t.store(kvm.roots[index].table, t.mem[sp + Sp.table]);
  t.mem[sp + Sp.root] = index + 1;
}

/** kvm_mmu_free_obsolete_roots(): the vCPU leaves its root if that is obsolete. */
export function* shadowFreeRoot(t: Thread, vcpu: Vcpu): Step<void> {
  const { kvm } = vcpu;
  const index = t.mem[vcpu.root] - 1;
  if (index < 0 || (yield* t.load(kvm.roots[index].invalid)) === 0) return;
  const { invalidList } = kvm.shadow;
  yield* writeLock(t, kvm);
  const sp = t.mem[kvm.shadow.tableOwners + (yield* t.load(kvm.roots[index].table))];
  t.mem[vcpu.root] = 0;
  // mmu_free_root_page()
  if (--t.mem[sp + Sp.rootCount] === 0) {
    t.mem[sp + Sp.root] = 0;
    yield* t.store(kvm.roots[index].table, 0);
    if ((t.mem[sp + Sp.role] & Role.Invalid) !== 0) yield* kvmMmuPrepareZapPage(t, kvm, sp, invalidList);
  }
  yield* kvmMmuCommitZapPage(t, kvm, invalidList);
  yield* writeUnlock(t, kvm);
}

/** kvm_mmu_sync_roots(): for KVM_REQ_MMU_SYNC, and after a root was loaded. */
export function* mmuSyncRoots(t: Thread, vcpu: Vcpu): Step<void> {
  const { kvm } = vcpu;
  const index = t.mem[vcpu.root] - 1;
  if (index < 0 || kvm.policy.mmu !== 'shadow-paging') return;
  const sp = t.mem[kvm.shadow.tableOwners + (yield* t.load(kvm.roots[index].table))];
  // is_unsync_root(): pairs with the smp_wmb() of mmu_try_to_unsync_pages().
  yield* t.smpRmb();
  if ((yield* t.load(sp + Sp.unsync)) === 0 && (yield* t.load(sp + Sp.unsyncChildren)) === 0) return;
  yield* writeLock(t, kvm);
  yield* mmuSyncChildren(t, vcpu, sp, true);
  yield* writeUnlock(t, kvm);
}
