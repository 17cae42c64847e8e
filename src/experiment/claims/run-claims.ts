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
import type { Claim } from './claims.js';
import type { ClaimAnswer, ClaimRequest } from './messages.js';
import type { Group, Variant } from './situations.js';

export interface ClaimOptions {
  /** Seeds of each run, from 1 on. */
  readonly seeds: number;
  readonly onProgress: (done: number, total: number) => void;
  /** Stops the simulations; claims whose runs are complete by then are judged all the same. */
  readonly signal?: AbortSignal;
}

/**
 * In the order of `claims`; without those that an abort left incomplete: an interval over fewer seeds would
 * not be worth the same.
 */
export async function runClaims(claims: readonly Claim[], options: ClaimOptions): Promise<ClaimReport[]> {
  const setups = new Map<string, SimulationSetup>();
  for (const { groups, variants } of claims) {
    for (const group of groups) {
      for (const variant of variants) {
        if (setups.has(keyOf(group, variant, 1))) continue;
        const setup = setupOf(group, variant);
        for (let seed = 1; seed <= options.seeds; seed++) {
          setups.set(keyOf(group, variant, seed), { ...setup, seed });
        }
      }
    }
  }
  const figures = await simulateAll(setups, options);
  return claims.flatMap((claim) => reportOf(claim, options.seeds, figures) ?? []);
}

function keyOf({ scenario, changes }: Group, variant: Variant, seed: number): string {
  return JSON.stringify([scenario, ...[...changes, ...variant.changes].sort(), seed]);
}

/** The setup of one situation, with seed 1. */
export function setupOf({ scenario, changes }: Group, variant: Variant): SimulationSetup {
  const all = [...changes, ...variant.changes, 'seed=1'];
  return simulationOf(
    loadScenario(
      scenario,
      all.map((each) => parseOverride('--set', each)),
    ),
  );
}

/** undefined: a run is missing. */
function reportOf(
  claim: Claim,
  seeds: number,
  figures: ReadonlyMap<string, Figures>,
): ClaimReport | undefined {
  let isComplete = true;
  const groups = claim.groups.map((group) => ({
    title: group.title,
    figures: group.figures,
    rows: claim.variants.map((variant) => {
      const runs = Array.from({ length: seeds }, (_, seed) => figures.get(keyOf(group, variant, seed + 1)));
      const known = runs.filter((run) => run !== undefined);
      isComplete &&= known.length === seeds;
      return rowOf(variant.label, known);
    }),
  }));
  if (!isComplete) return undefined;
  const { id, title, says, source } = claim;
  return { id, title, says, source, groups, ...claim.judge(groups.map(({ rows }) => rows)) };
}

/** Whether this module runs as it was compiled; vitest runs the source, which no worker can load. */
const isCompiled = import.meta.url.endsWith('.js');

async function simulateAll(
  setups: ReadonlyMap<string, SimulationSetup>,
  { onProgress, signal }: ClaimOptions,
): Promise<Map<string, Figures>> {
  const figures = new Map<string, Figures>();
  // In the order of the claims, so that those of an interrupted study are complete one after the other.
  const waiting = [...setups];
  const total = waiting.length;
  const next = () => (signal?.aborted === true ? undefined : waiting.shift());
  const work = async (): Promise<void> => {
    const simulator = isCompiled ? workerThread(signal) : thisThread;
    try {
      for (let one = next(); one !== undefined; one = next()) {
        const [key, setup] = one;
        const done = await simulator.run(setup);
        if (done === undefined) break;
        figures.set(key, done);
        onProgress(figures.size, total);
      }
    } catch (error) {
      // The others must not go on for nobody.
      waiting.length = 0;
      throw error;
    } finally {
      await simulator.end();
    }
  };
  const workers = isCompiled ? Math.min(availableParallelism(), total) : 1;
  await Promise.all(Array.from({ length: workers }, work));
  return figures;
}

interface Simulator {
  /** undefined: it was stopped. */
  run(setup: SimulationSetup): Promise<Figures | undefined>;
  end(): Promise<unknown>;
}

const thisThread: Simulator = {
  run: (setup) => Promise.resolve(figuresOf(simulate(setup).result)),
  end: () => Promise.resolve(),
};

function workerThread(signal: AbortSignal | undefined): Simulator {
  const worker = new Worker(new URL('claim-worker.js', import.meta.url));
  return {
    run: (setup) =>
      new Promise((resolve, reject) => {
        const stop = (): void => resolve(undefined);
        signal?.addEventListener('abort', stop);
        worker.once('error', reject);
        worker.once('message', ({ figures }: ClaimAnswer) => {
          worker.off('error', reject);
          signal?.removeEventListener('abort', stop);
          resolve(figures);
        });
        worker.postMessage({ setup } satisfies ClaimRequest);
      }),
    end: () => worker.terminate(),
  };
}
