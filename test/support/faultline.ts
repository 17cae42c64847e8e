/** The built command line, as a user's shell sees it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from '../requires.js';

/** What `node` is to run. Build before: `tryBuild(repositoryRoot)`. */
export const faultlineMain = join(repositoryRoot, 'dist', 'cli', 'main.js');

/** Runs `faultline ARGS` in `folder`. */
export function faultlineIn(folder: string, ...args: string[]) {
  const result = spawnSync(process.execPath, [faultlineMain, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
}
