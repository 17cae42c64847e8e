import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('decode-once.mjs', import.meta.url));

/**
 * Decodes `file` in a fresh process.
 *
 * @param {string} file
 * @returns {{ milliseconds: number, events: number, bytes: number, whole: number }} whole: of the process, in
 * ms
 */
export function decode(file) {
  const started = performance.now();
  const result = spawnSync(process.execPath, [script, file], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(result.stderr);
  return { ...JSON.parse(result.stdout), whole: performance.now() - started };
}
