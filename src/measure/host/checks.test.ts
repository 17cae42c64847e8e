/** Goal: every part is looked at, what is said is so, and looking changes nothing. */
import { existsSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { requires } from '../../../test/requires.js';
import { hostToItself } from '../../../test/support/host-to-itself.js';
import { withTracefs } from '../../../test/support/tracefs.js';
import { canMeasure, hostChecks, type Check } from './checks.js';
import { readKnobs } from './facts/knobs.js';

const NAMES =
  'kvm,runs,privileges,cpus,clock,kernel,tracefs,debugfs,memory,ksm,numa,thp,hugetlb,swap,userfaultfd,aging';

function named(checks: readonly Check[], name: string): Check {
  const check = checks.find((each) => each.name === name);
  if (check === undefined) throw new Error(`no check ${name}`);
  return check;
}

hostToItself();
withTracefs();
afterEach(() => process.seteuid?.(process.getuid?.() ?? 0));

it('every part has one line; what is not there says what that means', () => {
  const checks = hostChecks();
  const names = checks.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  expect(names).toEqual(expect.arrayContaining(NAMES.split(',')));
  for (const { state, finding, means } of checks) {
    expect(finding).toMatch(/^\S.*[^.\s]$/);
    expect(means === undefined).toBe(state === 'ok');
  }
});

it('agrees with the files of this host', () => {
  const checks = hostChecks();
  expect(named(checks, 'kprobes').state === 'ok').toBe(existsSync('/sys/kernel/tracing/kprobe_events'));
  expect(named(checks, 'debugfs').state === 'missing').toBe(!existsSync('/sys/kernel/debug/sched'));
});

const host = requires('kvm', 'ksm');

host.it('finds KVM where there is one, and changes no setting', () => {
  // Other tests change these meanwhile.
  const stable = () => {
    const all = Object.entries(readKnobs());
    return all.filter(
      ([path]) => !/\/ksm\/|khugepaged|transparent_hugepage|numa_balancing|hugepages/.test(path),
    );
  };
  const before = stable();
  const checks = hostChecks();
  expect([named(checks, 'kvm').state, named(checks, 'ksm').state, canMeasure(checks)]).toEqual([
    'ok',
    'ok',
    true,
  ]);
  expect(stable()).toEqual(before);
});

host.it('tells somebody who is not root what is missing and what still works', () => {
  process.seteuid?.(65_534);
  const checks = hostChecks();
  expect(named(checks, 'privileges').means).toMatch(/^no setting can be changed: arms, ksm/);
  expect(named(checks, 'ksm')).toMatchObject({
    state: 'limited',
    finding: '/sys/kernel/mm/ksm/run cannot be written (not root)',
    remedy: 'run as root',
  });
  expect(canMeasure(checks)).toBe(named(checks, 'kvm').state === 'ok');
});
