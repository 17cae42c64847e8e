'use coroutines';
/** Threads of the host that checks need beside vCPUs and invalidators. */
import { kvmMmuNotifierClearFlushYoung } from '../../model/aging.js';
import { splitHugePmd } from '../../model/host/huge-pages.js';
import {
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
  pteCell,
  ptLock,
  ptUnlock,
} from '../../model/host/primary-mmu.js';
import { takeFreePage } from '../../model/host/folios.js';
import { makeEntry, WRITTEN_PAGE } from '../../model/spte.js';
import type { Kvm, Memslot, Mm, PfnCache } from '../../model/kvm.js';
import { kvmSetMemslot, MemslotChange } from '../../model/memslots.js';
import type { Step, Thread } from '../../model/operations.js';
import { kvmGpcRefresh } from '../../model/pfn-cache.js';
import { kvmFlushRemoteTlbs } from '../../model/tlb-flush.js';

/** KVM_SET_USER_MEMORY_REGION, again and again: deletes a memslot, makes it again ... */
export function* memslotUpdates(t: Thread, kvm: Kvm, slot: Memslot, created: boolean): Step<void> {
  let there = created;
  while (yield* t.nextOperation()) {
    const change = there ? MemslotChange.Delete : MemslotChange.Create;
    yield* kvmSetMemslot(t, kvm, change, slot, undefined, 0);
    there = !there;
  }
}

/** A vCPU that needs its gfn_to_pfn_cache. */
export function* pfnCacheUser(t: Thread, kvm: Kvm, cache: PfnCache): Step<void> {
  while (yield* t.nextOperation()) yield* kvmGpcRefresh(t, kvm, cache);
}

/** Reclaim asks whether pages are in use. */
export function* ageing(t: Thread, kvm: Kvm, start: number, end: number): Step<void> {
  while (yield* t.nextOperation()) yield* kvmMmuNotifierClearFlushYoung(t, kvm, start, end);
}

/** Somebody flushes the TLBs of all vCPUs. */
export function* flushes(t: Thread, kvm: Kvm): Step<void> {
  while (yield* t.nextOperation()) yield* kvmFlushRemoteTlbs(t, kvm);
}

/** The host splits the first huge page, and then gives its second page another frame: copy on write. */
export function* splitAndChange(t: Thread, mm: Mm): Step<void> {
  while (yield* t.nextOperation()) {
    const page = mm.firstPage + 1;
    yield* splitHugePmd(t, mm, mm.firstPage);
    yield* mmuNotifierInvalidateRangeStart(t, mm, page, page + 1, true);
    yield* ptLock(t, mm, page);
    yield* t.store(pteCell(mm, page), makeEntry(takeFreePage(t.mem, mm, 0), WRITTEN_PAGE));
    yield* ptUnlock(t, mm, page);
    yield* mmuNotifierInvalidateRangeEnd(t, mm, page, page + 1);
  }
}
