import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled } from './install.mjs';
import { repositoryRoot } from './root.mjs';
import { ToolingError } from './say.mjs';

/** Installs and builds what is missing or out of date. */
export function prepare() {
  ensureInstalled(repositoryRoot);
  ensureBuilt(repositoryRoot);
}

/**
 * Runs the built command line in this very process: signals reach it once, and its exit code is this
 * process's.
 *
 * @param {string[]} args of the command line, without node and script
 */
export async function runCli(args) {
  const main = join(repositoryRoot, 'dist', 'cli', 'main.js');
  if (!existsSync(main))
    throw new ToolingError(
      'dist/cli/main.js is missing although the build went well: is src/cli/main.ts there?',
    );
  process.argv = [process.execPath, main, ...args];
  await import(pathToFileURL(main).href);
}
