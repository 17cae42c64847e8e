'use coroutines';
/**
 * What KVM asks the primary MMU: hva_to_pfn(), virt/kvm/kvm_main.c,
 * over get_user_pages(), mm/gup.c, v5.10 to v7.3.
 */
import { Cost } from '../costs.js';
import type { Mm, Vcpu } from '../kvm.js';
import type { Step, Thread } from '../operations.js';
import { faultOf, Pfn, RetPf } from '../page-fault-struct.js';
import { frameOf, Pte } from '../spte.js';
import { Tracepoint } from '../tracepoints.js';
import { getPage, putPage, tryGetPage } from './folios.js';
import { handleMmFault, VmFault } from './handle-mm-fault.js';
import { mmapReadLock, mmapReadUnlock } from './mmap-lock.js';
import { isHugePmd, lookupEntry, permits, pmdCell, ptLock, ptUnlock } from './primary-mmu.js';

/**
 * hva_to_pfn(), for the fault of a vCPU: sets its pfn, mapWritable and holdsRef. First without any lock,
 * and then only for a page that may be written; else under mmap_lock, with whatever fault of the host that
 * takes.
 *
 * @returns Continue with the page, or Invalid when the host has no memory left (the kernel's -EFAULT)
 */
export function* hvaToPfn(t: Thread, vcpu: Vcpu): Step<RetPf> {
  const { mm } = vcpu.kvm;
  const fault = faultOf(t, vcpu);
  const page = fault.hva;
  const { write } = fault;
  // Fast for a page that may be written only: a read fault would like to map it writable, too.
  let pfn = yield* getUserPageFastOnly(t, mm, page, 1);
  let writable = pfn !== 0;
  if (pfn === 0) {
    pfn = yield* getUserPagesUnlocked(t, mm, page, write);
    if (pfn === 0) {
      fault.pfn = Pfn.Error;
      return RetPf.Invalid;
    }
    writable = write !== 0;
    if (!writable) {
      // Map a read fault writable if that is possible.
      const again = yield* getUserPageFastOnly(t, mm, page, 1);
      writable = again !== 0;
      if (writable) {
        yield* putPage(t, mm, pfn);
        pfn = again;
      }
    }
  }
  fault.pfn = pfn;
  fault.mapWritable = writable ? 1 : 0;
  fault.holdsRef = 1;
  t.emit(Tracepoint.probeFaultRef, pfn, 1);
  return RetPf.Continue;
}

/**
 * get_user_page_fast_only(): interrupts off, so that no table of PTEs goes away; a reference; and a second
 * look, because the page may have gone in between.
 *
 * @returns the frame, with a reference, or 0
 */
export function* getUserPageFastOnly(t: Thread, mm: Mm, page: number, write: number): Step<number> {
  yield* t.spend(Cost.gupFast, 1);
  yield* t.irqDisable();
  const entry = yield* lookupEntry(t, mm, page);
  let pfn = 0;
  if (permits(entry, write) && (yield* tryGetPage(t, mm, frameOf(entry)))) {
    pfn = frameOf(entry);
    if ((yield* lookupEntry(t, mm, page)) !== entry) {
      yield* putPage(t, mm, pfn);
      pfn = 0;
    }
  }
  yield* t.irqEnable();
  return pfn;
}

/**
 * hva_to_pfn() for KVM's own use of a page, outside of
 * faults: the frame, with a reference, or 0 without memory.
 */
export function* getUserPage(t: Thread, mm: Mm, page: number, write: number): Step<number> {
  const pfn = yield* getUserPageFastOnly(t, mm, page, 1);
  if (pfn !== 0) return pfn;
  return yield* getUserPagesUnlocked(t, mm, page, write);
}

/** get_user_pages_unlocked() of one page with FOLL_GET; 0 when the host is out of memory. */
function* getUserPagesUnlocked(t: Thread, mm: Mm, page: number, write: number): Step<number> {
  yield* t.spend(Cost.gupSlow, 1);
  yield* mmapReadLock(t, mm);
  let pfn = yield* followPage(t, mm, page, write);
  while (pfn === 0) {
    if ((yield* handleMmFault(t, mm, page, write)) === VmFault.Oom) break;
    yield* t.condResched();
    pfn = yield* followPage(t, mm, page, write);
  }
  yield* mmapReadUnlock(t, mm);
  return pfn;
}

/**
 * follow_page_mask() with FOLL_GET and FOLL_HONOR_NUMA_FAULT:
 * a reference to the page if it permits the access, or 0.
 */
export function* followPage(t: Thread, mm: Mm, page: number, write: number): Step<number> {
  yield* ptLock(t, mm, page);
  const entry = yield* lookupEntry(t, mm, page);
  const good = permits(entry, write);
  if (good) yield* getPage(t, mm, frameOf(entry));
  yield* ptUnlock(t, mm, page);
  return good ? frameOf(entry) : 0;
}

/**
 * host_pfn_mapping_level(), arch/x86/kvm/mmu/mmu.c: how large the host maps a page right now, 1 or 2. Sound
 * only while an invalidation cannot come in between: after the recheck, under mmu_lock.
 */
export function* hostPfnMappingLevel(t: Thread, mm: Mm, page: number): Step<number> {
  yield* t.irqDisable();
  const pmd = yield* t.load(pmdCell(mm, page));
  yield* t.irqEnable();
  return isHugePmd(pmd) && (pmd & Pte.Present) !== 0 ? 2 : 1;
}
