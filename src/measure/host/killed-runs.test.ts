/**
 * Goal: whatever ends a run, in whatever moment, the host is as it was: by the run itself where it can still
 * act, else by the next or by `restoreLeftovers`. Two runs at once: one of them is told to wait. Real
 * processes, real settings.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { tryBuild } from '../../../scripts/lib/build.mjs';
import { repositoryRoot, requires } from '../../../test/requires.js';
import { hostToItself } from '../../../test/support/host-to-itself.js';
import { Journal, restoreLeftovers } from './journal.js';
import { identityOf, isAlive } from './process-identity.js';
import { lockHolder, RunLock } from './run-lock.js';
import { settingValue } from './settings.js';

// Settings that matter to nobody else while these tests run.
const KSM_MIN = '/sys/kernel/mm/ksm/advisor_min_pages_to_scan';
const KSM_CPU = '/sys/kernel/mm/ksm/advisor_max_cpu';
const ALLOC_SLEEP = '/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs';
const MAX_SHARED = '/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_shared';
const RATE = '/proc/sys/kernel/numa_balancing_promote_rate_limit_MBps';
const PATHS = [KSM_MIN, KSM_CPU, ALLOC_SLEEP, MAX_SHARED, RATE].filter((path) => existsSync(path));

const host = requires('ksm');
const base = mkdtempSync(join(tmpdir(), 'faultline-test-'));
const folder = join(base, 'state');
const work = join(base, 'faultline-work');
const valuesNow = () => PATHS.map((path) => [path, settingValue(path)]);
let before: ReturnType<typeof valuesNow>;
const started: ChildProcess[] = [];

hostToItself();
beforeAll(() => {
  before = valuesNow();
  expect(tryBuild(repositoryRoot)).toBe(true);
});
// A test that failed must not leave its run behind.
afterEach(async () => {
  await Promise.all(started.splice(0).map((child) => killGroup(child)));
  restoreLeftovers(folder);
});
afterAll(() => {
  expect(valuesNow()).toEqual(before);
  rmSync(base, { recursive: true });
});

const moduleAt = (name: string): string =>
  JSON.stringify(pathToFileURL(join(repositoryRoot, 'dist', 'measure', 'host', name)).href);

/** A program of a run: has `lock`, `journal` and `done(text)`, which prints and waits for ever. */
function programOf(body: string): string {
  return `
    import { mkdirSync, writeFileSync } from 'node:fs';
    import { spawn } from 'node:child_process';
    import { RunLock } from ${moduleAt('run-lock.js')};
    import { Journal } from ${moduleAt('journal.js')};
    const paths = ${JSON.stringify(PATHS)};
    const [work, folder] = ${JSON.stringify([work, folder])};
    const forever = setInterval(() => undefined, 1000);
    const done = (text) => new Promise(() => process.stdout.write(text + '\\n'));
    const lock = RunLock.acquire('a test', folder);
    const journal = Journal.open(lock);
    ${body}`;
}

/** A process group of its own, so that all of it can be killed. */
function start(body: string): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '-e', programOf(body)], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk]: unknown[] = child.stdout === null ? [] : await once(child.stdout, 'data');
  return String(chunk).trim();
}

/** Ends a group, when there is still one, and waits for its first process. */
async function killGroup(child: ChildProcess): Promise<void> {
  const closed = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  if (child.pid !== undefined) {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It had ended.
    }
  }
  await closed;
}

/** Changes settings all the time, makes folders, files and processes, and sometimes ends in order. */
const BUSY_RUN = `
  process.stdout.write('started\\n');
  for (let round = 0; ; round++) {
    const mark = journal.mark();
    const registered = journal.register({ kind: 'folder', path: work });
    mkdirSync(work, { recursive: true });
    writeFileSync(work + '/' + round, 'x');
    // Not in this process's group, so it is left behind; where no pid was kept it ends by itself.
    const child = spawn('sleep', ['5'], { stdio: 'ignore', detached: true });
    journal.register({ kind: 'process', pid: child.pid });
    process.stdout.write('child ' + child.pid + '\\n');
    for (const path of paths) journal.set(path, String(41 + (round % 40)));
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (round % 3 === 0) journal.rollback(mark);
    for (const path of paths) journal.set(path, String(11 + (round % 30)));
  }`;

host.it(
  '50 runs are killed at random moments, and the host is as it was after each',
  async () => {
    const changedAtKill: number[] = [];
    for (let kill = 0; kill < 50; kill++) {
      const child = start(BUSY_RUN);
      let output = '';
      child.stdout?.on('data', (chunk) => (output += String(chunk)));
      // From before the first line of the program to a few dozen rounds into it.
      const isEarly = kill % 5 === 0;
      if (!isEarly) await firstLine(child);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * (isEarly ? 120 : 60)));
      await killGroup(child);
      const changed = valuesNow().filter(
        ([path, value], i) => path === before[i][0] && value !== before[i][1],
      );
      changedAtKill.push(changed.length);
      const results = restoreLeftovers(folder);
      expect(results.filter(({ outcome }) => outcome === 'failed' || outcome === 'foreign')).toEqual([]);
      expect([valuesNow(), existsSync(work), existsSync(folder)]).toEqual([before, false, false]);
      // A run may be killed before the pid is written down; it is then not in the output either.
      for (const [, pid] of output.matchAll(/child (\d+)\n/g)) {
        expect(readOrNothing(`/proc/${pid}/cmdline`)).not.toContain('sleep');
      }
    }
    // The moments were worth it: most runs were killed with the host changed.
    expect(changedAtKill.filter((count) => count > 0).length).toBeGreaterThan(20);
  },
  120_000,
);

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const CHANGE = `for (const path of paths) journal.set(path, '77');`;
const endings: [how: string, body: string, code: number | null, signal: string | null][] = [
  ['its own end', `${CHANGE} clearInterval(forever);`, 0, null],
  ['process.exit', `${CHANGE} process.exit(5);`, 5, null],
  [
    'an uncaught error',
    `${CHANGE} setTimeout(() => { throw new Error('lost'); }, 1); await done('x');`,
    1,
    null,
  ],
  [
    'a rejection nobody handles',
    `${CHANGE} void Promise.reject(new Error('lost')); await done('x');`,
    1,
    null,
  ],
  [
    'an error of a worker',
    `${CHANGE} const { Worker } = await import('node:worker_threads');
     new Worker('throw new Error("lost")', { eval: true }); await done('x');`,
    1,
    null,
  ],
  ...(['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal): (typeof endings)[number] => [
    signal,
    `${CHANGE} setTimeout(() => process.kill(process.pid, '${signal}'), 1); await done('x');`,
    null,
    signal,
  ]),
  [
    'a signal that the command handles itself',
    `${CHANGE} process.once('SIGINT', () => setTimeout(() => process.exit(130), 5));
     setTimeout(() => process.kill(process.pid, 'SIGINT'), 1); await done('x');`,
    130,
    null,
  ],
];

for (const [how, body, code, signal] of endings) {
  host.it(`${how} puts everything back at once`, () => {
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', programOf(body)], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect([result.status, result.signal]).toEqual([code, signal]);
    expect([valuesNow(), existsSync(folder)]).toEqual([before, false]);
    expect(result.stderr.includes('lost')).toBe(body.includes('lost'));
  });
}

host.it('a second run is refused with the pid of the first, and may start when that was killed', async () => {
  const first = start(`${CHANGE} await done('ready');`);
  try {
    expect(await firstLine(first)).toBe('ready');
    const { pid } = first;
    const second = spawnSync(process.execPath, ['--input-type=module', '-e', programOf('')], {
      encoding: 'utf8',
    });
    expect(second.stderr).toContain(`another run is going on: pid ${pid} (a test), since `);
    expect(() => restoreLeftovers(folder)).toThrow(`pid ${pid} (a test)`);
    expect(lockHolder(folder)).toMatchObject({
      pid,
      command: 'a test',
      startTime: identityOf(pid ?? 0)?.startTime,
    });
    expect(settingValue(PATHS[0])).toBe('77');
  } finally {
    await killGroup(first);
  }
  expect(lockHolder(folder)).toBeUndefined();
  const third = start(
    `await done(String(journal.recovered.filter((x) => x.outcome === 'restored').length));`,
  );
  expect(await firstLine(third)).toBe(String(PATHS.length));
  expect(valuesNow()).toEqual(before);
  await killGroup(third);
  restoreLeftovers(folder);
});

host.it('a child that holds the lock of a killed run is ended, and nobody else is', async () => {
  // As a forked copy of the process would, the child has the file of the lock open.
  const run = start(`
    const { readdirSync, readlinkSync } = await import('node:fs');
    const file = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } };
    const fd = Number(readdirSync('/proc/self/fd').find((each) => file(each).endsWith('run.lock')));
    const child = spawn('sleep', ['30'], { detached: true, stdio: ['ignore', 'ignore', 'ignore', fd] });
    journal.register({ kind: 'process', pid: child.pid });
    await done(String(child.pid));`);
  const pid = Number(await firstLine(run));
  await killGroup(run);
  const child = identityOf(pid);
  expect(child && isAlive(child)).toBe(true);
  expect(restoreLeftovers(folder).map(({ what }) => what)).toEqual([`process ${pid}`]);
  expect(child && isAlive(child)).toBe(false);
  expect(existsSync(folder)).toBe(false);
});

host.it('a mount of a run goes, one that was there before stays', () => {
  const [ours, theirs] = ['ours', 'theirs'].map((name) => join(base, name));
  for (const path of [ours, theirs]) mkdirSync(path);
  const mount = (path: string): void => {
    expect(spawnSync('mount', ['-t', 'tmpfs', 'none', path], { encoding: 'utf8' }).stderr).toBe('');
  };
  mount(theirs);
  const lock = RunLock.acquire('test', folder);
  const journal = Journal.open(lock);
  journal.register({ kind: 'mount', path: ours, type: 'tmpfs' });
  journal.register({ kind: 'mount', path: theirs, type: 'tmpfs' });
  mount(ours);
  const results = journal.close();
  lock.release();
  const left = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  spawnSync('umount', [theirs]);
  for (const path of [ours, theirs]) rmdirSync(path);
  expect(results).toEqual([{ what: `mount ${ours}`, outcome: 'restored', detail: 'removed' }]);
  expect(left.filter((line) => line.includes(base))).toHaveLength(1);
});

host.it('of many that start at once, one at a time has the lock', async () => {
  const body = `
    const { openSync, closeSync, unlinkSync } = await import('node:fs');
    closeSync(openSync(${JSON.stringify(join(base, 'inside'))}, 'wx'));
    await new Promise((resolve) => setTimeout(resolve, 30));
    unlinkSync(${JSON.stringify(join(base, 'inside'))});
    clearInterval(forever);
    journal.close();
    lock.release();
    process.stdout.write('had it\\n');`;
  const children = Array.from({ length: 12 }, () => start(body));
  const outcomes = await Promise.all(
    children.map(async (child) => {
      let text = '';
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk) => (text += String(chunk)));
      await once(child, 'close');
      return text;
    }),
  );
  const had = outcomes.filter((text) => text === 'had it\n');
  const refused = outcomes.filter((text) => text.includes('another run '));
  expect(had.length).toBeGreaterThan(0);
  expect(had.length + refused.length).toBe(children.length);
  expect(readdirSync(base)).toEqual([]);
});
