'use coroutines';
/**
 * The flush of the processors' own TLBs after a change of the primary page table: arch/x86/mm/tlb.c.
 *
 * Guests are not affected: their translations are KVM's. But the interrupt makes a vCPU leave its guest.
 */
import { Cost } from '../costs.js';
import type { Mm } from '../kvm.js';
import type { Step, Thread } from '../operations.js';
import { Tracepoint } from '../tracepoints.js';

/** enum tlb_flush_reason */
const TLB_LOCAL_MM_SHOOTDOWN = 3;
const TLB_REMOTE_SEND_IPI = 4;

/**
 * flush_tlb_mm_range(): this CPU, and by interrupt each other CPU that runs a thread of the process
 * (mm_cpumask). The model knows of vCPU threads alone: other threads of a VMM sleep most of the time, in
 * lazy TLB mode.
 *
 * @param pages how many pages changed, for the tracepoint
 */
export function* flushTlbMmRange(t: Thread, mm: Mm, pages: number): Step<void> {
  yield* t.preemptDisable();
  t.kickMaskClear();
  const others = addCpusOf(t, mm);
  t.emit(Tracepoint.tlbFlush, others ? TLB_REMOTE_SEND_IPI : TLB_LOCAL_MM_SHOOTDOWN, pages);
  if (others) yield* t.kickMaskSend(true);
  yield* t.spend(Cost.hostTlbFlush, 1);
  yield* t.preemptEnable();
}

function addCpusOf(t: Thread, mm: Mm): boolean {
  const self = t.smpProcessorId() + 1;
  let others = false;
  for (let index = 0; index < mm.kvms.length; index++) {
    const { vcpus } = mm.kvms[index];
    for (let id = 0; id < vcpus.length; id++) {
      const cpu = t.mem[vcpus[id].cpu];
      if (cpu === 0 || cpu === self) continue;
      t.kickMaskAdd(cpu - 1);
      others = true;
    }
  }
  return others;
}
