/** Runs what claims need, each distinct run once, on all cores, and judges. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ClaimReport } from '../../report/claims.js';
import { simulate } from '../../simulate/run.js';
import type { SimulationSetup } from '../../simulate/setup.js';
import { parseOverride } from '../scenario/overrides.js';
import { loadScenario } from '../scenario/scenario.js';
import { simulationOf } from '../simulation.js';
import { figuresOf, rowOf, type Figures } from './aggregate.js';
import type { Claim, Group, Variant } from './claims.js';

export interface ClaimOptions {
  readonly seeds: number;
  readonly onProgress: (done: number, total: number) => void;
}

export async function runClaims(
  claims: readonly Claim[],
  { seeds, onProgress }: ClaimOptions,
): Promise<ClaimReport[]> {
  const setups = new Map<string, SimulationSetup>();
  for (const { groups, variants } of claims) {
    for (const group of groups) {
      for (const variant of variants) {
        for (let seed = 1; seed <= seeds; seed++) {
          const key = keyOf(group, variant, seed);
          if (!setups.has(key)) setups.set(key, setupOf(group, variant, seed));
        }
      }
    }
  }
  const figures = await simulateAll(setups, onProgress);
  return claims.map((claim) => reportOf(claim, seeds, figures));
}

function keyOf({ scenario, changes }: Group, variant: Variant, seed: number): string {
  return JSON.stringify([scenario, ...[...changes, ...variant.changes].sort(), seed]);
}

/** The setup of one run. */
export function setupOf({ scenario, changes }: Group, variant: Variant, seed: number): SimulationSetup {
  const all = [...changes, ...variant.changes, `seed=${seed}`];
  return simulationOf(
    loadScenario(
      scenario,
      all.map((each) => parseOverride('--set', each)),
    ),
  );
}

function reportOf(claim: Claim, seeds: number, figures: ReadonlyMap<string, Figures>): ClaimReport {
  const groups = claim.groups.map((group) => ({
    title: group.title,
    rows: claim.variants.map((variant) => {
      const runs = Array.from({ length: seeds }, (_, seed) => figures.get(keyOf(group, variant, seed + 1)));
      return rowOf(
        variant.label,
        runs.filter((run) => run !== undefined),
      );
    }),
  }));
  const { id, title, says } = claim;
  return { id, title, says, groups, ...claim.judge(groups.map(({ rows }) => rows)) };
}

/** Whether this module runs as it was compiled; vitest runs the source, which no worker can load. */
const isCompiled = import.meta.url.endsWith('.js');

async function simulateAll(
  setups: ReadonlyMap<string, SimulationSetup>,
  onProgress: ClaimOptions['onProgress'],
): Promise<Map<string, Figures>> {
  const figures = new Map<string, Figures>();
  // The longest first, so that no core is left with one at the end.
  const waiting = [...setups].sort(([, a], [, b]) => b.guest.vcpus - a.guest.vcpus);
  const total = waiting.length;
  if (!isCompiled) {
    for (const [key, setup] of waiting) figures.set(key, figuresOf(simulate(setup).result));
    return figures;
  }
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('claim-worker.js', import.meta.url));
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [key, setup] = next;
        figures.set(key, await ask(worker, setup));
        onProgress(figures.size, total);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), total) }, work));
  return figures;
}

function ask(worker: Worker, setup: SimulationSetup): Promise<Figures> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', ({ figures }: { figures: Figures }) => {
      worker.off('error', reject);
      resolve(figures);
    });
    worker.postMessage({ id: 0, setup });
  });
}
