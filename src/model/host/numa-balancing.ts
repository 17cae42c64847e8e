'use coroutines';
/**
 * The scan of NUMA balancing: task_numa_work(), kernel/sched/fair.c, v5.10 to v7.3.
 *
 * It runs as task work of whichever thread of the process is due, a vCPU on its way back to the guest. When
 * it is due (one scanner per process and period, at most 3 % of a thread's time) is the executor's affair.
 */
import type { Mm } from '../kvm.js';
import type { Step, Thread } from '../operations.js';
import { changeProtection, NewProtection } from './change-protection.js';
import { HPAGE_PMD_NR } from './folios.js';
import { mmapReadTrylock, mmapReadUnlock } from './mmap-lock.js';
import type { NumaSettings } from './settings.js';

/** How much address space a scan passes over at most, in multiples of what it may change. */
const VIRTUAL_FACTOR = 8;

/**
 * task_numa_work(): the next chunk of the one VMA. Empty
 * or already marked parts do not count against its size.
 */
export function* taskNumaWork(t: Thread, mm: Mm, numa: NumaSettings): Step<void> {
  let pages = numa.scanSizePages;
  let virtpages = pages * VIRTUAL_FACTOR;
  if (pages === 0 || !(yield* mmapReadTrylock(t, mm))) return;
  const vmaEnd = mm.firstPage + mm.pages;
  const offset = yield* t.load(mm.numaScanOffset);
  let start = offset < mm.firstPage || offset >= vmaEnd ? mm.firstPage : offset;
  while (start < vmaEnd && pages > 0 && virtpages > 0) {
    const end = Math.min(Math.ceil((start + pages) / HPAGE_PMD_NR) * HPAGE_PMD_NR, vmaEnd);
    // change_prot_numa(), mm/mempolicy.c
    const changed = yield* changeProtection(t, mm, start, end, NewProtection.Numa);
    if (changed > 0) pages -= end - start;
    virtpages -= end - start;
    start = end;
    yield* t.condResched();
  }
  yield* t.store(mm.numaScanOffset, start);
  yield* mmapReadUnlock(t, mm);
}
