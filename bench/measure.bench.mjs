/**
 * What measuring costs on this machine: the harness beside the least C program that does the same
 * (measure/minimal.c), timing inside the guest beside a guest that does not time, and recording the kernel's
 * events beside not recording. Runs of one table are taken in turn; ratios are of runs of the same turn.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { planOf, usableCpus } from '../dist/experiment/measure/plan.js';
import { parseOverride } from '../dist/experiment/scenario/overrides.js';
import { loadScenario } from '../dist/experiment/scenario/scenario.js';
import { Journal } from '../dist/measure/host/journal.js';
import { RunLock } from '../dist/measure/host/run-lock.js';
import { runOnce } from '../dist/measure/run/run-once.js';
import { tracingUnsupported } from '../dist/measure/tracing/tracefs.js';
import { Recorder } from '../dist/measure/tracing/recorder.js';
import { show, spread } from './lib/pair.mjs';
import { withTemporaryFolder } from './lib/temporary-folder.mjs';

/** @typedef {import('../dist/measure/run/plan.js').RunPlan} RunPlan */
/** @typedef {{ touches: number, calls: number }} Rates a second */

const TURNS = 7;
const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const MEMORY_MIB = 128;
/** As in minimal.c: the part that does not count, and the part that does. */
const WARM_UP_NS = 300e6;
const COUNTED_NS = 1e9;
/**
 * Apart from the guest a call costs the same whoever makes it, and is short: that shows the harness. In its
 * memory guest and storm slow each other down, and settle on one of several shares: that shows both.
 */
const CASES = [
  { stormKib: 0, apart: false },
  { stormKib: 4, apart: true },
  { stormKib: 64, apart: true },
  { stormKib: 64, apart: false },
];

/**
 * What minimal.c does, as a run: all vCPUs write pages in random order.
 *
 * @param {number} vcpus
 * @param {{ stormKib?: number, apart?: boolean, timed?: boolean }} [options] length of one madvise(), 0: no
 *   storm; whether vCPUs keep out of its range; whether touches are timed
 * @returns {RunPlan}
 */
function planFor(vcpus, { stormKib = 0, apart = false, timed = true } = {}) {
  const access = ['pattern=random', 'writes=100%', 'work=0ns', 'region=shared'];
  if (apart) access.push('covered=0%');
  const sets = [
    `guest.memory=${MEMORY_MIB}MiB`,
    `guest.vcpus=${vcpus}`,
    'guest.pin=true',
    'guest.prefault=false',
    ...access.map((field) => `guest.access.${field}`),
    ...(stormKib === 0 ? [] : [`storms.madvise.step=${stormKib}KiB`]),
  ];
  const scenario = loadScenario(
    stormKib === 0 ? 'quiet' : 'madvise-page',
    sets.map((set) => parseOverride('--set', set)),
  );
  const plan = planOf(scenario, usableCpus());
  const storms = /** @type {const} */ ('all');
  return {
    ...plan,
    guest: { ...plan.guest, timed },
    phases: [
      { name: 'warm-up', durationNs: WARM_UP_NS, counted: false, storms },
      { name: 'run', durationNs: COUNTED_NS, counted: true, storms },
    ],
  };
}

/**
 * @param {RunPlan} plan
 * @param {Journal} journal
 * @param {Recorder} [recorder]
 * @returns {Promise<Rates>}
 */
async function ours(plan, journal, recorder) {
  const { result } = await runOnce(plan, { settings: journal, recorder });
  const seconds = result.guest.countedNs / 1e9;
  const calls = result.storms.reduce((sum, { operations }) => sum + operations, 0);
  return { touches: result.guest.touches / seconds, calls: calls / seconds };
}

/**
 * @param {string} program
 * @param {number} vcpus
 * @param {number} stormKib
 * @param {boolean} apart
 * @returns {Rates}
 */
function minimal(program, vcpus, stormKib, apart) {
  const args = [vcpus, MEMORY_MIB, stormKib, apart ? 1 : 0, COUNTED_NS / 1e9].map(String);
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`minimal ${args.join(' ')} failed: ${stderr}`);
  const [touches, calls, seconds] = stdout.trim().split(' ').map(Number);
  return { touches: touches / seconds, calls: calls / seconds };
}

/** @param {number} value */
const rate = (value) => (value >= 1e6 ? `${(value / 1e6).toFixed(2)} M` : `${(value / 1e3).toFixed(1)} k`);
/** @param {number} value */
const ratio = (value) => value.toFixed(3);

/**
 * Runs programs in turn and prints what each did; ratios are to the last of them.
 *
 * @param {string} title
 * @param {'touches' | 'calls'} what
 * @param {string[]} names
 * @param {readonly (readonly Rates[])[]} turns
 */
function print(title, what, names, turns) {
  process.stdout.write(`${title}, a second, ${turns.length} turns, median (range)\n`);
  names.forEach((name, index) => {
    const values = spread(turns.map((turn) => turn[index][what]));
    process.stdout.write(`  ${name.padEnd(34)}${show(values, rate)}\n`);
  });
  const last = names.length - 1;
  names.slice(0, last).forEach((name, index) => {
    const ratios = spread(turns.map((turn) => turn[index][what] / turn[last][what]));
    process.stdout.write(`  ${`${name} / ${names[last]}`.padEnd(34)}${show(ratios, ratio)}\n`);
  });
}

/**
 * Turns in which everything runs once; who begins changes, and the first turn is not counted.
 *
 * @param {(() => Rates | Promise<Rates>)[]} runs
 */
async function inTurn(runs) {
  const turns = [];
  for (let turn = 0; turn <= TURNS; turn++) {
    /** @type {Rates[]} */
    const rates = [];
    const order = runs.map((_, index) => (turn % 2 === 0 ? index : runs.length - 1 - index));
    for (const index of order) rates[index] = await runs[index]();
    if (turn > 0) turns.push(rates);
  }
  return turns;
}

/**
 * @param {Journal} journal
 * @param {string} folder
 */
async function besideC(journal, folder) {
  const program = join(folder, 'minimal');
  const source = join(HERE, 'measure', 'minimal.c');
  const compiled = spawnSync('cc', ['-O2', '-pthread', '-o', program, source], { encoding: 'utf8' });
  if (compiled.status !== 0) throw new Error(`cc ${source} failed: ${compiled.stderr}`);
  for (const { stormKib, apart } of CASES) {
    for (const vcpus of [1, 2]) {
      const plan = planFor(vcpus, { stormKib, apart });
      const turns = await inTurn([() => ours(plan, journal), () => minimal(program, vcpus, stormKib, apart)]);
      const guests = `${vcpus} vCPU${vcpus > 1 ? 's' : ''}`;
      const names = ['Faultline', 'C'];
      if (stormKib === 0) print(`touches, ${guests}, no storm`, 'touches', names, turns);
      else {
        const where = apart ? 'apart from' : 'in the memory of';
        print(`madvise of ${stormKib} KiB ${where} ${guests}`, 'calls', names, turns);
        if (!apart) print(`touches meanwhile`, 'touches', names, turns);
      }
    }
  }
}

/** @param {Journal} journal */
async function timing(journal) {
  const [timed, plain] = [planFor(1), planFor(1, { timed: false })];
  const turns = await inTurn([() => ours(timed, journal), () => ours(plain, journal)]);
  print('touches that find their page, 1 vCPU, no storm', 'touches', ['timed', 'not timed'], turns);
}

/**
 * @param {Journal} journal
 * @param {string} folder
 */
async function recording(journal, folder) {
  const reason = tracingUnsupported();
  if (reason !== undefined) {
    process.stdout.write(`recording events: not here: ${reason}\n`);
    return;
  }
  const plan = planFor(2, { stormKib: 4 });
  const at = (/** @type {'light' | 'full'} */ level) => async () => {
    const recorder = Recorder.open(level, join(folder, level), journal);
    try {
      return await ours(plan, journal, recorder);
    } finally {
      await recorder.close();
    }
  };
  const turns = await inTurn([at('light'), at('full'), () => ours(plan, journal)]);
  const names = ['--trace light', '--trace full', '--trace none'];
  print('madvise of 4 KiB in the memory of 2 vCPUs', 'calls', names, turns);
  print('touches meanwhile', 'touches', names, turns);
}

if (existsSync('/dev/kvm')) {
  await withTemporaryFolder(async (folder) => {
    const lock = RunLock.acquire('npm run bench measure');
    const journal = Journal.open(lock);
    try {
      await besideC(journal, folder);
      await timing(journal);
      await recording(journal, folder);
    } finally {
      journal.close();
      lock.release();
    }
  });
} else process.stdout.write('no /dev/kvm here: nothing to measure\n');
