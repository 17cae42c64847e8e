/**
 * `npm run bench`: installs and builds what is missing, then runs bench/*.bench.mjs, or those named as
 * arguments.
 */
import './lib/check-node.mjs';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const { ToolingError, runScript } = await import('./lib/say.mjs');
const { prepare } = await import('./lib/run-cli.mjs');
const { repositoryRoot } = await import('./lib/root.mjs');
const { runNode } = await import('./lib/run-node.mjs');

const suffix = '.bench.mjs';

await runScript(async () => {
  prepare();
  const files = readdirSync(join(repositoryRoot, 'bench')).filter((file) => file.endsWith(suffix));
  const there = files.map((file) => file.slice(0, -suffix.length)).toSorted();
  const asked = process.argv.slice(2);
  const unknown = asked.find((name) => !there.includes(name));
  if (unknown !== undefined) {
    throw new ToolingError(`no benchmark '${unknown}' in bench/; there are: ${there.join(', ')}`, 2);
  }
  for (const name of asked.length > 0 ? asked : there) {
    const { code } = await runNode([join('bench', name + suffix)], { show: true });
    if (code !== 0) process.exitCode = 1;
  }
});
