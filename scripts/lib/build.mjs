/**
 * Builds src/ into dist/ with tsc when the sources are not those of the last build.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { compileCoroutines } from './coroutines/compile.mjs';
import { ToolingError, say } from './say.mjs';

/**
 * @param {string} root
 * @param {{ always?: boolean }} options always: build even when nothing changed
 * @throws ToolingError when the sources have type errors, which are printed before
 */
export function ensureBuilt(root, { always = false } = {}) {
  const stamp = join(root, 'dist', '.built-from');
  const state = stateOfSources(root);
  if (!always && existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;
  say('building ...');
  rmSync(stamp, { force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (result.status !== 0) {
    process.stderr.write(result.stdout + result.stderr);
    throw new ToolingError('the build failed: src/ has the errors above', 1);
  }
  removeOrphans(root);
  compileAllCoroutines(join(root, 'dist'));
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, state);
}

/**
 * Rewrites the modules of dist/ that hold coroutines.
 *
 * @param {string} dist
 * @throws ToolingError for a construct that the compiler of coroutines does not understand
 */
function compileAllCoroutines(dist) {
  for (const file of filesBelow(dist)) {
    if (!file.endsWith('.js')) continue;
    const source = readFileSync(file, 'utf8');
    try {
      const compiled = compileCoroutines(source, relative(dist, file));
      if (compiled !== source) writeFileSync(file, compiled);
    } catch (error) {
      throw new ToolingError(error instanceof Error ? error.message : String(error), 1);
    }
  }
}

/**
 * Builds as above for a run of checks, where a broken build is one failure among others: those after it say
 * more.
 *
 * @param {string} root
 * @returns {boolean} whether dist/ is what src/ says
 */
export function tryBuild(root) {
  try {
    ensureBuilt(root);
    return true;
  } catch (error) {
    if (!(error instanceof ToolingError)) throw error;
    say(error.message);
    return false;
  }
}

/**
 * Path, size and time of all that the build depends on: a changed, new or removed file changes it, and
 * comparing costs milliseconds.
 *
 * @param {string} root
 */
function stateOfSources(root) {
  const sources = filesBelow(join(root, 'src')).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].map((name) =>
    join(root, name),
  );
  const hash = createHash('sha256');
  const compiler = filesBelow(join(root, 'scripts', 'lib', 'coroutines'));
  for (const file of [...sources.toSorted(), ...compiler.toSorted(), ...settings]) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${relative(root, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/**
 * Deletes outputs whose source is gone: a test or an import must not find them.
 *
 * @param {string} root
 */
function removeOrphans(root) {
  const dist = join(root, 'dist');
  if (!existsSync(dist)) return;
  for (const file of filesBelow(dist)) {
    const stem = relative(dist, file).replace(/(\.d\.ts|\.js)(\.map)?$/, '');
    if (!existsSync(join(root, 'src', `${stem}.ts`)) && /\.(js|ts|map)$/.test(file)) rmSync(file);
  }
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
