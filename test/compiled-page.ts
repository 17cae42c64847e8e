/**
 * The report page's script as the sources are now. `npm test` builds before it tests; when vitest runs alone,
 * this compiles the page's own modules (and not the rest of src/) into dist/.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './requires.js';

const folders = ['', 'page', 'timeline'];

/** @throws Error with what tsc says, when the page's script has errors */
export function compilePage(): void {
  if (isCurrent()) return;
  const tsc = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc');
  const project = join(repositoryRoot, 'src', 'report', 'page');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the page's script does not compile:\n${stdout}`);
}

/** Whether every compiled file that is there is newer than its source, and the entry is there. */
function isCurrent(): boolean {
  const compiled = (folder: string, name: string): string =>
    join(repositoryRoot, 'dist', 'report', folder, name.replace(/\.ts$/, '.js'));
  if (timeOf(compiled('page', 'main.ts')) === 0) return false;
  return folders.every((folder) =>
    readdirSync(join(repositoryRoot, 'src', 'report', folder))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .every((name) => {
        const built = timeOf(compiled(folder, name));
        const source = timeOf(join(repositoryRoot, 'src', 'report', folder, name));
        // Modules that the page does not use are compiled by the whole build only.
        return built >= source || (built === 0 && folder === '');
      }),
  );
}

function timeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
