/**
 * The simulator's engine beside others, on the hold model and the FIFO mutex. Programs of one kind run in
 * turn, so that what else the machine does hits all; ratios are of runs of the same turn.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { show, spread, times } from './lib/pair.mjs';
import { withTemporaryFolder } from './lib/temporary-folder.mjs';

const TURNS = 7;
/** A share of 1,500 events or more, give or take five standard deviations. */
const TOLERANCE = 0.13;
const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname;

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string[]} command
 * @property {string} [compile] source to compile first, with g++
 * @property {string[]} [libraries]
 * @property {string} from what brings it
 */

/** @param {string} name */
const ours = (name) => ['node', join(HERE, 'engine', name)];

/** @type {{ name: string, unit: string, shares: number, us: Program[], peers: Program[] }[]} */
const CONTESTS = [
  {
    name: 'hold model, 1,000 events pending',
    unit: 'events/s',
    shares: 1000,
    us: [{ name: 'Faultline', command: [...ours('hold.mjs'), '6000000'], from: '' }],
    peers: [
      { name: 'C++ std::priority_queue', compile: 'heap-hold.cc', command: ['6000000'], from: 'g++' },
      {
        name: 'ns-3',
        compile: 'ns3.cc',
        libraries: ['-lns3-core'],
        command: ['hold', '4000000'],
        from: 'libns3-dev',
      },
    ],
  },
  {
    name: 'FIFO mutex, 64 tasks',
    unit: 'acquisitions/s',
    shares: 64,
    us: [
      { name: 'Faultline, event handlers', command: [...ours('mutex-states.mjs'), '4000000'], from: '' },
      { name: 'Faultline, compiled coroutines', command: [...ours('mutex.mjs'), '4000000'], from: '' },
    ],
    peers: [
      {
        name: 'ns-3, event handlers',
        compile: 'ns3.cc',
        libraries: ['-lns3-core'],
        command: ['mutex', '3000000'],
        from: 'libns3-dev',
      },
      {
        name: 'SimGrid, actors',
        compile: 'simgrid-mutex.cc',
        libraries: ['-lsimgrid'],
        command: ['300000'],
        from: 'libsimgrid-dev',
      },
      {
        name: 'SimPy, processes',
        command: ['/usr/bin/python3', join(HERE, 'peers', 'simpy_mutex.py'), '100000'],
        from: 'python3-simpy3',
      },
    ],
  },
];

/**
 * The command line of a program, compiled if need be; undefined, with a word on stderr, where it cannot be
 * had.
 *
 * @param {Program} program
 * @param {string} folder
 */
function prepared({ name, compile, libraries = [], command, from }, folder) {
  let line = command;
  if (compile !== undefined) {
    const binary = join(folder, compile.replace('.cc', ''));
    const args = ['-O3', '-march=native', '-o', binary, join(HERE, 'peers', compile), ...libraries];
    if (spawnSync('g++', args, { stdio: 'ignore' }).status !== 0) line = [];
    else line = [binary, ...command];
  } else if (command[0] !== 'node' && spawnSync(command[0], [...command.slice(1, -1), '100']).status !== 0) {
    line = [];
  }
  if (line.length > 0) return line;
  process.stderr.write(`${name}: not here (Debian package ${from}), left out\n`);
  return undefined;
}

/**
 * Work per second, as the program itself says.
 *
 * @param {string[]} command
 * @param {number} shares destinations or tasks, which share the work evenly
 * @throws Error when the first one did not get its share: then the program did other work
 */
function rate([program, ...args], shares) {
  const { status, stdout, stderr } = spawnSync(program === 'node' ? process.execPath : program, args, {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  const [count, seconds, first] = stdout.trim().split(' ').map(Number);
  if (!(Math.abs((first * shares) / count - 1) < TOLERANCE))
    throw new Error(`${program} ${args.join(' ')}: ${first} of ${count} went to the first of ${shares}`);
  return count / seconds;
}

/** @param {number} value */
const millions = (value) => `${(value / 1e6).toFixed(value < 1e6 ? 2 : 1)} M`;

await withTemporaryFolder(async (folder) => {
  for (const { name, unit, shares, us, peers } of CONTESTS) {
    const there = [...us, ...peers].flatMap((program) => {
      const command = prepared(program, folder);
      return command === undefined ? [] : [{ ...program, command, rates: /** @type {number[]} */ ([]) }];
    });
    for (let turn = 0; turn < TURNS; turn++) {
      for (const program of there) program.rates.push(rate(program.command, shares));
    }
    process.stdout.write(`${name}, ${unit}, ${TURNS} turns, median (range)\n`);
    for (const program of there) {
      process.stdout.write(`  ${program.name.padEnd(32)}${show(spread(program.rates), millions)}\n`);
    }
    for (const mine of there.slice(0, us.length)) {
      for (const peer of there.slice(us.length)) {
        const ratios = spread(mine.rates.map((value, turn) => value / peer.rates[turn]));
        process.stdout.write(`  ${`${mine.name} / ${peer.name}`.padEnd(64)}${show(ratios, times)}\n`);
      }
    }
  }
});
