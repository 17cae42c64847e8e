'use coroutines';
/**
 * kvm_unmap_gfn_range(), arch/x86/kvm/mmu/mmu.c, since 5.13 (kvm_unmap_hva_range() before): what x86 does
 * for a notifier in one memslot.
 */
import { Request, type Kvm, type Memslot } from './kvm.js';
import type { Step, Thread } from './operations.js';
import { kvmRmapZapGfnRange } from './shadow/rmap.js';
import { kvmTdpMmuUnmapGfnRange } from './tdp-mmu.js';
import { kvmMakeAllCpusRequest } from './tlb-flush.js';

/** @returns whether a flush is due. mmu_lock is held for write, and may have been dropped in between. */
export function* kvmArchUnmapGfnRange(
  t: Thread,
  kvm: Kvm,
  slot: Memslot,
  start: number,
  end: number,
  mayBlock: boolean,
): Step<boolean> {
  let flush = false;
  if (kvm.policy.mmu === 'tdp') {
    flush = yield* kvmTdpMmuUnmapGfnRange(t, kvm, slot.asId, start, end, mayBlock, flush);
  } else {
    // kvm_memslots_have_rmaps()
    const canYield = mayBlock && kvm.policy.shadowNotifierYield === 'per-head';
    flush = yield* kvmRmapZapGfnRange(t, kvm, slot, start, end, canYield, flush);
  }
  // The APIC access page; until 6.11 the notifier's invalidate_range hook asked for the reload.
  if (slot.isPrivate) yield* kvmMakeAllCpusRequest(t, kvm, Request.ApicPageReload, true);
  return flush;
}
