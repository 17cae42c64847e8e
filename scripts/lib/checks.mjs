/** The checks of `npm run lint` that are not vitest tests. */
import { join } from 'node:path';
import { runNode } from './run-node.mjs';

const tsc = join('node_modules', 'typescript', 'bin', 'tsc');

const checks = [
  { name: 'types', args: [tsc, '-p', 'tsconfig.json'] },
  { name: 'types without Node (what runs in a browser)', args: [tsc, '-p', 'tsconfig.browser.json'] },
  { name: 'types of the build', args: [tsc, '-p', 'tsconfig.build.json', '--noEmit'] },
  { name: 'oxlint', args: [join('node_modules', 'oxlint', 'bin', 'oxlint')] },
  {
    name: 'oxfmt (npm run format repairs it)',
    args: [join('node_modules', 'oxfmt', 'bin', 'oxfmt'), '--check'],
  },
];

/** `npm run lint` and `npm test` share this one: the house rules are vitest tests. */
export const tidyTest = 'test/tidy.test.ts';

/**
 * Runs every check, two at a time, and prints what the failing ones say.
 *
 * @returns {Promise<{ passed: number, failures: string[] }>} failures: names of the failing checks
 */
export async function runChecks() {
  /** @type {Map<string, { code: number, output: string }>} */
  const results = new Map();
  const waiting = [...checks];
  const worker = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      results.set(check.name, await runNode(check.args, { show: false }));
    }
  };
  await Promise.all([worker(), worker()]);
  /** @type {string[]} */
  const failures = [];
  /** @type {Set<string>} */
  const printed = new Set();
  for (const { name } of checks) {
    const { code, output } = results.get(name) ?? { code: 1, output: 'did not run' };
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name}`);
    if (code === 0) continue;
    // The three type checks overlap; each error is worth one line.
    const news = output
      .trimEnd()
      .split('\n')
      .filter((line) => !name.startsWith('types') || !printed.has(line));
    if (news.length === 0) console.log('as above');
    for (const line of news) {
      console.log(line);
      printed.add(line);
    }
    failures.push(`lint: ${name}`);
  }
  return { passed: checks.length - failures.length, failures };
}
