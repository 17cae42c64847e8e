/**
 * `npm test`: every test that this machine can run. Installs and builds what is missing, checks what `npm run
 * lint` checks, runs vitest, and ends with a summary whose last line is `N passed, N failed, N skipped`.
 * Arguments go to vitest (`npm test -- src/trace`).
 */
import './lib/check-node.mjs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const { ToolingError, runScript, say } = await import('./lib/say.mjs');
const { ensureInstalled } = await import('./lib/install.mjs');
const { tryBuild } = await import('./lib/build.mjs');
const { allParts, hasPart } = await import('./lib/parts.mjs');
const { repositoryRoot } = await import('./lib/root.mjs');
const { runChecks } = await import('./lib/checks.mjs');
const { printSummary } = await import('./lib/summary.mjs');
const { runVitest } = await import('./lib/vitest.mjs');

await runScript(async () => {
  if (process.env.CI === 'true') setUpMachine();
  if (!installs()) return;
  const built = tryBuild(repositoryRoot);
  const checks = await runChecks();
  const tests = await runVitest(process.argv.slice(2));
  const failures = [
    ...(built ? [] : ['build: src/ does not compile']),
    ...checks.failures,
    ...tests.failures,
  ];
  const passed = (built ? 1 : 0) + checks.passed + tests.passed;
  if (failures.length > 0) process.exitCode = 1;
  printSummary({ passed, failed: failures.length, failures, skipped: tests.skipped });
});

/** Tests whose part is still missing after this fail by themselves: the log then says what apt-get said. */
function setUpMachine() {
  const missing = allParts().filter((part) => part.need === 'required' && !hasPart(part));
  if (missing.length === 0) return;
  say(`missing: ${missing.map((part) => part.name).join(', ')}; running scripts/setup-machine`);
  spawnSync(join(repositoryRoot, 'scripts', 'setup-machine'), { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** Even when nothing can run, the last line says so in the form that other programs read. */
function installs() {
  try {
    ensureInstalled(repositoryRoot);
    return true;
  } catch (error) {
    if (!(error instanceof ToolingError)) throw error;
    process.exitCode = error.code;
    printSummary({ passed: 0, failed: 1, failures: [error.message], skipped: [] });
    return false;
  }
}
