/** What the preemption model decides about mmu_lock: include/linux/sched.h and preempt.h, v5.10 to v7.3. */
import type { Policy } from './policies.js';

/**
 * CONFIG_PREEMPTION: set for preemptible kernels, and by PREEMPT_DYNAMIC whatever model was booted.
 *
 * @internal for tests
 */
export function configPreemption(policy: Policy): boolean {
  return policy.preemptDynamic === 'dynamic' || policy.preempt === 'full' || policy.preempt === 'rt';
}

/** preempt_model_preemptible(): the model that runs; lazy counts since there is lazy (6.13). */
function preemptModelPreemptible(policy: Policy): boolean {
  return policy.preempt === 'full' || policy.preempt === 'lazy' || policy.preempt === 'rt';
}

/**
 * Whether rwlock_needbreak() (spin_needbreak() for the spinlock of 5.10) can say yes at all: the policies
 * needBreakGate and needBreak, the preemption model and the kind of lock together. On PREEMPT_RT
 * rwlock_is_contended() is 0.
 */
export function needBreakApplies(policy: Policy): boolean {
  if (policy.needBreak === 'never' || policy.lock === 'rt') return false;
  if (policy.needBreakGate === 'always') return true;
  if (policy.needBreakGate === 'config-preemption') return configPreemption(policy);
  return preemptModelPreemptible(policy);
}
