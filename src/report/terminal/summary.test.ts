import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOSTILE_COMM, sampleExplanation, sampleReport } from '../../../test/sample-report.js';
import { comparisonRow, renderComparisonTable, renderTerminal } from '../index.js';
import { clean, truncate, widthOf, wrap } from './text.js';

// oxlint-disable-next-line no-control-regex -- colours are control sequences
const uncoloured = (text: string): string => text.replace(/\u001b\[[\d;]*m/g, '');
const lines = (text: string): string[] => uncoloured(text).split('\n');

describe('the summary', () => {
  it.each([40, 60, 80, 132])('fits %d columns, with and without colour', (width) => {
    for (const color of [false, true]) {
      const text = renderTerminal(sampleExplanation, { width, color });
      expect(lines(text).filter((line) => widthOf(line) > width)).toEqual([]);
    }
  });

  it('says the same without colour, and then holds no control character', () => {
    const plain = renderTerminal(sampleExplanation, { width: 80, color: false });
    expect(uncoloured(renderTerminal(sampleExplanation, { width: 80, color: true }))).toBe(plain);
    expect(clean(plain.replaceAll('\n', ' '))).toBe(plain.replaceAll('\n', ' '));
  });

  it('has every section, in order', () => {
    const text = renderTerminal(sampleExplanation, { width: 80, color: false });
    const titles = ['kernel', '✖ 1,005 faults in a row [critical]', '◆ events were lost [notice]', 'Faults'];
    const rest = ['Longest episodes', 'vCPUs', 'Invalidations', 'Locks', 'What was not understood'];
    const places = [...titles, ...rest].map((title) => `\n${text}`.indexOf(`\n${title}`));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(Math.min(...places)).toBeGreaterThanOrEqual(0);
  });

  it('gives figures with units, and says what was lost', () => {
    const text = renderTerminal(sampleExplanation, { width: 110, color: false });
    expect(text).toContain('1.00 s, 25,556 events, 12 lost, and more of unknown number');
    expect(text).toContain('1,099 retried (55 %)');
    expect(text).toContain('evidence: the longest episode, 0.100000 s to 0.312000 s, events 10 to 90');
    expect(text).toMatch(/mmu_lock ffff888100000000, rwlock, read +7 +9\.00 ms +900 ns +4\.00 ms +4\.00 ms/);
    for (const part of [
      '12 events lost',
      '3 lines of the file',
      'odd<event>',
      'the file ends early',
      '2 lock waits',
    ])
      expect(text).toContain(part);
  });

  it('shows as many rows as asked for and counts the rest', () => {
    const [vcpu] = sampleExplanation.vcpus;
    const vcpus = Array.from({ length: 9 }, (_, i) => ({ ...vcpu, tid: 200 + i, vcpu: i }));
    const text = renderTerminal({ ...sampleExplanation, vcpus }, { width: 80, color: false, top: 3 });
    expect(text).toContain('vCPU 2 (202)');
    expect(text).not.toContain('vCPU 3 (203)');
    expect(text).toContain('and 6 more vCPUs');
  });

  it('lets no task drive the terminal', () => {
    const [finding] = sampleExplanation.findings;
    const findings = [{ ...finding, title: 'a\u001b[2Jb', text: 'c\u001b]0;x\u0007d\u202ee' }];
    const text = renderTerminal({ ...sampleExplanation, findings }, { width: 80, color: false });
    expect(text).toContain('a�[2Jb');
    expect(text).toContain('c�]0;x�d�e');
  });
});

describe('the comparison', () => {
  const names = ['one-long-name-of-a-recording.dat', 'two.dat', 'three.dat', 'four.dat', 'five.dat'];
  const rows = names.map((name, i) => ({
    ...comparisonRow({ ...sampleReport, name, description: '' }),
    longestEpisode: 10 * (i + 1),
  }));

  it.each([40, 80, 100])('fits %d columns', (width) => {
    for (const color of [false, true]) {
      const text = renderComparisonTable(rows, { width, color });
      expect(lines(text).filter((line) => widthOf(line) > width)).toEqual([]);
      for (const row of rows) expect(text.replaceAll(/\s/g, '')).toContain(row.name);
    }
  });

  it('marks the worst of a line, and nothing where all are equal', () => {
    const text = renderComparisonTable(rows, { width: 200, color: false });
    expect(text).toMatch(/^longest episode +10 attempts +20 attempts .* 50 attempts!$/m);
    expect(text).toMatch(/^retried +1,099 \(55 %\) .*[^!]$/m);
  });

  it('counts the waits for mmu_locks alone, and per second', () => {
    const locks = [...sampleExplanation.locks].map((lock) => ({
      ...lock,
      mmuLock: { ...lock.mmuLock, likely: false },
    }));
    const explanation = { ...sampleExplanation, locks };
    expect(comparisonRow({ ...sampleReport, explanation, description: '' }).lockWaits).toBe(0);
    expect(renderComparisonTable(rows, { width: 200, color: false })).toMatch(/^mmu_lock waits +7 \(7\/s\)/m);
  });

  it('prefers what the trace says over what the study says', () => {
    expect(comparisonRow({ ...sampleReport, description: '', preempt: 'lazy', storm: 'KSM' })).toMatchObject({
      preempt: 'full',
      storm: 'KSM',
      kernel: '6.12.0',
    });
  });
});

describe('text', () => {
  it('wraps to the width and loses nothing but spaces', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 4, max: 40 }), (text, width) => {
        const wrapped = wrap(text, width);
        expect(wrapped.filter((line) => widthOf(line) > width)).toEqual([]);
        expect(wrapped.join('').replaceAll(' ', '')).toBe(clean(text).replaceAll(' ', ''));
      }),
    );
  });

  it('cuts with an ellipsis', () => {
    expect(truncate('mmu_lock', 8)).toBe('mmu_lock');
    expect(truncate('mmu_lock', 5)).toBe('mmu_…');
    expect(widthOf(truncate('名前名前', 5))).toBe(5);
    expect(truncate(HOSTILE_COMM, 200)).toBe(HOSTILE_COMM);
  });
});
