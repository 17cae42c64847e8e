/** Whole simulations of shipped scenarios: the same again, in any piece, to the last event. */
import { describe, expect, it } from 'vitest';
import { loadScenario } from '../experiment/scenario/scenario.js';
import { parseOverride } from '../experiment/scenario/overrides.js';
import { simulationOf } from '../experiment/simulation.js';
import { simulate } from './run.js';
import type { SimulationSetup } from './setup.js';
import { restoreSnapshot } from './snapshot.js';

function setupOf(name: string, untilNs: number, ...changes: string[]): SimulationSetup {
  const overrides = changes.map((change) => parseOverride('--set', change));
  return { ...simulationOf(loadScenario(name, overrides), { untilNs }), assert: true };
}

describe('a run is its setup', () => {
  it('the same setup gives the same result and the same trace, byte for byte', () => {
    const runs = [1, 2].map(() => simulate(setupOf('madvise-page', 3e6), { trace: true }));
    const [first, second] = runs.map(({ result, trace }) => [
      JSON.stringify(result),
      trace?.length,
      trace === undefined ? '' : Buffer.from(trace.time.buffer).toString('base64'),
    ]);
    expect(first).toEqual(second);
    expect(first[1]).toBeGreaterThan(1000);
  });

  it('another seed gives another run', () => {
    const [first, second] = [1, 2].map(
      (seed) => simulate(setupOf('madvise-page', 2e6, `seed=${seed}`)).result.run.unseed,
    );
    expect(first).not.toBe(second);
  });

  it('a trace, statistics and invariants change nothing', () => {
    const setup = setupOf('madvise-large', 4e6);
    const plain = simulate({ ...setup, assert: false }).result.run.unseed;
    expect(simulate(setup, { trace: true }).result.run.unseed).toBe(plain);
  });

  it('snapshots lead to the same end from wherever one goes on', () => {
    const setup = setupOf('madvise-large', 6e6, 'host.preempt=full');
    const { snapshots, sim, result } = simulate(setup, { snapshotEvery: 10_000 });
    expect(snapshots.length).toBeGreaterThan(3);
    const memory = sim.mem.slice();
    for (const snapshot of [snapshots[2], snapshots[0], snapshots[1]]) {
      restoreSnapshot(sim, snapshot);
      sim.run(setup.untilNs, Infinity);
      expect(sim.events).toBe(result.run.events);
      expect(sim.mem).toEqual(memory);
    }
  });
});

describe('every scenario keeps the invariants', () => {
  it.each([
    ['quiet', 3e6],
    ['madvise-large', 8e6],
    ['madvise-page', 3e6],
    ['uncovered', 5e6],
    ['migrate', 3e6],
    ['balloon', 3e6],
    ['thp-collapse', 10e6],
    ['memslot-churn', 10e6],
    ['fork-snapshot', 60e6],
    ['weber', 60e6],
    ['ksm-and-numa', 60e6],
  ])('%s', (name, untilNs) => {
    const small = ['weber', 'ksm-and-numa'].includes(name)
      ? ['guest.memory=64MiB', 'machine.cpus=32', 'storms.numa-balancing.scanDelay=20ms']
      : [];
    const { violations, stuck, result } = simulate(setupOf(name, untilNs, ...small));
    expect(violations).toEqual([]);
    expect(stuck).toEqual([]);
    expect(result.faults.attempts).toBeGreaterThan(1000);
    const isCalm = name === 'quiet' || name === 'memslot-churn';
    expect(result.invalidations.hits > 0).toBe(!isCalm);
  });
});
