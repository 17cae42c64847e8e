/**
 * Runs the peers, their output thrown away, and times them as whole processes.
 */
import { spawnSync } from 'node:child_process';

/**
 * Milliseconds of one run of a program; its output goes to /dev/null.
 *
 * @param {string} program
 * @param {readonly string[]} args
 */
export function timeProgram(program, args) {
  const started = performance.now();
  const result = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  if (result.status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${result.status ?? result.error}`);
  return performance.now() - started;
}

/**
 * Runs a program that must succeed.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} [options]
 */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'ignore'], ...options });
  if (result.status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${result.status ?? result.error}`);
}
