/**
 * The tables of docs/findings/kernel-matrix.md: three scenarios under three kernels with the preemption
 * models that each can switch to, in the bench VM, every run traced and explained. Recordings go to a
 * folder and are used again when they are there: `node bench/findings/kernel-matrix.mjs out/kernel-matrix`
 * goes on where it was stopped.
 *
 * Needs QEMU, an hour, `faultline kernels add 6.1`, `6.12` and `7.2`, and two kernels of one tree:
 * `faultline kernels build TREE --name 6.12-stock` and
 * `faultline kernels build TREE --edit no-yield --name 6.12-no-yield`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { analyse } from '../../dist/explain/analysis.js';
import { summarise } from '../../dist/explain/explain.js';
import { readTrace } from '../../dist/files/open-trace.js';
import { spread } from '../lib/pair.mjs';

const REPEATS = 5;
const ARMS = {
  6.1: ['voluntary', 'full'],
  6.12: ['voluntary', 'full'],
  7.2: ['lazy', 'full'],
  // The same tree built twice, once without the yield: nothing else differs.
  '6.12-stock': ['voluntary', 'full'],
  '6.12-no-yield': ['voluntary', 'full'],
};
const SCENARIOS = ['ksm-and-numa', 'uncovered', 'madvise-large'];
/** A guest that an emulated machine of two CPUs can bear. */
const SETS = ['guest.memory=64MiB', 'guest.vcpus=2', 'duration=1s'];

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const folder = resolve(process.argv[2] ?? 'out/kernel-matrix');

/** @param {string} scenario */
function measure(scenario) {
  const out = join(folder, scenario);
  for (const [kernel, models] of Object.entries(ARMS)) {
    const home = join(out, kernel);
    if (existsSync(join(home, 'recording.json'))) continue;
    const arms = models.flatMap((model) => ['--arm', `kernel=${kernel},preempt=${model}`]);
    const sets = SETS.flatMap((set) => ['--set', set]);
    const args = [
      'measure',
      scenario,
      ...arms,
      ...sets,
      '--lenient',
      '--repeat',
      String(REPEATS),
      '--trace',
      'full',
    ];
    process.stderr.write(`${scenario} under ${kernel} ...\n`);
    const { status } = spawnSync(process.execPath, [MAIN, ...args, '--out', home], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) process.stderr.write(`${scenario} under ${kernel}: exit code ${status}; left out\n`);
  }
}

/**
 * Figures of every counted run of an arm.
 *
 * @param {string} home
 * @param {string} model
 */
async function figures(home, model) {
  const recording = JSON.parse(readFileSync(join(home, 'recording.json'), 'utf8'));
  const runs = [];
  for (const run of recording.runs) {
    if (run.trace === undefined || run.arm !== `preempt=${model}`) continue;
    const trace = await readTrace(join(home, run.trace.file));
    const explanation = summarise(analyse(trace, { preempt: model }));
    const { fault, invalidations, locks } = explanation;
    const seconds = explanation.trace.durationNs / 1e9;
    const mmuLocks = locks.filter(({ mmuLock }) => mmuLock.likely);
    const sum = (/** @type {(lock: any) => number} */ of) =>
      mmuLocks.reduce((total, lock) => total + of(lock), 0);
    runs.push({
      release: recording.host.kernel,
      touches: run.result.guest.touchesPerSecond,
      attempts: fault.attempts / seconds,
      retried: (100 * fault.outcomes.retried) / Math.max(1, fault.attempts),
      longest: fault.longestEpisode,
      invalidations: invalidations.count / seconds,
      yields: invalidations.yields / seconds,
      yieldSource: invalidations.yieldSource,
      waits: sum((lock) => lock.waits) / seconds,
      lost: run.trace.lost + run.trace.overrun,
    });
  }
  return runs;
}

/** @param {number} value */
const number = (value) =>
  value >= 1e5
    ? `${(value / 1e3).toFixed(0)} k`
    : value >= 100
      ? value.toFixed(0)
      : value >= 1
        ? value.toFixed(1)
        : value.toFixed(2);

/** @param {number[]} values */
function cell(values) {
  const { min, median, max } = spread(values);
  return max === 0 ? '0' : `${number(median)} (${number(min)} to ${number(max)})`;
}

const COLUMNS = /** @type {const} */ ([
  ['touches/s', 'touches'],
  ['faults/s', 'attempts'],
  ['retried, %', 'retried'],
  ['longest episode', 'longest'],
  ['invalidations/s', 'invalidations'],
  ['yields/s', 'yields'],
  ['mmu_lock waits/s', 'waits'],
]);

for (const scenario of SCENARIOS) {
  measure(scenario);
  const lines = [];
  let source = '';
  for (const [kernel, models] of Object.entries(ARMS)) {
    const home = join(folder, scenario, kernel);
    if (!existsSync(join(home, 'recording.json'))) continue;
    for (const model of models) {
      const runs = await figures(home, model);
      if (runs.length === 0) continue;
      const lost = runs.reduce((sum, run) => sum + run.lost, 0);
      if (lost > 0) process.stderr.write(`${scenario}, ${kernel}, ${model}: ${lost} events lost\n`);
      source += `${kernel} ${model}: ${runs[0].yieldSource}; `;
      const cells = COLUMNS.map(([, key]) => cell(runs.map((run) => run[key])));
      lines.push(`| ${kernel}, ${model} | ${runs.length} | ${cells.join(' | ')} |`);
    }
  }
  process.stdout.write(
    `## ${scenario}\n\n| kernel, preempt | runs | ${COLUMNS.map(([head]) => head).join(' | ')} |\n`,
  );
  process.stdout.write(
    `| --- | --- |${' --- |'.repeat(COLUMNS.length)}\n${lines.join('\n')}\n\n(yields: ${source})\n\n`,
  );
}
