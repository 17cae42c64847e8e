/**
 * `faultline explain --json` of 1.5 million events, whole process: time and memory, beside `trace-cmd
 * report`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../scripts/lib/root.mjs';
import { bigTrace } from './lib/big-trace.mjs';
import { ms, paired, show, spread, times } from './lib/pair.mjs';
import { timeProgram } from './lib/programs.mjs';
import { withTemporaryFolder } from './lib/temporary-folder.mjs';

const PAIRS = 5;
const usage = fileURLToPath(new URL('lib/usage.mjs', import.meta.url));
const main = join(repositoryRoot, 'dist', 'cli', 'main.js');

await withTemporaryFolder(async (folder) => {
  const file = process.argv[2] ?? (await bigTrace(folder)).zstd;
  /** @type {number[]} */
  const memory = [];
  const explain = () => {
    const started = performance.now();
    const args = ['--import', usage, main, 'explain', '--json', file];
    const result = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
    if (result.status !== 0) throw new Error(`explain ended with ${result.status}`);
    memory.push(Number(String(result.output[3])));
    return performance.now() - started;
  };
  const { a, b, ratio } = await paired(explain, () => timeProgram('trace-cmd', ['report', file]), PAIRS);
  process.stdout.write(
    `explain of 1.5 million events, ${PAIRS} pairs\n` +
      `  faultline explain --json  ${show(a, ms)}\n` +
      `  its largest resident size ${show(spread(memory), (mb) => `${mb.toFixed(0)} MB`)}\n` +
      `  trace-cmd report          ${show(b, ms)}\n` +
      `  ratio                     ${show(ratio, times)}\n`,
  );
});
