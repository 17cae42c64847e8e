'use coroutines';
/**
 * The APIC access page: vmx_set_apic_access_page_addr(), arch/x86/kvm/vmx/vmx.c, v5.10 to v7.3. A private
 * page of the VM whose host address stands in the VMCS of each vCPU, where no notifier can take it away: KVM
 * has to write another one.
 */
import { getUserPage } from './host/gup.js';
import { putPage } from './host/folios.js';
import { Request, SlotFlag, type Kvm, type Memslot, type Vcpu } from './kvm.js';
import { readLock, readUnlock } from './locks/rwlock.js';
import { mmuInvalidateRetryGfn } from './mmu-invalidate.js';
import type { Step, Thread } from './operations.js';
import { kvmMakeRequest } from './tlb-flush.js';
import { Tracepoint } from './tracepoints.js';

/** id_to_memslot(APIC_ACCESS_PAGE_PRIVATE_MEMSLOT) */
function apicAccessSlot(kvm: Kvm): Memslot | undefined {
  const { slots } = kvm;
  for (let index = 0; index < slots.length; index++) if (slots[index].isPrivate) return slots[index];
  return undefined;
}

/**
 * kvm_vcpu_reload_apic_access_page(), for KVM_REQ_APIC_PAGE_RELOAD. Until 6.4 (policy no-retry) the address
 * was written without asking whether it still holds: an invalidation between the lookup and the write went
 * unnoticed.
 */
export function* kvmMmuReloadApicAccessPage(t: Thread, vcpu: Vcpu): Step<void> {
  const { kvm } = vcpu;
  const slot = apicAccessSlot(kvm);
  if (slot === undefined) return;
  const flags = yield* t.load(slot.flags);
  if ((flags & SlotFlag.Valid) === 0 || (flags & SlotFlag.Invalid) !== 0) return;
  const asks = kvm.policy.apicPage === 'retry';
  const seq = yield* t.loadPlain(kvm.mmuInvalidateSeq);
  yield* t.smpRmb();
  const pfn = yield* getUserPage(t, kvm.mm, slot.userspacePage, 1);
  if (pfn === 0) return;
  if (asks) yield* readLock(t, kvm);
  if (asks && (yield* mmuInvalidateRetryGfn(t, kvm, seq, slot.baseGfn))) {
    yield* kvmMakeRequest(t, vcpu, Request.ApicPageReload);
  } else {
    // Under the lock, so that an invalidation that begins now asks for the next reload.
    t.mem[vcpu.apicAccessPfn] = pfn;
    t.emit(Tracepoint.probeApicPage, vcpu.id, pfn);
  }
  if (asks) yield* readUnlock(t, kvm);
  yield* putPage(t, kvm.mm, pfn);
}
