'use coroutines';
/**
 * A vCPU's thread: vcpu_run() and vcpu_enter_guest(), arch/x86/kvm/x86.c, v5.10 to v7.3.
 */
import { kvmMmuReloadApicAccessPage } from './apic-access-page.js';
import { Cost } from './costs.js';
import { ExitReason, flushGuestTlb, guestExecute } from './guest/guest.js';
import type { GuestProgram } from './guest/program.js';
import { taskNumaWork } from './host/numa-balancing.js';
import type { NumaSettings } from './host/settings.js';
import { Request, VcpuMode, type Vcpu } from './kvm.js';
import { srcuReadLock, srcuReadUnlock } from './memslots.js';
import { Order, type Step, type Thread } from './operations.js';
import { errorCodeOf, faultOf, RetPf } from './page-fault-struct.js';
import { kvmMmuPageFault } from './page-fault.js';
import { mmuSyncRoots, shadowFreeRoot, shadowLoadRoot } from './shadow/shadow-roots.js';
import { kvmMmuFreeRoot, kvmTdpMmuAllocRoot } from './tdp-roots.js';
import { Tracepoint } from './tracepoints.js';

/** What a vCPU thread runs: KVM_RUN until the executor ends it. */
export function* vcpuThread(
  t: Thread,
  vcpu: Vcpu,
  program: GuestProgram,
  numa: NumaSettings | undefined,
): Step<void> {
  while (!(yield* t.stopped())) {
    const reason = yield* vcpuEnterGuest(t, vcpu, program);
    if (reason === ExitReason.PageFault) {
      const srcu = yield* srcuReadLock(t, vcpu.kvm);
      yield* handlePageFault(t, vcpu);
      yield* srcuReadUnlock(t, vcpu.kvm, srcu);
    }
    // xfer_to_guest_mode_handle_work(): reschedule, signals, task work. The NUMA scan runs here, in a vCPU.
    yield* t.exitToUserModeResched();
    if (numa !== undefined && (yield* t.taskWorkPending())) yield* taskNumaWork(t, vcpu.kvm.mm, numa);
    if (reason === ExitReason.Done) return;
  }
}

/** handle_ept_violation(), npf_interception() */
function* handlePageFault(t: Thread, vcpu: Vcpu): Step<void> {
  const fault = faultOf(t, vcpu);
  const { gfn, write, present } = fault;
  t.emit(Tracepoint.kvmPageFault, vcpu.id, gfn, errorCodeOf(fault));
  const result = yield* kvmMmuPageFault(t, vcpu, gfn, write, present);
  // x86_emulate_instruction(): the access has happened, though not by the processor.
  if (result === RetPf.Emulate) t.mem[vcpu.position] += 1;
}

/** vcpu_enter_guest(): requests, the announcement, the guest, and back. Returns why the guest exited. */
function* vcpuEnterGuest(t: Thread, vcpu: Vcpu, program: GuestProgram): Step<number> {
  const { entryOrder } = vcpu.kvm.policy;
  const srcu = yield* srcuReadLock(t, vcpu.kvm);
  if ((yield* t.load(vcpu.requests)) !== 0) yield* serviceRequests(t, vcpu);
  if (t.mem[vcpu.root] === 0) yield* kvmMmuReload(t, vcpu);
  yield* t.preemptDisable();
  yield* t.irqDisable();
  yield* t.store(vcpu.cpu, t.smpProcessorId() + 1);
  // requests-then-mode looks for requests too early: one that comes now is missed.
  const early = entryOrder === 'requests-then-mode' ? yield* t.load(vcpu.requests) : 0;
  yield* t.storeRelease(vcpu.mode, VcpuMode.InGuest);
  // kvm_vcpu_srcu_read_unlock(): a guest does not keep memslot updates waiting.
  yield* srcuReadUnlock(t, vcpu.kvm, srcu);
  if (entryOrder === 'mode-then-requests') yield* t.smpMb();
  const requests = entryOrder === 'requests-then-mode' ? early : yield* t.load(vcpu.requests);
  const kicked = (yield* t.load(vcpu.mode)) === VcpuMode.ExitingGuest;
  if (requests !== 0 || kicked || (yield* t.guestWorkPending())) {
    yield* t.store(vcpu.mode, VcpuMode.OutsideGuest);
    yield* t.smpWmb();
    yield* t.irqEnable();
    yield* t.preemptEnable();
    return ExitReason.Interrupt;
  }
  yield* t.spend(Cost.vmEntry, 1);
  t.emit(Tracepoint.kvmEntry, vcpu.id);
  yield* t.guestEnter();
  const reason = yield* guestExecute(t, vcpu, program);
  yield* t.guestLeave();
  yield* t.spend(Cost.vmExit, 1);
  yield* t.store(vcpu.mode, VcpuMode.OutsideGuest);
  yield* t.smpWmb();
  // Interrupts that made the guest exit are taken here; that is when a waiting flusher goes on.
  yield* t.irqEnable();
  yield* t.preemptEnable();
  const fault = faultOf(t, vcpu);
  const faulted = reason === ExitReason.PageFault;
  t.emit(Tracepoint.kvmExit, vcpu.id, reason, faulted ? errorCodeOf(fault) : 0, faulted ? fault.gfn : 0);
  return reason;
}

/** The head of vcpu_enter_guest(): what was requested of this vCPU. */
function* serviceRequests(t: Thread, vcpu: Vcpu): Step<void> {
  const requests = yield* t.xchg(vcpu.requests, 0, Order.Full);
  if ((requests & Request.MmuFreeObsoleteRoots) !== 0) yield* kvmMmuFreeObsoleteRoots(t, vcpu);
  if ((requests & Request.MmuSync) !== 0) yield* mmuSyncRoots(t, vcpu);
  if ((requests & Request.TlbFlush) !== 0) {
    yield* t.spend(Cost.vcpuTlbFlush, 1);
    flushGuestTlb(t, vcpu);
  }
  if ((requests & Request.ApicPageReload) !== 0) yield* kvmMmuReloadApicAccessPage(t, vcpu);
}

/** kvm_mmu_free_obsolete_roots(): leave a root that was invalidated. */
function* kvmMmuFreeObsoleteRoots(t: Thread, vcpu: Vcpu): Step<void> {
  if (vcpu.kvm.policy.mmu !== 'tdp') {
    yield* shadowFreeRoot(t, vcpu);
    return;
  }
  const root = t.mem[vcpu.root] - 1;
  if (root >= 0 && (yield* t.load(vcpu.kvm.roots[root].invalid)) !== 0) yield* kvmMmuFreeRoot(t, vcpu);
}

/** kvm_mmu_reload(), kvm_mmu_load(): a new root begins with an empty TLB. */
function* kvmMmuReload(t: Thread, vcpu: Vcpu): Step<void> {
  if (vcpu.kvm.policy.mmu === 'tdp') yield* kvmTdpMmuAllocRoot(t, vcpu);
  else yield* shadowLoadRoot(t, vcpu);
  yield* t.spend(Cost.vcpuTlbFlush, 1);
  flushGuestTlb(t, vcpu);
}
