/** Installs and builds what is missing, once, then runs the command line with the given arguments. */
import './lib/check-node.mjs';

const { runScript } = await import('./lib/say.mjs');
const { prepare, runCli } = await import('./lib/run-cli.mjs');

await runScript(async () => {
  prepare();
  await runCli(process.argv.slice(2));
});
