'use coroutines';
/**
 * Requests to vCPUs, and the remote TLB flush made of them: virt/kvm/kvm_main.c, v5.10 to v7.3.
 *
 * Dekker's pattern: the flusher writes the request, then reads the mode; a vCPU that enters the guest
 * writes the mode, then reads the requests. Either the flusher sees it in the guest and interrupts it, or
 * it sees the request.
 */
import { Cost } from './costs.js';
import { Request, VcpuMode, type Kvm, type Vcpu } from './kvm.js';
import { Order, type Step, type Thread } from './operations.js';
import { SCRATCH_UNFLUSHED } from './scratch.js';
import { Tracepoint } from './tracepoints.js';

/** kvm_make_request(): release of what was written before, then the bit. */
export function* kvmMakeRequest(t: Thread, vcpu: Vcpu, request: number): Step<void> {
  yield* t.fetchOr(vcpu.requests, request, Order.Full);
}

/**
 * kvm_make_all_cpus_request(): sets the request on every vCPU and interrupts those that run their guest.
 *
 * @param wait the request's flag KVM_REQUEST_WAIT: also interrupt and await vCPUs that are leaving the
 *   guest or walk shadow pages without a lock
 * @returns how many CPUs were interrupted
 */
export function* kvmMakeAllCpusRequest(t: Thread, kvm: Kvm, request: number, wait: boolean): Step<number> {
  yield* t.preemptDisable();
  t.kickMaskClear();
  const count = kvm.vcpus.length;
  const awaitsAll = wait && kvm.policy.kickCondition === 'not-outside';
  for (let index = 0; index < count; index++) {
    const vcpu = kvm.vcpus[index];
    yield* t.fetchOr(vcpu.requests, request, Order.Full);
    const mode = yield* t.cmpxchg(vcpu.mode, VcpuMode.InGuest, VcpuMode.ExitingGuest, Order.Full);
    if (!(awaitsAll ? mode !== VcpuMode.OutsideGuest : mode === VcpuMode.InGuest)) continue;
    const cpu = yield* t.load(vcpu.cpu);
    if (cpu !== 0 && cpu - 1 !== t.smpProcessorId()) t.kickMaskAdd(cpu - 1);
  }
  const interrupted = yield* t.kickMaskSend(wait);
  yield* t.preemptEnable();
  return interrupted;
}

/**
 * kvm_flush_remote_tlbs(): when it returns, no vCPU runs its guest with a translation from before the call.
 */
export function* kvmFlushRemoteTlbs(t: Thread, kvm: Kvm): Step<void> {
  const wait = kvm.policy.flushRequest === 'wait';
  const interrupted = yield* kvmMakeAllCpusRequest(t, kvm, Request.TlbFlush, wait);
  t.mem[t.scratch + SCRATCH_UNFLUSHED] = 0;
  t.emit(Tracepoint.remoteFlush, kvm.vcpus.length, interrupted);
}

/**
 * kvm_flush_remote_tlbs_range(). On x86 this is the whole flush, except on Hyper-V; the policy flushOnYield
 * ranged makes it a real one, as far as the walk that asks believes: entries outside [start, end) stay
 * unflushed.
 */
export function* kvmFlushRemoteTlbsRange(t: Thread, kvm: Kvm, start: number, end: number): Step<void> {
  if (end > start || kvm.policy.flushOnYield !== 'ranged') yield* kvmFlushRemoteTlbs(t, kvm);
  else yield* t.spend(Cost.hvaRangeSetup, 1);
}
