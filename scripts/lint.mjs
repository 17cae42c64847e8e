/** `npm run lint`: types, oxlint, format and the house rules. */
import './lib/check-node.mjs';

const { runScript } = await import('./lib/say.mjs');
const { ensureInstalled } = await import('./lib/install.mjs');
const { tryBuild } = await import('./lib/build.mjs');
const { repositoryRoot } = await import('./lib/root.mjs');
const { runChecks, tidyTest } = await import('./lib/checks.mjs');
const { runVitest } = await import('./lib/vitest.mjs');

await runScript(async () => {
  ensureInstalled(repositoryRoot);
  // Code in bench/ imports what is built, and its types.
  const built = tryBuild(repositoryRoot);
  const { failures } = await runChecks();
  const tidy = await runVitest([tidyTest]);
  if (!built || failures.length + tidy.failed > 0) process.exitCode = 1;
});
