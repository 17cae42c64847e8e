/** Claims as they are shown: cells, the terminal's tables, the page's section. */
import { describe, expect, it } from 'vitest';
import { claimRow, figure, sampleClaim, wildFigure } from '../../test/support/sample-claims.js';
import { sampleReport } from '../../test/sample-report.js';
import { claimCell } from './claim-cell.js';
import { figureOf, isAbsent } from './claims.js';
import { renderClaims, renderStudy } from './index.js';

describe('cells', () => {
  const stall = figureOf('stallNs');

  it('have value and spread in one unit, with three digits', () => {
    expect(claimCell(stall, claimRow('x', 6.25e6))).toEqual({ value: '6.25', spread: '±0.63', unit: ' ms' });
    expect(claimCell(stall, claimRow('x', 98_500))).toEqual({ value: '98.5', spread: '±9.9', unit: ' µs' });
    expect(claimCell(stall, claimRow('x', 999_600))).toEqual({ value: '1.00', spread: '±0.10', unit: ' ms' });
    const row = claimRow('x', 1, { flushes: figure(1353), touchesPerSecond: figure(5_646_440) });
    expect(claimCell(figureOf('flushes'), row)).toEqual({ value: '1,353', spread: '±135', unit: '' });
    expect(claimCell(figureOf('touchesPerSecond'), row)).toEqual({
      value: '5.65',
      spread: '±0.56',
      unit: ' M',
    });
  });

  it('have median and range where the mean says nothing, and no spread where there is none', () => {
    const same = { mean: 5, low: 5, high: 5, median: 5, values: [5, 5, 5] };
    const row = claimRow('x', 1, { yields: wildFigure(3, 7, 20), flushes: same });
    expect(claimCell(figureOf('yields'), row)).toEqual({ value: '7', spread: '(3–20)', unit: '' });
    expect(claimCell(figureOf('flushes'), row)).toEqual({ value: '5', spread: '', unit: '' });
  });

  it('say when a stall was cut off, and when there was nothing to measure', () => {
    const cut = claimRow('x', 6e6, { cutOff: 2, uncoveredMaxNs: figure(8000) });
    expect(claimCell(stall, cut).value).toBe('≥6.00');
    const start = figureOf('longestStartNs');
    expect(claimCell(start, cut).value).toBe('≥6.00');
    // Nobody faults inside of a range: what stalls is not waiting for the end of an invalidation.
    expect(claimCell(start, { ...cut, coveredP99Ns: figure(0) }).value).toBe('6.00');
    expect(claimCell(figureOf('uncoveredMaxNs'), cut).value).toBe('≥8.00');
    expect(claimCell(figureOf('flushes'), cut).value).toBe('10');
    const row = claimRow('x', 1);
    expect(claimCell(figureOf('uncoveredMaxNs'), row)).toEqual({ value: '–', spread: '', unit: '' });
    expect(isAbsent('uncoveredMaxNs', [row])).toBe(true);
    expect(isAbsent('stallNs', [row])).toBe(false);
  });
});

describe('in a terminal', () => {
  const text = renderClaims([sampleClaim], { width: 80, color: false });

  it('each group shows what it is about, and nothing that did not happen', () => {
    const [incident, outside] = ['16 vCPUs', 'outside'].map((title) =>
      text.split('\n').find((line) => line.startsWith(`  ${title} `)),
    );
    expect(incident).toMatch(/longest stall +yields +covered p99/);
    expect(incident).not.toContain('uncovered');
    expect(outside).toMatch(/uncovered max +touches\/s +longest stall/);
    expect(text).toContain('≥9.00 ±0.90 ms  7 (3–20)');
  });

  it('the verdict has its mark, in words too, and fits the width', () => {
    expect(text).toContain('◐ holds in part: A vCPU stalls for 9 ms. Nobody gains.');
    for (const width of [40, 60, 120]) {
      const narrow = renderClaims([sampleClaim], { width, color: false });
      for (const line of narrow.split('\n')) expect(line.length).toBeLessThanOrEqual(width);
    }
    expect(renderClaims([sampleClaim], { width: 80, color: true })).toContain('\u001b[33m◐ holds in part');
  });
});

describe('on the page', () => {
  const recording = { ...sampleReport, description: 'A recording.' };
  const input = { title: 'Study', intro: [], recordings: [recording], verdict: ['Yes.'] };
  const page = renderStudy({ ...input, claims: [sampleClaim] });

  it('have the answer, a chart for each group, and the table', () => {
    const section = page.slice(
      page.indexOf('<section id="claims">'),
      page.indexOf('<section id="recordings">'),
    );
    expect(section).toContain('href="#claim-sample"');
    expect(section).toContain('Yielding &lt;helps&gt;');
    expect(section.match(/<svg /g)).toHaveLength(3);
    expect(section).toContain('aria-label="uncovered max, outside"');
    expect(section).toContain('≥9.00\u00a0ms<small>±0.90</small>');
    expect(section).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('has nothing of the kind without claims', () => {
    expect(renderStudy(input)).not.toContain('id="claims"');
  });
});
