'use coroutines';
/**
 * Storms that go to KVM without a change of host memory:
 * memslot updates by the VMM, aging by the kernel's reclaim.
 */
import { kvmMmuNotifierClearYoung } from '../aging.js';
import type { Kvm, Memslot } from '../kvm.js';
import { kvmSetMemslot, MemslotChange } from '../memslots.js';
import type { Step, Thread } from '../operations.js';
import type { StormSettings } from './settings.js';
import { stepEnd, stepStart } from './storm-steps.js';

/** KVM_SET_USER_MEMORY_REGION: deletes a slot and makes it again, as firmware that moves a BAR does. */
export function* memslotStorm(t: Thread, kvm: Kvm, slot: Memslot): Step<void> {
  while (yield* t.nextOperation()) {
    yield* kvmSetMemslot(t, kvm, MemslotChange.Delete, slot, undefined, 0);
    yield* kvmSetMemslot(t, kvm, MemslotChange.Create, slot, undefined, 0);
  }
}

/**
 * Aging of MGLRU, DAMON or idle page tracking: clear_young() of one step after the other, no invalidation.
 */
export function* agingStorm(t: Thread, kvm: Kvm, storm: StormSettings): Step<void> {
  for (let count = 0; yield* t.nextOperation(); count++) {
    const start = stepStart(storm, count);
    const end = stepEnd(storm, start);
    for (let page = start; page < end; page++) {
      yield* kvmMmuNotifierClearYoung(t, kvm, page, page + 1);
      yield* t.condResched();
    }
  }
}
