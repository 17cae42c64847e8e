import { spawn } from 'node:child_process';
import { repositoryRoot } from './root.mjs';

/**
 * Runs `node ARGS` in the repository's root and waits for it. SIGTERM is passed on; Ctrl-C reaches the child
 * through the terminal.
 *
 * @param {string[]} args
 * @param {{ show: boolean, env?: Record<string, string> }} options show: let it write to this terminal
 * @returns {Promise<{ code: number, output: string }>} output: what it wrote, when not shown
 */
export function runNode(args, { show, env = {} }) {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: repositoryRoot,
      env: { ...process.env, ...env },
      stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
    const terminate = () => child.kill('SIGTERM');
    process.once('SIGTERM', terminate);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('SIGTERM', terminate);
      settle({ code: code ?? 1, output });
    });
  });
}
