/** What this machine can do, part by part. Looks, and changes nothing. */
import type { Check } from './checks/check.js';
import { kvmChecks } from './checks/kvm.js';
import { memoryChecks } from './checks/memory.js';
import { systemChecks } from './checks/system.js';
import { tracingChecks } from './checks/tracing.js';

export type { Check } from './checks/check.js';

/** In the order of their worth: KVM first. */
export function hostChecks(): Check[] {
  return [...kvmChecks(), ...systemChecks(), ...tracingChecks(), ...memoryChecks()];
}

/** Whether `measure` can run at all. */
export function canMeasure(checks: readonly Check[]): boolean {
  return checks.every(({ name, state }) => name !== 'kvm' || state === 'ok');
}
