/** How a fault says that it must be tried again. */
import type { Vcpu } from './kvm.js';
import type { Thread } from './operations.js';
import { RetPf, type PageFault } from './page-fault-struct.js';
import { Tracepoint } from './tracepoints.js';

/**
 * Notes why (a value of Detection). The kernel says nothing here, neither by tracepoint nor by counter.
 *
 * @returns RetPf.Retry
 */
export function faultRetry(t: Thread, vcpu: Vcpu, fault: PageFault, reason: number): RetPf {
  t.emit(Tracepoint.faultRetry, vcpu.id, fault.gfn, fault.mmuSeq, reason);
  return RetPf.Retry;
}
