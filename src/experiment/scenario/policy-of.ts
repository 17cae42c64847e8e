/**
 * The policy of a scenario: the kernel's answers, then the preemption model of the host, then what the file
 * says.
 */
import type { Policy } from '../../model/policies.js';
import { resolvePolicy } from '../../model/resolve-policy.js';
import type { ScenarioFields } from './schema.js';

/** @throws InputError for a combination that means nothing */
export function policyOf({ host, policy }: Pick<ScenarioFields, 'host' | 'policy'>): Policy {
  const preempt = host.preempt === undefined ? {} : { preempt: host.preempt };
  return resolvePolicy(host.kernel, { ...preempt, ...policy });
}
