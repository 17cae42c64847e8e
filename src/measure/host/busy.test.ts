/**
 * Goal: what a run uses itself does not count against it, what others use does, and the figures are those of
 * /proc.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { BusyMonitor, reportOf } from './busy.js';

const BURN = 'const end = Date.now() + 900; while (Date.now() < end);';
const cpus = availableParallelism();

describe('on this host', () => {
  it('a thread of this process is its own', async () => {
    const monitor = BusyMonitor.start();
    await once(new Worker(BURN, { eval: true }), 'exit');
    const report = monitor.stop();
    // At least half of its CPU, even when others want it, too.
    expect(report.ownCpu.mean).toBeGreaterThan(0.4 / cpus);
    expect(report.samples).toBeGreaterThanOrEqual(4);
    expect(report.runnable.mean).toBeGreaterThanOrEqual(1);
    expect(report.durationNs).toBeGreaterThan(0.85e9);
    expect(report.loadAverage.after).toBeGreaterThanOrEqual(0);
  });

  it('a process of its own is another', async () => {
    const monitor = BusyMonitor.start({ othersCpu: 0.2 / cpus });
    await once(spawn(process.execPath, ['-e', BURN]), 'exit');
    const report = monitor.stop();
    expect(report.othersCpu.mean).toBeGreaterThan(0.3 / cpus);
    expect(report.ownCpu.mean).toBeLessThan(0.6 / cpus);
    expect(report.busy).toBe(true);
    expect(report.reasons.join()).toMatch(
      /other processes used \d+\.\d % of the CPU time \(bound \d+\.\d %\)/,
    );
  });
});

describe('the verdict', () => {
  const bounds = { steal: 0.02, othersCpu: 0.1, othersRunnable: 0.5 };
  const load = { before: 1, after: 2 };
  const zero = {
    atMs: 0,
    total: 1000,
    idle: 500,
    steal: 10,
    own: 50,
    switches: 7,
    runnable: 1,
    ownRunnable: 1,
  };
  /** Two CPUs for a second: 200 ticks, of which `idle`, `steal` and `own` are gone. */
  const later = (idle: number, steal: number, own: number, runnable = 1) => ({
    atMs: 1000,
    total: 1200,
    idle: 500 + idle,
    steal: 10 + steal,
    own: 50 + own,
    switches: 1007,
    runnable,
    ownRunnable: 1,
  });

  it('is quiet when all that is used is our own', () => {
    const report = reportOf([zero, later(10, 0, 190)], bounds, load);
    expect(report).toMatchObject({
      busy: false,
      reasons: [],
      contextSwitchesPerSecond: 1000,
      loadAverage: load,
    });
    expect([report.ownCpu.mean, report.othersCpu.mean]).toEqual([0.95, 0]);
  });

  it('counts what is neither idle, stolen nor ours', () => {
    const report = reportOf([zero, later(100, 2, 60)], bounds, load);
    expect(report.othersCpu.mean).toBeCloseTo(38 / 200);
    expect(report.reasons).toEqual(['other processes used 19.0 % of the CPU time (bound 10.0 %)']);
  });

  it('knows stolen time, and threads of others that wait', () => {
    expect(reportOf([zero, later(90, 10, 100)], bounds, load).reasons).toEqual([
      '5.0 % of the CPU time was stolen by the hypervisor (bound 2.0 %)',
    ]);
    expect(reportOf([zero, later(100, 0, 100, 5)], bounds, load).reasons).toEqual([
      '2.0 threads of others wanted to run on 2 CPUs',
    ]);
  });

  it('takes counts of different moments as they are on average', () => {
    const samples = [
      { ...zero, runnable: 5, ownRunnable: 1 },
      { ...zero, runnable: 1, ownRunnable: 6 },
      later(0, 0, 200, 2),
    ];
    expect(reportOf(samples, bounds, load)).toMatchObject({
      busy: false,
      othersRunnable: { mean: 0, max: 4 },
    });
  });

  it('does not judge what is too short, and never leaves 0 to 1', () => {
    const short = { ...zero, atMs: 10, total: 1002, own: 55, runnable: 9 };
    const report = reportOf([zero, short], bounds, load);
    expect([report.busy, report.ownCpu.mean, report.othersCpu.mean]).toEqual([false, 1, 0]);
  });
});
