/** The findings of docs/findings, each as small as it can be and still show. */
import { describe, expect, it } from 'vitest';
import { parseOverride } from '../experiment/scenario/overrides.js';
import { loadScenario } from '../experiment/scenario/scenario.js';
import { simulationOf } from '../experiment/simulation.js';
import type { SimulationResult } from './result.js';
import { simulate } from './run.js';

function run(scenario: string, ...changes: string[]): SimulationResult {
  const overrides = changes.map((change) => parseOverride('--set', change));
  return simulate(simulationOf(loadScenario(scenario, overrides))).result;
}

const stall = ({ guest }: SimulationResult): number => guest.longestStall?.durationNs ?? 0;

describe('Weber’s variants of 6.7 hang where they hung', () => {
  const on67 = (...changes: string[]): number =>
    stall(run('seed-incident', 'host.kernel=v6.7', 'host.preempt=voluntary', ...changes));
  const SCHED = 'policy.needBreakGate=preempt-model';

  it('a hang is a stall an order of magnitude longer than without', () => {
    const hangs = [on67(), on67('policy.preCheck=gfn-against-hva'), on67(SCHED, 'host.preempt=full')];
    const none = [
      on67('policy.preCheck=after-pfn'),
      on67(SCHED),
      on67('policy.preCheck=gfn-against-hva', SCHED),
    ];
    expect(Math.min(...hangs)).toBeGreaterThan(8 * Math.max(...none));
  });
});

describe('Yan’s amplification', () => {
  const flushes = (...changes: string[]): number[] =>
    [1, 2, 3, 4, 5, 6].map((seed) => run('yan-unmap', `seed=${seed}`, ...changes).flushes.count);

  it('thousands of flushes for one unmap without the pre-check, one with it', () => {
    expect(Math.min(...flushes('guest.access.hotTouches=99.9%'))).toBeGreaterThan(1000);
    expect(flushes('guest.access.hotTouches=99.9%', 'policy.preCheck=both')).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('is bimodal: where few accesses can meet the unmap, some runs never ignite', () => {
    const all = flushes('guest.access.hotTouches=99.997%');
    expect(all.filter((count) => count === 1).length).toBeGreaterThan(0);
    expect(all.filter((count) => count > 50).length).toBeGreaterThan(0);
  });
});

describe('a stream of writers', () => {
  it('starves faults that spin on read_trylock(), not those in the queue', () => {
    const queued = run('writer-stream').mmuLock.read.wait.maxNs;
    const spinning = run('writer-stream', 'policy.faultLock=trylock-spin').mmuLock.read.wait.maxNs;
    expect(queued).toBeLessThan(20_000);
    expect(spinning).toBeGreaterThan(1_000_000);
  });
});

describe('one hull for all invalidations', () => {
  it('two overlapping streams of single pages stop nearly every fault; kept apart they stop none', () => {
    const mapped = (...changes: string[]): number => run('endless-hull', ...changes).faults.outcomes.fixed;
    const one = mapped('storms.unmap.threads=1');
    expect(mapped()).toBeLessThan(one / 100);
    expect(mapped('policy.rangeTracking=exact')).toBeGreaterThan(one / 2);
  });
});

describe('where an invalidation is noticed', () => {
  it('99 % or more at the first pre-check under abuse, far less where invalidations are short', () => {
    const share = ({ faults: { retries } }: SimulationResult): number =>
      retries.preCheck1 / (retries.preCheck1 + retries.preCheck2 + retries.recheck);
    expect(share(run('seed-incident', 'guest.vcpus=64'))).toBeGreaterThan(0.99);
    expect(share(run('madvise-page', 'duration=5ms'))).toBeLessThan(0.5);
  });
});

describe('a one-page invalidation', () => {
  it('never yields in the TDP MMU, and may in the shadow MMU', () => {
    expect(run('writer-stream').yields.count).toBe(0);
    expect(run('writer-stream', 'policy.mmu=shadow').yields.count).toBeGreaterThan(0);
  });
});
