/** What the simulator found out about lock, yield and hull, in small: docs/findings has it in full. */
import { describe, expect, it } from 'vitest';
import { parseScenario } from '../experiment/scenario/scenario.js';
import { simulationOf } from '../experiment/simulation.js';
import type { SimulationResult } from './result.js';
import { simulate } from './run.js';

function run(text: string): SimulationResult {
  return simulate(simulationOf(parseScenario(text))).result;
}

const WRITERS = (lock: string, threads: number) => `version: 1
description: new memory is touched while threads invalidate elsewhere
machine: { cpus: 12 }
policy: { faultLock: ${lock} }
guest:
  memory: 64MiB
  vcpus: 4
  access: { pattern: sequential, region: shared, covered: 0% }
storms:
  - { kind: unmap, range: 0..16MiB, step: 64KiB, threads: ${threads} }
duration: 8ms
`;

describe('spinning on read_trylock()', () => {
  it('starves under a stream of writers; the queue does not', () => {
    const queue = run(WRITERS('queue', 3)).faults.uncovered;
    expect(queue.latency.count).toBeGreaterThan(4_000);
    expect(queue.latency.maxNs).toBeLessThan(100_000);
    const spin = run(WRITERS('trylock-spin', 3)).faults.uncovered;
    expect(spin.latency.count).toBeLessThan(queue.latency.count / 100);
    expect(Math.max(spin.latency.maxNs, spin.oldestUnfinishedNs)).toBeGreaterThan(1_000_000);
  });

  it('does as well as the queue with one writer', () => {
    const queue = run(WRITERS('queue', 1)).faults.uncovered.latency.count;
    expect(run(WRITERS('trylock-spin', 1)).faults.uncovered.latency.count).toBeGreaterThan(0.9 * queue);
  });
});

const PAGES = (pages: number, policy: string) => `version: 1
description: pages are given back a few at a time
machine: { cpus: 8 }
host: { kernel: v6.12, preempt: full }
policy: { ${policy} }
guest:
  memory: 16MiB
  vcpus: 4
  access: { pattern: random, region: shared, work: 100ns }
storms:
  - { kind: madvise, advice: dontneed, step: ${4 * pages}KiB, order: random }
duration: 10ms
`;

describe('an invalidation of one page', () => {
  it('never yields in the TDP MMU, however contended; one of two may once', () => {
    const one = run(PAGES(1, ''));
    expect(one.mmuLock.write.wait.count).toBeGreaterThan(100);
    expect([one.yields.count, one.invalidations.count > 500]).toEqual([0, true]);
    const two = run(PAGES(2, ''));
    expect(two.yields.count).toBeGreaterThan(0);
    expect(two.yields.count).toBeLessThanOrEqual(two.invalidations.count);
  });

  it('may yield in the shadow MMU of 6.12, and did not before', () => {
    expect(run(PAGES(1, 'mmu: shadow')).yields.count).toBeGreaterThan(100);
    expect(run(PAGES(1, 'mmu: shadow, shadowNotifierYield: never')).yields.count).toBe(0);
  });
});

const OVERLAPPING = (threads: number, policy: string) => `version: 1
description: one invalidation after the other
machine: { cpus: 16 }
policy: { ${policy} }
guest:
  memory: 64MiB
  vcpus: 4
  access: { pattern: random, region: shared }
storms:
  - { kind: unmap, step: 64KiB, order: random, threads: ${threads}, window: 20us }
duration: 10ms
`;

describe('the hull of overlapping invalidations', () => {
  it('does not shrink while any is under way: with four threads no fault ever gets through', () => {
    const alone = run(OVERLAPPING(1, 'rangeTracking: hull')).faults.covered;
    expect(alone.latency.count).toBeGreaterThan(3_000);
    expect(alone.latency.maxNs).toBeLessThan(200_000);
    const hull = run(OVERLAPPING(4, 'rangeTracking: hull')).faults.covered;
    expect(hull.latency.count).toBeLessThan(10);
    expect(hull.oldestUnfinishedNs).toBeGreaterThan(9_000_000);
  });

  it('is what holds them up, not the invalidations: each range by itself lets them through', () => {
    const exact = run(OVERLAPPING(4, 'rangeTracking: exact')).faults.covered;
    expect(exact.latency.count).toBeGreaterThan(5_000);
    expect(exact.latency.maxNs).toBeLessThan(200_000);
  });

  it('is not helped by a sequence for each range', () => {
    const perRange = run(OVERLAPPING(4, 'rangeTracking: hull, sequence: per-range')).faults.covered;
    expect(perRange.latency.count).toBeLessThan(10);
  });
});

const OUTSIDE = (policy: string) => `version: 1
description: a quarter is given back while all is touched for the first time
machine: { cpus: 8 }
host: { preempt: full }
policy: { ${policy} }
guest:
  memory: 128MiB
  vcpus: 4
  access: { pattern: sequential, writes: 50%, work: 100ns, region: shared, covered: 10% }
storms:
  - { kind: madvise, advice: dontneed, range: 0%..25%, period: 5ms }
duration: 20ms
`;

describe('faults outside of the range', () => {
  it('wait for the whole walk without the yield, and hardly with it', () => {
    const never = run(OUTSIDE('needBreak: never'));
    const contended = run(OUTSIDE('needBreak: contended'));
    expect(never.faults.uncovered.latency.maxNs).toBeGreaterThan(0.8 * never.invalidations.start.maxNs);
    expect(contended.faults.uncovered.latency.maxNs).toBeLessThan(30_000);
    expect(contended.yields.useful).toBeGreaterThan(0.5 * contended.yields.count);
    // What it costs: the invalidation takes longer, and the guest gets no more done.
    expect(contended.invalidations.start.meanNs).toBeGreaterThan(never.invalidations.start.meanNs);
    expect(contended.guest.touches).toBeLessThan(1.05 * never.guest.touches);
  });

  it('need the pre-check: without it faults inside take the yields', () => {
    const { yields, invalidations } = run(OUTSIDE('preCheck: none'));
    expect(yields.useful).toBeLessThan(0.1 * yields.count);
    const never = run(OUTSIDE('preCheck: none, needBreak: never'));
    expect(invalidations.start.meanNs).toBeGreaterThan(2 * never.invalidations.start.meanNs);
  });
});
