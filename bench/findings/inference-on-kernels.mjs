/**
 * What explain infers on real kernels, beside what probes recorded: each trace is read as it is, and again
 * without its probes. Takes folders of recordings that were made with --trace full where kprobes are
 * permitted, such as those of kernel-matrix.mjs: `node bench/findings/inference-on-kernels.mjs
 * out/kernel-matrix`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { analyse } from '../../dist/explain/analysis.js';
import { readTrace } from '../../dist/files/open-trace.js';

/** Everything that is no probe of ours. */
const WITHOUT_PROBES = ['kvm', 'kvmmmu', 'lock', 'tlb', 'ipi', 'sched', 'ksm', 'migrate', 'huge_memory'].map(
  (system) => `${system}:*`,
);
/** No event: the trace ends before. */
const NONE = 0xffffffff;

/**
 * Folders below that hold traces.
 *
 * @param {string} folder
 * @returns {string[]}
 */
function tracesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return tracesBelow(path);
    return /^trace-.*\.dat$/.test(entry.name) ? [path] : [];
  });
}

const total = {
  exact: 0,
  inferred: 0,
  correct: 0,
  yieldsExact: 0,
  yieldsInferred: 0,
  yieldsCorrect: 0,
  traces: 0,
};
/** @type {number[]} */
const widths = [];

/** @param {string} file */
async function score(file) {
  const whole = analyse(await readTrace(file));
  const bare = analyse(await readTrace(file, { filter: { events: WITHOUT_PROBES } }));
  const [exact, inferred] = [whole.invalidations, bare.invalidations];
  if (exact.count !== inferred.count)
    throw new Error(`${file}: ${exact.count} invalidations, ${inferred.count} without probes`);
  if (!exact.exactEnd.includes(1)) return;
  total.traces++;
  for (let row = 0; row < exact.count; row++) {
    total.yieldsExact += whole.yields.count[row];
    total.yieldsInferred += bare.yields.count[row];
    total.yieldsCorrect += Math.min(whole.yields.count[row], bare.yields.count[row]);
    if (exact.exactEnd[row] === 0) continue;
    total.exact++;
    const late = inferred.endEvent[row];
    if (late === NONE) continue;
    total.inferred++;
    const at = whole.trace.time[exact.lastEvent[row]];
    const [from, to] = [bare.trace.time[inferred.lastEvent[row]], bare.trace.time[late]];
    widths.push(to - from);
    if (at >= from && at <= to) total.correct++;
  }
}

const folder = process.argv[2] ?? 'out/kernel-matrix';
if (!existsSync(folder))
  throw new Error(`there is no ${folder}: node bench/findings/kernel-matrix.mjs makes it`);
for (const file of tracesBelow(folder)) await score(file);

/** @param {number} part @param {number} whole */
const percent = (part, whole) => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);
widths.sort((a, b) => a - b);
const us = (/** @type {number} */ share) =>
  `${((widths[Math.floor(share * (widths.length - 1))] ?? 0) / 1e3).toFixed(1)} us`;
process.stdout.write(
  `${total.traces} traces\n\n| what | recorded | inferred | correct | precision | recall |\n| --- | --- | --- | --- | --- | --- |\n`,
);
process.stdout.write(
  `| ends of invalidations | ${total.exact} | ${total.inferred} | ${total.correct} | ${percent(total.correct, total.inferred)} | ${percent(total.correct, total.exact)} |\n`,
);
process.stdout.write(
  `| yields, by number in each invalidation | ${total.yieldsExact} | ${total.yieldsInferred} | ${total.yieldsCorrect} | ${percent(total.yieldsCorrect, total.yieldsInferred)} | ${percent(total.yieldsCorrect, total.yieldsExact)} |\n\n`,
);
process.stdout.write(
  `An end is said to lie in a window: ${us(0.5)} wide in the middle, ${us(0.9)} at the ninth tenth.\n`,
);
