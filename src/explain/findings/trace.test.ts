/**
 * Findings about invalidators, kernels and the trace itself, each on both sides of its thresholds.
 */
import { describe, expect, it } from 'vitest';
import { traceFromText } from '../../../test/support/trace-from-text.js';
import type { Trace, TraceMeta } from '../../trace/store/trace.js';
import { explain } from '../explain.js';
import type { FindingId } from '../types-finding.js';

const findingIn = (id: FindingId, trace: Trace) =>
  explain(trace).findings.find((finding) => finding.id === id);
const finding = (id: FindingId, text: string, meta: Partial<TraceMeta> = {}) =>
  findingIn(id, traceFromText(text, meta));
const rows = (count: number, row: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => row(at)).join('\n');

describe('NUMA-scan stall', () => {
  const scan = (us: number) => `us | qemu:10
    1 | entry; exit; unmap 1000+1024; zap 0
    ${1 + us} | zap 1; entry`;

  it('begins at 10 ms under way, and is critical from 1 s', () => {
    expect(finding('numa-scan-stall', scan(9_999))).toBeUndefined();
    expect(finding('numa-scan-stall', scan(10_000))?.severity).toBe('warning');
    expect(finding('numa-scan-stall', scan(1_000_000))?.severity).toBe('critical');
    expect(finding('numa-scan-stall', scan(10_000))?.advice.join()).toContain('kernel.numa_balancing=0');
  });

  it('begins at 100 retries, however short the scans are', () => {
    const retries = (count: number) => `us | qemu:10 | qemu:11
      1 | entry; exit; unmap 1000+1024; zap 0; zap 3ff |
      ${rows(count, (at) => `${at + 2} | | fault 5; entry`)}
      2000 | entry | `;
    expect(finding('numa-scan-stall', retries(99))).toBeUndefined();
    expect(finding('numa-scan-stall', retries(100))?.numbers).toMatchObject({ retries: 100 });
  });
});

describe('KSM storm', () => {
  const storm = (count: number, us: number, fault = '') => `us | ksmd:57 | qemu:10
    ${rows(count, (at) => `${at} | unmap ${1000 + at}+1; merge | ${fault}`)}
    ${us} | sleep |`;

  it('begins at 500 invalidations a second, and 100 of them', () => {
    expect(finding('ksm-storm', storm(100, 200_000))?.severity).toBe('notice');
    expect(finding('ksm-storm', storm(100, 200_100))).toBeUndefined();
    expect(finding('ksm-storm', storm(99, 100_000))).toBeUndefined();
  });

  it('is a warning where a tenth of the faults were retried meanwhile', () => {
    const faults = (retried: number) => `us | ksmd:57 | qemu:10
      ${rows(
        100,
        (at) => `${10 * at} | unmap ${1000 + at}+1 |
      ${10 * at + 1} | | fault ${at + 1}; ${at < retried ? '' : `map ${at + 1}; `}entry
      ${10 * at + 2} | merge |`,
      )}`;
    expect(finding('ksm-storm', faults(9))?.severity).toBe('notice');
    expect(finding('ksm-storm', faults(10))?.severity).toBe('warning');
  });
});

describe('aging storm', () => {
  const aging = (count: number) =>
    `us | kdamond.0:9\n${rows(count, (at) => `${at} | age 1000`)}\n100000 | sleep`;

  it('begins at a thousand a second, on kernels where aging takes the lock', () => {
    expect(finding('aging-storm', aging(99), { kernel: '6.12.1' })).toBeUndefined();
    expect(finding('aging-storm', aging(100), { kernel: '6.12.1' })?.severity).toBe('warning');
    expect(finding('aging-storm', aging(100))?.severity).toBe('notice');
    expect(finding('aging-storm', aging(100), { kernel: '6.15.0' })).toBeUndefined();
  });
});

describe('hull retries', () => {
  const hull = (between: number, covered: number) => `us | ksmd:57 | qemu:10 | host:7
    1 | unmap 1001+1; zap 1; merge | fault 90; map 90; entry |
    2 | unmap 1002+1; zap 2; merge | |
    3 | unmap 1003+1; zap 3; merge | |
    4 | unmap 1005+1 | | unmap 1050+1
    ${rows(between, (at) => `${at + 10} | | fault 20; entry |`)}
    ${rows(covered, (at) => `${at + 9000} | | fault 5; entry |`)}
    19000 | merge | | sleep`;

  it('begins at 100 retries and a tenth of all', () => {
    expect(finding('hull-retries', hull(99, 0))).toBeUndefined();
    expect(finding('hull-retries', hull(100, 0))?.numbers).toMatchObject({ hull: 100, retried: 100 });
    expect(finding('hull-retries', hull(100, 900))?.numbers).toMatchObject({ hull: 100, retried: 1000 });
    expect(finding('hull-retries', hull(100, 901))).toBeUndefined();
  });
});

describe('missing pre-check', () => {
  const retries = (count: number) => `us | ksmd:57 | qemu:10
    1 | unmap 1000+1 |
    ${rows(count, (at) => `${at + 2} | | fault ${at}; entry`)}
    900 | merge | fault 99; map 99; entry`;

  it('depends on the kernel, and warns where faults are retried', () => {
    expect(finding('missing-pre-check', retries(16), { kernel: '6.8.0' })).toBeUndefined();
    expect(finding('missing-pre-check', retries(16), { kernel: '6.7.9' })?.severity).toBe('warning');
    expect(finding('missing-pre-check', retries(15), { kernel: '6.7.9' })?.severity).toBe('notice');
  });

  it('says so when the kernel is unknown', () => {
    expect(finding('missing-pre-check', retries(15))).toBeUndefined();
    const unknown = finding('missing-pre-check', retries(16));
    expect(unknown?.severity).toBe('info');
    expect(unknown?.text).toContain('does not name its kernel');
  });
});

describe('what a trace lacks', () => {
  const whole =
    'us | qemu:10\n10 | fault 5; map 5; entry\n20 | unmap 1000+1; begin M write\n30 | got M; sleep';

  it('is nothing for a whole trace', () => {
    const ids = explain(traceFromText(whole)).findings.map(({ id }) => id);
    expect(ids).toEqual([]);
  });

  it('is told from lost events, and is a warning above one in a hundred', () => {
    const many = `us | qemu:10\n${rows(99, (at) => `${at} | exit`)}`;
    const lossy = (events: number | undefined) => {
      const trace = traceFromText(many);
      trace.diagnostics.addLoss(0, events, 5_000);
      return findingIn('lossy-trace', trace);
    };
    expect(lossy(1)?.severity).toBe('notice');
    expect(lossy(2)?.severity).toBe('warning');
    expect(lossy(undefined)?.severity).toBe('warning');
    expect(lossy(1)?.evidence).toMatchObject([{ events: [5, 5], time: [5_000, 5_000] }]);
    expect(lossy(1)?.text).toContain('lower bounds');
  });

  it('is told from damage, unread lines and unmatched waits', () => {
    const damaged = traceFromText(whole);
    damaged.diagnostics.addDamage('the file ends inside CPU 1.');
    expect(findingIn('lossy-trace', damaged)).toMatchObject({ severity: 'warning' });
    expect(findingIn('lossy-trace', damaged)?.text).toMatch(/^the file ends inside CPU 1\. Counts/);
    expect(finding('lossy-trace', `${whole}\n40 | got M`)?.text).toContain('1 ends no begin');
  });

  it('is told from events that were not recorded', () => {
    expect(finding('no-kvm-events', 'us | a:1\n1 | begin M read\n2 | got M')).toMatchObject({
      severity: 'warning',
    });
    const partial = finding('no-kvm-events', 'us | qemu:1\n1 | fault 5; map 5; entry');
    expect(partial).toMatchObject({ severity: 'notice', title: 'not recorded: invalidations, lock waits' });
    expect(partial?.advice.join()).toContain('-e kvm:kvm_unmap_hva_range -e lock:contention_begin');
  });

  it('is told from a clock that ran backwards and from hashed pointers', () => {
    const trace = traceFromText(whole, { hashedPointers: true });
    trace.diagnostics.clockBackwards = 3;
    trace.diagnostics.largestBackstep = 2_500;
    expect(findingIn('clock-backwards', trace)?.text).toContain('3 events carried an earlier time');
    expect(findingIn('clock-backwards', trace)?.text).toContain('2.50 us');
    expect(findingIn('hashed-pointers', trace)).toMatchObject({ severity: 'info' });
    expect(
      finding('hashed-pointers', 'us | qemu:10\n10 | fault 5; entry', { hashedPointers: true }),
    ).toBeUndefined();
  });

  it('is everything for an empty trace', () => {
    const explanation = explain(traceFromText('us | a:1'));
    expect(explanation.verdict).toEqual(['The trace is empty.']);
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
  });
});
