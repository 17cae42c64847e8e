'use coroutines';
/**
 * Page faults of a guest: arch/x86/kvm/mmu/mmu.c, v5.10 to v7.3. From the exit to the answer that sends the
 * vCPU back.
 *
 * The read side of the protocol: sample the sequence, look the page up without any lock of KVM's, take
 * mmu_lock, and ask whether what was looked up still holds.
 */
import { Cost } from './costs.js';
import { fastPageFault } from './fast-page-fault.js';
import { faultRetry } from './fault-retry.js';
import { hostPfnMappingLevel, hvaToPfn } from './host/gup.js';
import { putPage } from './host/folios.js';
import { SlotFlag, type Kvm, type Memslot, type Vcpu } from './kvm.js';
import { faultReadLock, readUnlock } from './locks/rwlock.js';
import { mmuInvalidateRetryGfn, mmuInvalidateRetryGfnUnsafe, slotOfGfn } from './mmu-invalidate.js';
import type { Step, Thread } from './operations.js';
import { faultOf, Pfn, RetPf, type PageFault } from './page-fault-struct.js';
import { directPageFault } from './shadow/direct-page-fault.js';
import { slotOfFault } from './shadow/fault.js';
import { shadowPageFault } from './shadow/shadow-page-fault.js';
import { kvmTdpMmuMap } from './tdp-map.js';
import { Detection, Tracepoint } from './tracepoints.js';

/**
 * kvm_mmu_page_fault(), kvm_mmu_do_page_fault(): one fault attempt, or several in a row under the policy
 * `retry`.
 *
 * @param present whether the entry was there and only the permission missing
 */
export function* kvmMmuPageFault(
  t: Thread,
  vcpu: Vcpu,
  gfn: number,
  write: number,
  present: number,
): Step<RetPf> {
  const { kvm } = vcpu;
  const fault = faultOf(t, vcpu);
  fault.gfn = gfn;
  fault.write = write;
  fault.present = present;
  fault.prefetch = 0;
  let result: RetPf = RetPf.Retry;
  for (;;) {
    t.emit(Tracepoint.probeFaultBegin, vcpu.id, gfn, write);
    yield* t.spend(Cost.faultSetup, 1);
    result = yield* kvmMmuDoPageFault(t, vcpu, fault);
    t.emit(Tracepoint.probeFaultEnd, vcpu.id, gfn, result);
    if (result !== RetPf.Retry || kvm.policy.retry === 're-enter') break;
    if (yield* t.stopped()) break;
    // The compiler kept the first answer in a register: nothing that others do ends this loop.
    if (kvm.policy.preCheckRepeats === 'spin-on-cached-value') yield* t.spinUntil(vcpu.position, 0, 1);
    // Proposals: stay in the kernel and look again, or sleep until no invalidation is in progress.
    if (kvm.policy.retry === 'wait-for-end') yield* t.waitUntil(kvm.mmuInvalidateInProgress, -1, 0);
    else yield* t.condResched();
  }
  if (result === RetPf.Emulate || result === RetPf.WriteProtected) yield* t.spend(Cost.emulate, 1);
  return result;
}

function* kvmMmuDoPageFault(t: Thread, vcpu: Vcpu, fault: PageFault): Step<RetPf> {
  if (vcpu.kvm.policy.mmu === 'tdp') return yield* kvmTdpMmuPageFault(t, vcpu, fault);
  if (vcpu.kvm.policy.mmu === 'shadow') return yield* directPageFault(t, vcpu);
  return yield* shadowPageFault(t, vcpu);
}

/** kvm_tdp_mmu_page_fault(), since 6.3; the branch of direct_page_fault() before. */
function* kvmTdpMmuPageFault(t: Thread, vcpu: Vcpu, fault: PageFault): Step<RetPf> {
  const { kvm } = vcpu;
  const fast = yield* fastPageFault(t, vcpu, fault);
  if (fast !== RetPf.Invalid) return fast;
  // Before the sample, because it may sleep.
  yield* t.spend(Cost.topupCaches, 1);
  let result = yield* kvmFaultinPfn(t, vcpu);
  if (result !== RetPf.Continue) return result;
  yield* faultReadLock(t, kvm, isUncovered(t, kvm, fault.gfn));
  if (yield* isPageFaultStale(t, vcpu)) result = faultRetry(t, vcpu, fault, Detection.Stale);
  else result = yield* kvmTdpMmuMap(t, vcpu, fault, slotOfFault(t, vcpu));
  yield* readUnlock(t, kvm);
  yield* kvmReleasePfn(t, kvm, fault);
  return result;
}

/**
 * Whether no invalidation in progress covers a gfn, for the policy needBreak waiter-useful, which is an
 * oracle.
 */
export function isUncovered(t: Thread, kvm: Kvm, gfn: number): boolean {
  if (kvm.policy.needBreak !== 'waiter-useful' || t.mem[kvm.mmuInvalidateInProgress] === 0) return true;
  return gfn < t.mem[kvm.mmuInvalidateRangeStart] || gfn >= t.mem[kvm.mmuInvalidateRangeEnd];
}

/**
 * kvm_faultin_pfn(), kvm_mmu_faultin_pfn() since 6.13: the host page of the fault's gfn, with the sample of
 * mmu_invalidate_seq that will tell whether it is still that.
 *
 * @returns Continue with the page and a reference to it, or what the fault ends with
 */
export function* kvmFaultinPfn(t: Thread, vcpu: Vcpu): Step<RetPf> {
  const { kvm } = vcpu;
  const { policy } = kvm;
  const fault = faultOf(t, vcpu);
  fault.holdsRef = 0;
  const slot = slotOfGfn(kvm, fault.gfn);
  if (policy.snapshot === 'before-gup') {
    fault.mmuSeq = yield* t.loadPlain(kvm.mmuInvalidateSeq);
    if (policy.snapshotBarrier === 'rmb') yield* t.smpRmb();
  }
  const flags = slot === undefined ? 0 : yield* t.load(slot.flags);
  if (slot === undefined || (flags & SlotFlag.Valid) === 0) {
    fault.slot = 0;
    fault.pfn = Pfn.NoSlot;
    fault.mapWritable = 0;
    return RetPf.Continue;
  }
  fault.slot = slot.id + 1;
  fault.maxLevel = kvm.geometry.maxLeafLevel;
  if ((flags & SlotFlag.Invalid) !== 0) return faultRetry(t, vcpu, fault, Detection.Other);
  fault.hva = fault.gfn - slot.baseGfn + slot.userspacePage;
  if (yield* preCheck1(t, vcpu, fault)) {
    if (policy.preCheckResult === 'retry') return faultRetry(t, vcpu, fault, Detection.PreCheck1);
    fault.pfn = Pfn.Error;
    return RetPf.Continue;
  }
  const looked = yield* hvaToPfn(t, vcpu);
  if (looked !== RetPf.Continue) {
    return looked === RetPf.Retry ? faultRetry(t, vcpu, fault, Detection.Other) : looked;
  }
  return yield* afterPfn(t, vcpu, fault, slot);
}

/** P1: before the page is looked up. */
function* preCheck1(t: Thread, vcpu: Vcpu, fault: PageFault): Step<boolean> {
  const { preCheck, snapshot } = vcpu.kvm.policy;
  if (snapshot === 'after-gup') return false;
  // inverted: the patch's v4 asked only for faults without a slot, and this one has one.
  if (preCheck !== 'before-pfn' && preCheck !== 'both') return false;
  return yield* mmuInvalidateRetryGfnUnsafe(t, vcpu.kvm, fault.mmuSeq, fault.gfn);
}

/** The rest of kvm_faultin_pfn(), with the page at hand: P2. */
function* afterPfn(t: Thread, vcpu: Vcpu, fault: PageFault, slot: Memslot): Step<RetPf> {
  const { kvm } = vcpu;
  const { preCheck, hostLevel, snapshot, earlyRetryPut } = kvm.policy;
  if (snapshot === 'after-gup') fault.mmuSeq = yield* t.loadPlain(kvm.mmuInvalidateSeq);
  if (hostLevel === 'before-recheck') {
    fault.hostLevel = slot.isPrivate ? 1 : yield* hostPfnMappingLevel(t, kvm.mm, fault.hva);
  }
  const asks = preCheck !== 'none' && preCheck !== 'before-pfn';
  if (asks && (yield* mmuInvalidateRetryGfnUnsafe(t, kvm, fault.mmuSeq, fault.gfn))) {
    if (earlyRetryPut === 'put') yield* kvmReleasePfn(t, kvm, fault);
    return faultRetry(t, vcpu, fault, Detection.PreCheck2);
  }
  return RetPf.Continue;
}

/** kvm_release_pfn_clean(), kvm_mmu_finish_page_fault() since 6.13: the fault's reference to its page. */
export function* kvmReleasePfn(t: Thread, kvm: Kvm, fault: PageFault): Step<void> {
  if (fault.holdsRef === 0) return;
  fault.holdsRef = 0;
  t.emit(Tracepoint.probeFaultRef, fault.pfn, -1);
  yield* putPage(t, kvm.mm, fault.pfn);
}

/**
 * is_page_fault_stale(): the root is obsolete, or an invalidation came in between. mmu_lock is held, for
 * read with the TDP MMU, for write otherwise.
 */
export function* isPageFaultStale(t: Thread, vcpu: Vcpu): Step<boolean> {
  const { kvm } = vcpu;
  const fault = faultOf(t, vcpu);
  const root = t.mem[vcpu.root] - 1;
  if (root < 0 || (yield* t.load(kvm.roots[root].invalid)) !== 0) return true;
  if (fault.slot === 0) return false;
  return yield* mmuInvalidateRetryGfn(t, kvm, fault.mmuSeq, fault.gfn);
}
