import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runNode } from './run-node.mjs';

/**
 * Runs vitest and collects what summary-reporter.mjs saw.
 *
 * @param {string[]} filters and other arguments of vitest
 * @returns {Promise<import('./summary-reporter.mjs').Summary>}
 */
export async function runVitest(filters) {
  const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
  const file = join(folder, 'summary.json');
  try {
    const vitest = join('node_modules', 'vitest', 'vitest.mjs');
    const { code } = await runNode([vitest, 'run', ...filters], {
      show: true,
      env: { FAULTLINE_SUMMARY: file },
    });
    const summary = readSummary(file);
    if (code !== 0 && summary.failed === 0) {
      // Whatever vitest did not like (no test matched, a worker died), it must not pass for success.
      summary.failed++;
      summary.failures.push(`vitest: exit code ${code}, see its output above`);
    }
    return summary;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} file
 * @returns {import('./summary-reporter.mjs').Summary}
 */
function readSummary(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, failures: ['vitest: ended without a summary'], skipped: [] };
  }
}
