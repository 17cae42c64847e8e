import { describe, expect, it } from 'vitest';
import { sampleSimulation } from '../../../test/support/sample-simulation.js';
import { renderSimulationComparison } from './simulation-comparison.js';
import { renderSimulation } from './simulation.js';
import { widthOf } from './text.js';

// oxlint-disable-next-line no-control-regex -- colours are control sequences
const uncoloured = (text: string): string => text.replace(/\u001b\[[\d;]*m/g, '');
const lines = (text: string): string[] => uncoloured(text).split('\n');
const plain = { width: 80, color: false };

const result = sampleSimulation(1, { changes: { preempt: 'voluntary', preCheck: 'none', breakBatch: 64 } });

describe('the summary of a simulation', () => {
  it.each([40, 60, 80, 132])('fits %d columns, with and without colour', (width) => {
    for (const color of [false, true]) {
      const text = renderSimulation(result, { width, color });
      expect(lines(text).filter((line) => widthOf(line) > width)).toEqual([]);
    }
    expect(uncoloured(renderSimulation(result, { width, color: true }))).toBe(
      renderSimulation(result, { width, color: false }),
    );
  });

  it('says what was run and how it ended', () => {
    const text = renderSimulation(result, { width: 200, color: false });
    expect(text).toContain('scenario incident, seed 1\n');
    expect(text).toContain('v6.12, preempt voluntary; preCheck none; breakBatch 64');
    expect(text).toContain('2 vCPUs on 16 CPUs, 2 sockets, 2 nodes; 1,024 MiB');
    expect(text).toContain('10.0 ms of virtual time, every thread came to its end; 12,345 events');
    expect(renderSimulation(sampleSimulation(1, { stopped: 'until' }), plain)).toContain(
      'stopped by --until',
    );
  });

  it('gives the figures', () => {
    const text = renderSimulation(result, { width: 200, color: false });
    // 10 rounds of 400 touches in 10 ms, a quarter by vCPU 0.
    expect(text).toContain('4,000 touches in 10.0 ms, 400,000 a second; 25 % in the range of a storm.');
    expect(text).toContain('Fairness 0.800 (Jain); vCPUs got 50 % to 150 % of an even share.');
    expect(text).toMatch(/Longest stall 1\.00 ms: vCPU 0, from 8\.00 µs/);
    expect(text).toContain('20 attempts: 10 fixed (50 %), 10 retried (50 %).');
    expect(text).toContain('Why retried: 10 recheck under mmu_lock (100 %).');
    expect(text).toMatch(/^ {2}covered +10 +7\.70 µs +7\.70 µs +7\.70 µs +7\.70 µs +2$/m);
    expect(text).toContain('10 of 5,120 pages, 10 of guest memory.');
    expect(text).toMatch(/^ {2}madvise +10 +5,120 +8\.03 µs +8\.03 µs +8\.03 µs +8\.05 µs +\d/m);
    expect(text).toContain('Taken 20 times for read; waited 20 times (100 %), 21.6 µs in all;');
    expect(text).toMatch(/^ {2}faults, read +20 +20 +21\.6 µs +1\.08 µs +1\.08 µs +2\.00 µs +100 ns$/m);
    expect(text).toContain('20 yields: 10 useful (50 %), 10 useless (50 %); away p50 ');
    expect(text).toContain('10 remote flushes (1 per invalidation), 10 IPIs for 20 requests;');
  });

  it('shows a fault that was never answered', () => {
    const covered = { ...result.faults.covered, unfinished: 1, oldestUnfinishedNs: 5e6 };
    const text = renderSimulation({ ...result, faults: { ...result.faults, covered } }, plain);
    expect(text).toMatch(/ still open\n {2}covered .* 5\.00 ms$/m);
  });

  it('has little to say about a run in which nothing happened', () => {
    const { mmuLock, invalidations, ...rest } = result;
    const quiet = {
      ...rest,
      mmuLock: { ...mmuLock, byUser: [] },
      invalidations: { ...invalidations, byAgent: [] },
      yields: { ...rest.yields, count: 0 },
    };
    expect(renderSimulation(quiet, plain)).toContain('Nobody yielded mmu_lock.');
  });
});

describe('simulations side by side', () => {
  const columns = ['none', 'before-pfn', 'before-pfn, never yield'].map((name, index) => ({
    name,
    result: sampleSimulation(2 - index),
  }));

  it.each([40, 80, 132])('fits %d columns', (width) => {
    const text = renderSimulationComparison(columns, { width, color: true });
    expect(lines(text).filter((line) => widthOf(line) > width)).toEqual([]);
  });

  it('marks the worst, and nothing where all are equal', () => {
    const text = renderSimulationComparison(columns, { width: 120, color: false });
    expect(text).toMatch(/^retried +20 \(67 %\)! +10 \(50 %\) +0 \(0 %\)$/m);
    expect(text).toMatch(/^touches\/s +400,000 +400,000 +400,000$/m);
    expect(text).toMatch(/^covered max +11\.7 µs! +7\.70 µs +3\.70 µs$/m);
    expect(renderSimulationComparison([], plain)).toBe('');
  });
});
