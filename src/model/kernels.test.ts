import { describe, expect, it } from 'vitest';
import { InputError } from '../trace/errors.js';
import { KERNELS, findKernel, kernelPolicy } from './kernels.js';
import { POLICIES, type PolicyName } from './policies.js';
import { configPreemption, needBreakApplies } from './preemption.js';

const at = (name: string, preempt: 'none' | 'voluntary' | 'full' | 'lazy' | 'rt') =>
  ({ ...kernelPolicy(name), preempt, lock: preempt === 'rt' ? 'rt' : kernelPolicy(name).lock }) as const;

describe('kernels', () => {
  it.each(KERNELS.map(({ name }) => name))('%s answers every decision with one of its values', (name) => {
    const policy = kernelPolicy(name);
    for (const [decision, { values }] of Object.entries(POLICIES)) {
      expect(values as readonly string[]).toContain(policy[decision as PolicyName]);
    }
    expect(findKernel(name).preemptModels).toContain(policy.preempt);
  });

  it('the newest gives the first answer to every decision, as policies.ts promises', () => {
    const policy = kernelPolicy('v7.3');
    for (const [decision, { values }] of Object.entries(POLICIES)) {
      expect({ decision, value: policy[decision as PolicyName] }).toEqual({ decision, value: values[0] });
    }
  });

  it('differences change something, name their version in order, and say where they are known from', () => {
    const number = (version: string): number => {
      const [major = 0, minor = 0] = version.split('.').map(Number);
      return major * 100 + minor;
    };
    for (const [index, { name, differences }] of KERNELS.entries()) {
      const before = index === 0 ? kernelPolicy('v7.3') : kernelPolicy(KERNELS[index - 1]?.name ?? '');
      for (const { change, since, evidence, what } of differences) {
        const changed = Object.entries(change).some(([key, value]) => before[key as PolicyName] !== value);
        // Between 5.13 and 5.15 roots were not walked safely: no kernel of the list is of that age.
        expect(changed || 'rootIteration' in change, `${name}: ${what}`).toBe(true);
        expect(number(since)).toBeLessThanOrEqual(number(name.slice(1)));
        const last = index === 0 ? -Infinity : number((KERNELS[index - 1]?.name ?? '').slice(1));
        expect(number(since)).toBeGreaterThan(last);
        expect(evidence).toMatch(/^[0-9a-f]{12}\b|source|text of the pull request|what [0-9a-f]{12} changed/);
      }
    }
  });

  it('is found with or without its v, and a wrong name lists what there is', () => {
    expect(findKernel('6.12').name).toBe('v6.12');
    expect(() => findKernel('v6.9')).toThrow(InputError);
    expect(() => findKernel('v6.9')).toThrow(/did you mean 'v6\.\d+'\? \(there are v5\.10, v6\.1/);
    expect(() => findKernel('banana')).toThrow("no kernel 'banana' (there are");
  });
});

describe('rwlock_needbreak() by kernel and preemption model', () => {
  it.each([
    // The table of which kernels look at contention: kernel, model, whether.
    ['v5.10', 'voluntary', false],
    ['v5.10', 'full', true],
    ['v6.1', 'none', true],
    ['v6.1', 'voluntary', true],
    ['v6.8', 'voluntary', true],
    ['v6.11', 'voluntary', false],
    ['v6.11', 'full', true],
    ['v6.12', 'none', false],
    ['v6.12', 'full', true],
    ['v6.13', 'voluntary', false],
    ['v6.13', 'lazy', true],
    ['v7.0', 'lazy', true],
    ['v7.3', 'full', true],
    ['v7.3', 'rt', false],
    ['v6.1', 'rt', false],
  ] as const)('%s %s: %s', (name, model, expected) => {
    expect(needBreakApplies(at(name, model))).toBe(expected);
  });

  it('as they come: Debian 5.10 no, 6.1 yes, 6.12 no, 7.3 yes', () => {
    const asTheyCome = ['v5.10', 'v6.1', 'v6.12', 'v7.3'].map((name) => needBreakApplies(kernelPolicy(name)));
    expect(asTheyCome).toEqual([false, true, false, true]);
  });

  it('never says yes with needBreak never, and always asks the lock with needBreakGate always', () => {
    expect(needBreakApplies({ ...kernelPolicy('v7.3'), needBreak: 'never' })).toBe(false);
    expect(needBreakApplies({ ...kernelPolicy('v6.12'), needBreakGate: 'always' })).toBe(true);
  });

  it('CONFIG_PREEMPTION comes with PREEMPT_DYNAMIC', () => {
    expect(configPreemption(at('v5.10', 'voluntary'))).toBe(false);
    expect(configPreemption(at('v5.10', 'full'))).toBe(true);
    expect(configPreemption(at('v6.1', 'voluntary'))).toBe(true);
  });
});
