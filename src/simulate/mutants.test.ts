/**
 * Mistakes in the protocol, simulated: those of class P move the figure that the fact sheet names, and many
 * of class S break an invariant under a lucky schedule. To find all of class S and L is the checker's job.
 */
import { describe, expect, it, vi } from 'vitest';
import { parseScenario } from '../experiment/scenario/scenario.js';
import { simulationOf } from '../experiment/simulation.js';
import { Invariants } from '../model/invariants.js';
import { controlPolicy, findMutants, mutantPolicy, type Mutant } from '../model/mutants.js';
import type { Policy } from '../model/policies.js';
import { simulate, type SimulationOutcome } from './run.js';

/** Much at once on little memory: ranges, single pages, migration, memslots and aging, against four vCPUs. */
const CROWD = `version: 1
description: everything at once
machine: { cpus: 6 }
guest:
  memory: 4MiB
  vcpus: 4
  slots: 2
  access: { pattern: random, region: shared, writes: 50%, work: 50ns }
storms:
  - { kind: madvise, advice: dontneed, step: 256KiB, period: 30us }
  - { kind: madvise, name: one, advice: dontneed, step: 4KiB, order: random, period: 7us }
  - { kind: migrate, range: 0%..50%, step: 4KiB, order: random, period: 20us }
  - { kind: memslot, action: delete, slot: 1, period: 2ms }
  - { kind: aging, by: mglru, range: 0%..10%, step: 64KiB, period: 500us }
duration: 10ms
`;

/** Long invalidations of mapped memory, and guests that fault in them. */
const LONG = `version: 1
description: long invalidations
machine: { cpus: 8 }
guest:
  memory: 16MiB
  vcpus: 4
  access: { pattern: random, region: shared, writes: 100%, work: 100ns, firstPass: true }
storms:
  - { kind: madvise, advice: dontneed, step: 8MiB, period: 2ms, start: 10ms }
duration: 20ms
`;

/** More threads than CPUs, so that holders of the lock lose theirs. */
const BUSY = `version: 1
description: more threads than CPUs
machine: { cpus: 2 }
guest:
  memory: 8MiB
  vcpus: 6
  pin: false
  access: { pattern: random, region: shared, writes: 100%, work: 100ns }
storms:
  - { kind: madvise, advice: dontneed, step: 256KiB, period: 50us, threads: 2 }
duration: 150ms
`;

const TEXTS = { CROWD, LONG, BUSY };
type World = keyof typeof TEXTS;

function run(world: World, mutant: Mutant, policy: Policy, seed = 1): SimulationOutcome {
  const setup = simulationOf(parseScenario(TEXTS[world]));
  return simulate({ ...setup, seed, kernel: mutant.kernel, policy, assert: true });
}

/** What the first of ten schedules breaks that breaks anything. */
function luckyViolations(world: World, mutant: Mutant): SimulationOutcome['violations'] {
  for (let seed = 1; seed <= 10; seed++) {
    const { violations } = run(world, mutant, mutantPolicy(mutant), seed);
    if (violations.length > 0) return violations;
  }
  return [];
}

/** The form of a mutant that has a name. */
function mutantOf(name: string): Mutant {
  return findMutants(name)[0];
}

const controls = new Map<string, SimulationOutcome>();

function control(world: World, mutant: Mutant): SimulationOutcome {
  const policy = controlPolicy(mutant);
  const key = `${world} ${mutant.kernel} ${JSON.stringify(policy)}`;
  let outcome = controls.get(key);
  if (outcome === undefined) controls.set(key, (outcome = run(world, mutant, policy)));
  return outcome;
}

describe('class S: an invariant breaks, and holds without the mistake', () => {
  it.each([
    'no-recheck',
    'recheck-seq-only',
    'recheck-gfn-against-hva',
    'range-end-off-by-one',
    'second-range-overwrites',
    'begin-resets-range',
    'end-clears-range',
    'end-zeroes-count',
    'range-after-zap',
    'count-after-zap',
    'yield-without-flush',
    'flush-forgotten',
    'flush-after-unlock',
    'early-retry-leaks-page',
    'precheck-continues',
  ])('%s', (name) => {
    const mutant = mutantOf(name);
    const violations = luckyViolations('CROWD', mutant);
    expect(violations.length).toBeGreaterThan(0);
    const broken = new Set(violations.map(({ name: invariant }) => invariant));
    expect((mutant.breaks ?? [...broken]).some((each) => broken.has(each))).toBe(true);
    expect(control('CROWD', mutant).violations).toEqual([]);
  });
});

describe('class P: the figure moves that the fact sheet names, and nothing breaks', () => {
  it.each<[string, World, (outcome: SimulationOutcome) => number, number]>([
    // The pre-check never sees the range: waiters come back, and the walk yields to them.
    ['precheck-gfn-against-hva', 'LONG', ({ result }) => result.yields.count, 3],
    ['flush-kept-pending', 'CROWD', ({ result }) => result.flushes.count / result.yields.count, 1.1],
    ['guard-on-current-gfn', 'CROWD', ({ result }) => result.yields.count, 3],
    ['precheck-inverted', 'LONG', ({ result }) => 1 + result.faults.retries.preCheck2, 10],
    ['yield-without-unlock', 'LONG', ({ result }) => result.yields.count / result.invalidations.hits, 3],
    ['no-priority-inheritance', 'BUSY', ({ result }) => result.mmuLock.read.hold.maxNs, 5],
  ])('%s', (name, world, figure, factor) => {
    const mutant = mutantOf(name);
    const outcome = run(world, mutant, mutantPolicy(mutant));
    expect(outcome.violations).toEqual([]);
    expect(figure(outcome)).toBeGreaterThan(factor * figure(control(world, mutant)));
  });

  it('fault-spins-on-trylock: the holder sees no waiter, so the walk hardly yields', () => {
    const mutant = mutantOf('fault-spins-on-trylock');
    const outcome = run('LONG', mutant, mutantPolicy(mutant));
    expect(outcome.violations).toEqual([]);
    expect(outcome.result.yields.count).toBeLessThan(control('LONG', mutant).result.yields.count / 3);
  });

  it('precheck-inverted: nothing is detected before the lookup', () => {
    const mutant = mutantOf('precheck-inverted');
    expect(run('LONG', mutant, mutantPolicy(mutant)).result.faults.retries.preCheck1).toBe(0);
  });
});

describe('memory as a whole', () => {
  it('is looked through while a run goes on: some of what a mistake breaks no event tells', () => {
    const mutant = mutantOf('seq-in-start');
    const all = run('CROWD', mutant, mutantPolicy(mutant)).violations;
    const blind = vi.spyOn(Invariants.prototype, 'check').mockReturnValue(undefined);
    const told = run('CROWD', mutant, mutantPolicy(mutant)).violations;
    expect(blind).toHaveBeenCalled();
    blind.mockRestore();
    expect(all.length).toBeGreaterThan(told.length);
  });
});
