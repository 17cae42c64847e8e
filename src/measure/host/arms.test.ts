/**
 * Goal: arms mean the right files, wrong ones are refused before anything is changed, right ones are put
 * back.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requires } from '../../../test/requires.js';
import { hostToItself } from '../../../test/support/host-to-itself.js';
import { InputError } from '../../trace/errors.js';
import { applyArm, parseArm, unsupportedArm } from './arms.js';
import { Journal } from './journal.js';
import { RunLock } from './run-lock.js';
import { settingValue } from './settings.js';

hostToItself();

describe('an arm', () => {
  it('is one setting or several', () => {
    expect(parseArm('preempt=full')).toEqual({
      name: 'preempt=full',
      settings: [{ path: '/sys/kernel/debug/sched/preempt', value: 'full' }],
    });
    expect(parseArm('ksm=on, thp=never,ksm.pages_to_scan=2000,kvm.halt_poll_ns=0').settings).toEqual([
      { path: '/sys/kernel/mm/ksm/run', value: '1' },
      { path: '/sys/kernel/mm/transparent_hugepage/enabled', value: 'never' },
      { path: '/sys/kernel/mm/ksm/pages_to_scan', value: '2000' },
      { path: '/sys/module/kvm/parameters/halt_poll_ns', value: '0' },
    ]);
    expect(parseArm('/proc/sys/vm/swappiness=10').settings).toEqual([
      { path: '/proc/sys/vm/swappiness', value: '10' },
    ]);
  });

  const wrong: [text: string, message: RegExp][] = [
    ['', /"" is no setting: write preempt, ksm, /],
    ['ksm', /"ksm" is no setting/],
    ['ksm=', /"ksm=" is no setting/],
    ['=on', /"=on" is no setting/],
    ['ksm=maybe', /"maybe" is no value of ksm: take one of on, off/],
    ['preempt=rt', /"rt" is no value of preempt: take one of none, voluntary, full, lazy/],
    ['constructor=x', /"constructor" is no setting/],
    ['ksm=toString', /"toString" is no value of ksm/],
    ['ksm.../run=1', /is no setting/],
    ['/etc/passwd=x', /is no setting/],
    ['/sys/../etc/passwd=x', /is no setting/],
    ['ksm=on,ksm.run=0', /sets \/sys\/kernel\/mm\/ksm\/run twice/],
  ];
  it.each(wrong)('%j is refused', (text, message) => {
    expect(() => parseArm(text)).toThrow(InputError);
    expect(() => parseArm(text)).toThrow(message);
  });
});

const host = requires('ksm');

host.it('says what this host lacks, and changes nothing by asking', () => {
  expect(unsupportedArm(parseArm('ksm.advisor_target_scan_time=300'))).toBeUndefined();
  expect(unsupportedArm(parseArm('ksm.no_such=1'))).toBe(
    '/sys/kernel/mm/ksm/no_such: this kernel has no such setting',
  );
  expect(unsupportedArm(parseArm('ksm.advisor_mode=sometimes'))).toBe(
    '/sys/kernel/mm/ksm/advisor_mode has none, scan-time, not sometimes',
  );
  const phrase = unsupportedArm(parseArm('preempt=full'));
  // Where debugfs is mounted and permits it, nothing is missing.
  expect(phrase ?? 'sched/preempt: none').toMatch(
    /sched\/preempt: (none|debugfs is not mounted|the kernel ref|this k)/,
  );
});

host.it('is applied through the journal and put back', () => {
  const path = '/sys/kernel/mm/ksm/advisor_max_pages_to_scan';
  const before = settingValue(path);
  const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
  const lock = RunLock.acquire('test', join(folder, 'state'));
  const journal = Journal.open(lock);
  applyArm(parseArm('ksm.advisor_max_pages_to_scan=31000'), journal);
  expect(settingValue(path)).toBe('31000');
  journal.close();
  lock.release();
  rmSync(folder, { recursive: true });
  expect(settingValue(path)).toBe(before);
});
