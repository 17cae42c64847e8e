/**
 * From the name of a kernel and changes to it, as a person writes them, to a policy.
 */
import { InputError } from '../trace/errors.js';
import { findKernel, kernelPolicy, type Kernel } from './kernels.js';
import { didYouMean } from './nearest.js';
import { POLICIES, POLICY_NUMBERS, type Policy, type PolicyName, type PolicyNumberName } from './policies.js';
import { POLICY_RULES, type SettingName } from './policy-rules.js';

/** Settings by name, as text or numbers: `{ preCheck: 'none', breakBatch: 64 }`. */
export type PolicyChanges = Readonly<Record<string, string | number>>;

/**
 * The policy of a kernel with changes. `preempt: 'rt'` brings `lock: 'rt'` with it, and the other way round.
 *
 * @param forced allows what the kernel cannot run: preemption models that it does not have
 * @throws InputError, one line, for names and values that do not exist and for combinations that mean nothing
 */
export function resolvePolicy(kernelName: string, changes: PolicyChanges = {}, forced = false): Policy {
  const kernel = findKernel(kernelName);
  const own = kernelPolicy(kernelName);
  const parsed: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(changes)) parsed[name] = settingValue(name, value);
  if (parsed['preempt'] === 'rt') parsed['lock'] ??= 'rt';
  if (parsed['lock'] === 'rt') parsed['preempt'] ??= 'rt';
  const policy: Policy = { ...own, ...parsed };
  if (!forced) refuseForeignPreemption(kernel, policy);
  const asked = (name: SettingName): boolean => name in changes && policy[name] !== own[name];
  for (const rule of POLICY_RULES) {
    const reason = rule(policy, asked);
    if (reason !== undefined) throw new InputError(reason, { field: 'policy' });
  }
  return policy;
}

/** The value of one setting, as the policy holds it. */
function settingValue(name: string, value: string | number): string | number {
  if (Object.hasOwn(POLICIES, name)) {
    const values: readonly string[] = POLICIES[name as PolicyName].values;
    const text = String(value);
    // The constant of the list, not the user's own string: equal constants compare by their address.
    const known = values.find((each) => each === text);
    if (known !== undefined) return known;
    throw new InputError(
      `${name} cannot be '${text}'${didYouMean(text, values)} (it is one of ${values.join(', ')})`,
      { field: 'policy' },
    );
  }
  if (Object.hasOwn(POLICY_NUMBERS, name)) return settingNumber(name as PolicyNumberName, value);
  const names = [...Object.keys(POLICIES), ...Object.keys(POLICY_NUMBERS)];
  throw new InputError(`no policy '${name}'${didYouMean(name, names)}`, { field: 'policy' });
}

const LARGEST = 2 ** 31 - 1;

function settingNumber(name: PolicyNumberName, value: string | number): number {
  const number = typeof value === 'number' ? value : parseWhole(value);
  if (Number.isInteger(number) && number >= 1 && number <= LARGEST) return number;
  throw new InputError(`${name} must be a whole number from 1 to ${LARGEST}, not '${value}'`, {
    field: 'policy',
  });
}

function parseWhole(text: string): number {
  return /^\d{1,10}$/.test(text.trim()) ? Number(text) : Number.NaN;
}

function refuseForeignPreemption(kernel: Kernel, { preempt, preemptDynamic }: Policy): void {
  const { name, preemptModels } = kernel;
  if (!preemptModels.includes(preempt)) {
    throw new InputError(`${name} cannot run preempt=${preempt} (it has ${preemptModels.join(', ')})`, {
      field: 'policy',
    });
  }
  if (name === 'v5.10' && preemptDynamic === 'dynamic') {
    throw new InputError('v5.10 has no PREEMPT_DYNAMIC: preemptDynamic=dynamic needs v6.1 or newer', {
      field: 'policy',
    });
  }
}
