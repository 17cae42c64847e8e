/**
 * States a second of `check` beside Spin's exact search, on one core and the same protocol: learning the
 * threads, which Spin has compiled before, is in our time. And executions a second, for scale.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { show, spread, times } from './lib/pair.mjs';
import { run } from './lib/programs.mjs';
import { withTemporaryFolder } from './lib/temporary-folder.mjs';

const TURNS = 5;
const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
/** vCPUs, invalidators, attempts, rounds. */
const SCOPE = [2, 2, 3, 2];
const STATES = 806_807;

/**
 * @param {string} program
 * @param {readonly string[]} args
 */
function output(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return stdout;
}

function ours() {
  const { states, seconds } = JSON.parse(
    output('node', [join(HERE, 'check', 'explore.mjs'), ...SCOPE.map(String)]),
  );
  if (states !== STATES) throw new Error(`${states} states instead of ${STATES}`);
  return states / seconds;
}

/** @param {string} folder */
function spin(folder) {
  const text = output(join(folder, 'pan'), ['-E', '-m100000', '-w24']);
  const states = Number(/(\d+) states, stored/.exec(text)?.[1]);
  if (states !== STATES) throw new Error(`Spin has ${states} states instead of ${STATES}`);
  return states / Number(/elapsed time ([\d.]+) seconds/.exec(text)?.[1]);
}

/** @param {number} value */
const rate = (value) => `${(value / 1e6).toFixed(2)} M states/s`;

await withTemporaryFolder(async (folder) => {
  if (spawnSync('spin', ['-V']).error !== undefined) {
    process.stdout.write('check: there is no spin to compare with: apt-get install spin\n');
    return;
  }
  copyFileSync(join(HERE, 'check', 'anchor.pml'), join(folder, 'anchor.pml'));
  const [v, i, a, m] = SCOPE;
  run('spin', ['-o1', `-DV=${v}`, `-DI=${i}`, `-DA=${a}`, `-DM=${m}`, '-a', 'anchor.pml'], { cwd: folder });
  run('gcc', ['-O3', '-march=native', '-DSAFETY', '-DNOREDUCE', '-o', 'pan', 'pan.c'], { cwd: folder });
  /** @type {number[]} */
  const us = [];
  /** @type {number[]} */
  const peer = [];
  for (let turn = 0; turn < TURNS; turn++) {
    us.push(ours());
    peer.push(spin(folder));
  }
  process.stdout.write(
    `check, anchor protocol of ${STATES.toLocaleString('en-US')} states:\n` +
      `  Faultline ${show(spread(us), rate)}\n  Spin ${show(spread(peer), rate)}\n` +
      `  ratio ${show(spread(us.map((value, turn) => value / peer[turn])), times)}\n`,
  );
});
