/**
 * Findings about faults and locks, each on both sides of its thresholds.
 */
import { describe, expect, it } from 'vitest';
import { traceFromText } from '../../../test/support/trace-from-text.js';
import { explain } from '../explain.js';
import type { FindingId } from '../types-finding.js';

function finding(id: FindingId, text: string, kernel?: string) {
  const explanation = explain(traceFromText(text, kernel === undefined ? {} : { kernel }));
  const found = explanation.findings.find((candidate) => candidate.id === id);
  for (const { events, time } of found?.evidence ?? []) {
    expect(events[0]).toBeLessThanOrEqual(events[1]);
    expect(events[1]).toBeLessThan(explanation.events);
    expect(time[0]).toBeLessThanOrEqual(time[1]);
  }
  return found;
}

const severity = (id: FindingId, text: string, kernel?: string) => finding(id, text, kernel)?.severity;

/** Rows of text for at = 0 ... count - 1. */
const rows = (count: number, row: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => row(at)).join('\n');

describe('retry storm', () => {
  const attempts = (count: number) =>
    `us | qemu:10 #3\n${rows(count, (at) => `${10 * at} | fault 3a41; entry`)}`;

  it('begins at 16 faults on one page, and is critical from 100', () => {
    expect(severity('retry-storm', attempts(15))).toBeUndefined();
    expect(severity('retry-storm', attempts(16))).toBe('warning');
    expect(severity('retry-storm', attempts(99))).toBe('warning');
    expect(severity('retry-storm', attempts(100))).toBe('critical');
  });

  it('says who, where, how often and how long, and what helps on this kernel', () => {
    const old = finding('retry-storm', attempts(21), '6.1.0-40-amd64');
    expect(old?.text).toContain('vCPU 3 (qemu 10) faulted gfn 0x3a41 21 times in 200 us');
    expect(old?.advice.join()).toContain('d02c357e5bfa');
    expect(finding('retry-storm', attempts(21), '6.8.0')?.advice.join()).not.toContain('d02c357e5bfa');
    expect(old?.evidence[0]).toMatchObject({ events: [0, 41], time: [0, 200_000], tid: 10 });
  });
});

describe('starving vCPU', () => {
  const stall = (us: number) => `us | qemu:10\n10 | fault 5\n${10 + us} | map 5; entry`;

  it('begins at 100 ms, and is critical from 1 s', () => {
    expect(severity('starving-vcpu', stall(99_999))).toBeUndefined();
    expect(severity('starving-vcpu', stall(100_000))).toBe('warning');
    expect(severity('starving-vcpu', stall(999_999))).toBe('warning');
    expect(severity('starving-vcpu', stall(1_000_000))).toBe('critical');
  });
});

/** One invalidation that yields `times` times to a vCPU that maps or retries. */
const yields = (times: number, fate: string) => `
  us | madv:7                   | qemu:10
  1  | unmap 1000+512; zap 0    |
  ${rows(
    times,
    (at) => `${10 * at + 2} | | fault ${at}; begin M read
  ${10 * at + 4} | begin M write | got M; ${fate === 'map' ? `map ${at}; ` : ''}entry
  ${10 * at + 6} | got M; zap ${(at + 1).toString(16)} |`,
  )}
  9000 | sleep |`;

describe('yield thrash', () => {
  it('begins at 8 yields in one invalidation, and is critical from 100', () => {
    expect(severity('yield-thrash', yields(7, 'retry'))).toBeUndefined();
    expect(severity('yield-thrash', yields(8, 'retry'))).toBe('warning');
    expect(severity('yield-thrash', yields(99, 'retry'))).toBe('warning');
    expect(severity('yield-thrash', yields(100, 'retry'))).toBe('critical');
  });

  it('begins at 100 yields over all invalidations', () => {
    const one = (at: number) => `
      ${100 * at} | unmap 1000+4; zap 0 | begin M read
      ${100 * at + 1} | begin M write | got M
      ${100 * at + 2} | got M; zap 1; sleep | fault 9; begin M read
      ${100 * at + 3} | | got M; map 9; entry`;
    const many = (times: number) => `us | madv:7 | qemu:10 ${rows(times, one)}`;
    expect(severity('yield-thrash', many(99))).toBeUndefined();
    expect(severity('yield-thrash', many(100))).toBe('warning');
  });

  it('tells how many of those let in mapped a page, and names the switch of the kernel', () => {
    expect(finding('yield-thrash', yields(10, 'map'), '6.12.1')?.numbers).toMatchObject({
      useful: 10,
      useless: 0,
      worst: 10,
    });
    expect(finding('yield-thrash', yields(10, 'retry'), '6.12.1')?.numbers).toMatchObject({
      useful: 0,
      useless: 10,
    });
    expect(finding('yield-thrash', yields(10, 'map'), '6.12.1')?.advice.join()).toContain(
      'debug/sched/preempt',
    );
    expect(finding('yield-thrash', yields(10, 'map'), '6.1.0-40-amd64')?.advice.join()).toContain(
      'c793a62823d1',
    );
    expect(finding('yield-thrash', yields(10, 'map'), '7.2.1')?.advice.join()).toContain('From Linux 7.0');
  });
});

describe('long write hold', () => {
  const hold = (us: number) => `us | madv:7 | qemu:10
    1 | unmap 1000+2; zap 0 | fault 9; begin M read
    ${1 + us} | zap 1; sleep |
    900000 | | got M; map 9; entry`;

  it('begins at 1 ms between leaves without a yield, and is critical from 100 ms', () => {
    expect(severity('long-write-hold', hold(999))).toBeUndefined();
    expect(severity('long-write-hold', hold(1_000))).toBe('warning');
    expect(severity('long-write-hold', hold(99_999))).toBe('warning');
    expect(severity('long-write-hold', hold(100_000))).toBe('critical');
  });
});

describe('lock convoy', () => {
  const convoy = (us: number, second: string) => `us | qemu:10 | qemu:11
    0 | fault 5; begin M read | fault 6
    1 | | ${second}
    ${us} | got M; map 5; entry | ${second === '' ? '' : 'got M; '}map 6; entry
    1000 | exit |`;

  it('begins at a tenth of the time with two waiters, and is critical from half of it', () => {
    expect(severity('lock-convoy', convoy(99, 'begin M read'))).toBeUndefined();
    expect(severity('lock-convoy', convoy(100, 'begin M read'))).toBe('warning');
    expect(severity('lock-convoy', convoy(499, 'begin M read'))).toBe('warning');
    expect(severity('lock-convoy', convoy(500, 'begin M read'))).toBe('critical');
    expect(severity('lock-convoy', convoy(500, ''))).toBeUndefined();
  });
});

describe('writer starvation', () => {
  const starve = (us: number, readers: number) => `us | madv:7 | qemu:10
    0 | unmap 1000+1; begin M write |
    ${rows(readers, (at) => `${at + 1} | | fault 5; begin M read; got M; map 5; entry`)}
    ${us} | got M; sleep |`;

  it('begins at 10 ms with 8 readers let past', () => {
    expect(severity('writer-starvation', starve(9_999, 8))).toBeUndefined();
    expect(severity('writer-starvation', starve(10_000, 8))).toBe('warning');
    expect(severity('writer-starvation', starve(10_000, 7))).toBeUndefined();
  });
});
