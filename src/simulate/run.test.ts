/** Whole simulations of shipped scenarios. */
import { describe, expect, it } from 'vitest';
import { loadScenario } from '../experiment/scenario/scenario.js';
import { simulationOf } from '../experiment/simulation.js';
import { simulate } from './run.js';

describe('quiet', () => {
  it('maps every page once and never waits for an invalidation', () => {
    const setup = simulationOf(loadScenario('quiet'), { untilNs: 50e6 });
    const a = performance.now();
    const { result } = simulate(setup);
    console.log(performance.now() - a, JSON.stringify(result, null, 1).slice(0, 6000));
    expect(result.invalidations.count).toBe(0);
  });
});
