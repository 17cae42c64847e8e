/**
 * Installs the npm packages when they are not those of package-lock.json. Uses nothing but Node: it runs in a
 * fresh clone.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ToolingError, say } from './say.mjs';

/**
 * @typedef {object} LockedPackage
 * @property {string} [version]
 * @property {boolean} [optional]
 * @property {Record<string, string>} [optionalDependencies]
 * @typedef {Record<string, LockedPackage>} LockedPackages by folder, such as node_modules/yaml
 */

/**
 * Installs the packages of package-lock.json in `root` unless they are there.
 *
 * @param {string} root
 * @throws ToolingError when npm fails, in one line
 */
export function ensureInstalled(root) {
  const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
  // An optional package that npm could not install is no reason to try again at every start: the stamp
  // remembers.
  const stamp = join(root, 'node_modules', '.faultline-installed');
  const hash = createHash('sha256').update(lockText).digest('hex');
  const installedText = readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (installedText !== undefined) {
    if (readIfThere(stamp) === hash) return;
    if (firstDifference(packagesOf(lockText), packagesOf(installedText)) === undefined) {
      writeFileSync(stamp, hash);
      return;
    }
  }
  say('installing npm packages (once; about a minute) ...');
  runNpm(root);
  writeFileSync(stamp, hash);
}

/**
 * The first package that is not installed as locked, or undefined. Optional packages may be absent, for they
 * may be for other machines; those that package.json names itself may not.
 *
 * @internal for tests
 * @param {LockedPackages} locked
 * @param {LockedPackages} installed
 * @returns {string | undefined}
 */
export function firstDifference(locked, installed) {
  const wanted = locked['']?.optionalDependencies ?? {};
  return Object.keys(locked).find((folder) => {
    if (folder === '') return false;
    const { version, optional } = locked[folder];
    const there = installed[folder];
    if (there !== undefined) return there.version !== version;
    return optional !== true || folder.replace('node_modules/', '') in wanted;
  });
}

const networkCodes = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTCACHED',
  'ENOTFOUND',
  'ETIMEDOUT',
]);

/**
 * `npm install --no-save` and not `npm ci`: package-lock.json need not list the optional packages of every
 * other platform (npm leaves out those that its registry lacked), npm ci then refuses, and this one adds what
 * is pinned.
 *
 * @param {string} root
 */
function runNpm(root) {
  const flags = ['install', '--no-save', '--ignore-scripts', '--include=dev', '--include=optional'];
  const quiet = ['--no-fund', '--no-audit', '--loglevel=error'];
  const npm = process.env.npm_execpath ?? '';
  // Started by npm: the same npm. Otherwise the one on PATH.
  const command = npm.endsWith('.js') ? [process.execPath, npm] : ['npm'];
  const [program, ...args] = [...command, ...flags, ...quiet];
  const result = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (result.status === 0) return;
  if (result.error !== undefined)
    throw new ToolingError(`cannot run npm (${result.error.message}): is it installed?`);
  throw new ToolingError(
    `cannot install npm packages: ${npmCause(result.stderr)} ('npm install' shows all of it)`,
  );
}

/**
 * The cause in what npm wrote to stderr, in one line.
 *
 * @internal for tests
 * @param {string} stderr
 */
export function npmCause(stderr) {
  const lines = stderr.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim());
  const code = lines.find((line) => line.startsWith('code '))?.slice('code '.length) ?? '';
  if (networkCodes.has(code))
    return `the package registry does not answer (${code}); is this machine offline?`;
  return lines.find((line) => line !== '' && !line.startsWith('code ')) ?? 'npm said nothing';
}

/**
 * @param {string} text of package-lock.json or node_modules/.package-lock.json
 * @returns {LockedPackages}
 */
function packagesOf(text) {
  return JSON.parse(text).packages ?? {};
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
