/** `npm run build`: compiles src/ into dist/, whether or not anything changed. */
import './lib/check-node.mjs';

const { runScript } = await import('./lib/say.mjs');
const { ensureInstalled } = await import('./lib/install.mjs');
const { ensureBuilt } = await import('./lib/build.mjs');
const { repositoryRoot } = await import('./lib/root.mjs');

await runScript(() => {
  ensureInstalled(repositoryRoot);
  ensureBuilt(repositoryRoot, { always: true });
});
