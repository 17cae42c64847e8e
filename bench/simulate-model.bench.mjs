/**
 * The whole model at work: fault attempts a second of `quiet` with 64 vCPUs on one core, with statistics and
 * without a trace, and what an attempt is made of. The same with one vCPU, whose thread is never suspended,
 * shows what suspensions cost; the engine's mutex as coroutines shows what a suspension is without a model.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseOverride } from '../dist/experiment/scenario/overrides.js';
import { loadScenario } from '../dist/experiment/scenario/scenario.js';
import { simulationOf } from '../dist/experiment/simulation.js';
import { buildSimulation } from '../dist/simulate/build.js';
import { Statistics } from '../dist/simulate/statistics.js';
import { show, spread } from './lib/pair.mjs';

/** @typedef {import('../dist/simulate/result.js').RunSummary} RunSummary */

const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const TURNS = 9;
/** Runs that are not counted: the engine compiles while it runs them. */
const WARM_UP = 4;
/** vCPUs, and the virtual time that each of them needs for about 500 faults or more. */
const SIZES = [
  { vcpus: 64, untilNs: 6.5e6 },
  { vcpus: 1, untilNs: 40e6 },
];

/**
 * One run.
 *
 * @param {number} vcpus
 * @param {number} untilNs
 */
function run(vcpus, untilNs) {
  const sets = [`guest.vcpus=${vcpus}`, `machine.cpus=${vcpus}`];
  const scenario = loadScenario(
    'quiet',
    sets.map((set) => parseOverride('--set', set)),
  );
  const { sim, machine, covered } = buildSimulation(simulationOf(scenario, { untilNs }));
  const statistics = new Statistics({
    threads: sim.threads,
    vcpus,
    mmuLock: machine.kvm.mmuLock,
    covered,
  });
  sim.observers.push(statistics);
  const before = process.cpuUsage();
  sim.run(untilNs, Infinity);
  // All threads of the process: the garbage collector's and the compiler's count, too.
  const { user, system } = process.cpuUsage(before);
  // The rest of the summary describes the run for readers.
  const summary = /** @type {RunSummary} */ (/** @type {unknown} */ ({ simulatedNs: sim.queue.time }));
  const { attempts } = statistics.result(summary).faults;
  return { attempts, seconds: (user + system) / 1e6, operations: sim.operations, events: sim.events };
}

/** Acquisitions a second of the engine's mutex, each of which suspends its task twice. */
function mutex() {
  const command = [join(HERE, 'engine', 'mutex.mjs'), '1000000'];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`mutex.mjs failed: ${stderr}`);
  const [count, seconds] = stdout.trim().split(' ').map(Number);
  return count / seconds;
}

/** @param {number} value */
const thousands = (value) => `${(value / 1e3).toFixed(0)} k`;

for (const { vcpus, untilNs } of SIZES) {
  for (let turn = 0; turn < WARM_UP; turn++) run(vcpus, untilNs);
}
const runs = SIZES.map(() => /** @type {ReturnType<typeof run>[]} */ ([]));
/** @type {number[]} */
const acquisitions = [];
for (let turn = 0; turn < TURNS; turn++) {
  for (const [size, { vcpus, untilNs }] of SIZES.entries()) runs[size].push(run(vcpus, untilNs));
  acquisitions.push(mutex());
}
process.stdout.write(`quiet, tracing off, one core, ${TURNS} turns, median (range)\n`);
for (const [size, { vcpus }] of SIZES.entries()) {
  const rates = spread(runs[size].map(({ attempts, seconds }) => attempts / seconds));
  const [{ attempts, operations, events }] = runs[size];
  const each = [operations, events].map((count) => (count / attempts).toFixed(1));
  const name = `${vcpus} vCPU${vcpus === 1 ? '' : 's'}, fault attempts/s`;
  process.stdout.write(
    `  ${name.padEnd(32)}${show(rates, thousands)}, ${each[0]} operations and ${each[1]} events each\n`,
  );
}
process.stdout.write(`  ${'mutex, acquisitions/s'.padEnd(32)}${show(spread(acquisitions), thousands)}\n`);
