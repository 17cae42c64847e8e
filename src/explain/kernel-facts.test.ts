import { describe, expect, it } from 'vitest';
import { kernelFacts } from './kernel-facts.js';

const answers = (release?: string, preempt?: string) => {
  const facts = kernelFacts(release, preempt);
  return [
    facts.preCheck.answer,
    facts.yieldsOnContention.answer,
    facts.numaNotifierSpan.answer,
    facts.agingTakesLock.answer,
  ];
};

describe('what a kernel does, from its release', () => {
  it.each([
    // Pre-check, yield on contention, wide NUMA notifier, aging takes the lock.
    ['5.10.0-30-amd64', 'voluntary', ['no', 'no', 'no', 'yes']],
    ['6.1.0-40-amd64', 'voluntary', ['no', 'yes', 'no', 'yes']],
    ['6.7.12', 'voluntary', ['no', 'depends', 'no', 'yes']],
    ['6.8.0', 'full', ['yes', 'yes', 'no', 'yes']],
    ['6.11.0', 'voluntary', ['yes', 'no', 'no', 'yes']],
    ['6.12.107+deb13-amd64', undefined, ['yes', 'depends', 'yes', 'yes']],
    ['6.12.107+deb13-amd64', 'full', ['yes', 'yes', 'yes', 'yes']],
    ['6.12.107+deb13-amd64', 'lazy', ['yes', 'no', 'yes', 'yes']],
    ['6.13.1', 'lazy', ['yes', 'yes', 'yes', 'yes']],
    ['6.18.3', 'none', ['yes', 'no', 'yes', 'no']],
    ['7.2.13+deb14-amd64', undefined, ['yes', 'yes', 'yes', 'no']],
    ['6.12.107+deb13-rt-amd64', 'full', ['yes', 'no', 'yes', 'yes']],
    ['5.14.0-443.el9.x86_64', undefined, ['no', 'depends', 'no', 'yes']],
    ['5.14.0-503.11.1.el9_5.x86_64', undefined, ['yes', 'depends', 'no', 'yes']],
    ['6.5.11-8-pve', undefined, ['no', 'depends', 'no', 'yes']],
    [undefined, undefined, ['unknown', 'unknown', 'unknown', 'unknown']],
  ])('%s under %s', (release, preempt, expected) => {
    expect(answers(release, preempt)).toEqual(expected);
  });

  it('does not take every "rt" for PREEMPT_RT', () => {
    expect(kernelFacts('6.1.0-virt-amd64', undefined).isRealTime).toBe(false);
    expect(kernelFacts('6.6.20-rt25', undefined).isRealTime).toBe(true);
  });
});
