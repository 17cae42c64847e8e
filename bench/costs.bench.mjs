/**
 * What single operations cost on this machine, beside costs/base.yaml: where its numbers of the kind
 * `measured` come from. Compiles lib/costs.c with cc.
 */
import { spawnSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { loadPreset } from '../dist/experiment/cost-files.js';
import { run } from './lib/programs.mjs';
import { withTemporaryFolder } from './lib/temporary-folder.mjs';
import { repositoryRoot } from '../scripts/lib/root.mjs';

const { costs } = loadPreset('base').table;

await withTemporaryFolder(async (folder) => {
  const program = join(folder, 'costs');
  const source = join(repositoryRoot, 'bench', 'lib', 'costs.c');
  run('cc', ['-O2', '-pthread', source, '-o', program], { stdio: ['ignore', 'inherit', 'inherit'] });
  const { status, stdout } = spawnSync(program, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`costs ended with ${status}`);
  process.stdout.write(`${cpus()[0]?.model}, Linux ${release()}; ns, median (range)\n`);
  for (const line of stdout.trimEnd().split('\n')) {
    const [name, median, least, most] = line.split(' ');
    const entry = Object.entries(costs).find(([key]) => key === name)?.[1];
    const there = entry === undefined ? '' : `; costs/base.yaml: ${entry.ns} (${entry.kind})`;
    process.stdout.write(`${name}: ${median} (${least} to ${most})${there}\n`);
  }
});
