/**
 * Goal: `faultline measure` on the KVM of this host, as a user's shell sees it: what it writes, what it
 * refuses, and that nothing stays changed, whatever ends it.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { tryBuild } from '../scripts/lib/build.mjs';
import { recordingSchema, type Recording } from '../src/experiment/recording/schema.js';
import { readKnobs } from '../src/measure/host/facts/knobs.js';
import { repositoryRoot, requires } from './requires.js';
import { hostToItself } from './support/host-to-itself.js';

const { describe, it } = requires('kvm');
const { it: itKill } = requires('kvm', 'ksm', 'tracing');

const main = join(repositoryRoot, 'dist', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
const THP = '/sys/kernel/mm/transparent_hugepage/enabled';
// Runs of this test are refused by nobody else's, and refuse nobody.
const env = { ...process.env, FAULTLINE_STATE: join(folder, 'state') };

hostToItself();
beforeAll(() => expect(tryBuild(repositoryRoot)).toBe(true));
afterAll(() => rmSync(folder, { recursive: true }));

function faultline(...args: string[]): { code: number | null; out: string; err: string } {
  const options = { cwd: folder, env, encoding: 'utf8', maxBuffer: 1 << 28, timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], options);
  return { code: status, out: stdout, err: stderr };
}

const started = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [main, ...args], { cwd: folder, env, detached: true, stdio: 'pipe' });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const ended = (child: ChildProcess): Promise<number | null> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise((resolve) => child.once('exit', resolve));

/** Settings that the runs of this test may change. */
function settings(): Record<string, string | undefined> {
  const knobs = readKnobs();
  const names = ['run', 'pages_to_scan', 'sleep_millisecs', 'max_page_sharing', 'smart_scan'];
  const files = [...names.map((name) => `/sys/kernel/mm/ksm/${name}`), THP];
  return Object.fromEntries(files.map((file) => [file, knobs[file]]));
}

function recordingIn(name: string): Recording {
  return recordingSchema.parse(JSON.parse(readFileSync(join(folder, name, 'recording.json'), 'utf8')));
}

/** File that the other rejects. */
function scenario(name: string, text: string): string {
  writeFileSync(join(folder, name), `version: 1\ndescription: for a test\nmachine: { cpus: 2 }\n${text}`);
  return name;
}

const SMALL = ['--set', 'guest.memory=16MiB', '--set', 'guest.vcpus=2', '--set', 'duration=200ms'];

describe('measure', () => {
  it('measures, and writes what it prints', () => {
    const { code, out, err } = faultline(
      'measure',
      'madvise-page',
      ...SMALL,
      '--repeat',
      '2',
      '--out',
      'a',
      '--json',
    );
    expect([code, err]).toEqual([0, '']);
    const recording = recordingSchema.parse(JSON.parse(out));
    expect(recordingIn('a')).toEqual(recording);
    expect(recording.stopped).toBe('done');
    const counted = recording.runs.filter(({ verdict }) => verdict.startsWith('counted'));
    expect(counted).toHaveLength(2);
    for (const { result } of counted) {
      const { guest, touches, storms } = result;
      expect(guest.touches).toBe(touches.covered.count + touches.uncovered.count);
      expect(guest.vcpus.reduce((sum, vcpu) => sum + vcpu.touches, 0)).toBe(guest.touches);
      expect(guest.touchesPerSecond).toBeGreaterThan(1000);
      expect(touches.covered.maxNs).toBeGreaterThan(touches.covered.p50Ns);
      // Counted one after the other, while the storm goes on: the reader may be away for a moment.
      const apart = Math.abs(storms[0].operations - storms[0].latency.count);
      expect(apart).toBeLessThanOrEqual(Math.max(2, storms[0].operations / 10));
      expect(storms[0].errors).toBe(0);
      expect(result.kvm.mmu_cache_miss ?? result.kvm.pf_taken ?? result.kvm.exits).toBeGreaterThan(0);
    }
  });

  it('shows what was measured within 80 columns', () => {
    const { code, out } = faultline('measure', 'quiet', ...SMALL, '--repeat', '1', '--out', 'b');
    expect(code).toBe(0);
    expect(out).toMatch(/touches\/s +[\d.]+ [kM]/);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it.each(['dirty-logging', 'memslot-churn', 'thp-collapse', 'fork-snapshot'])(
    'runs %s as it comes',
    (name) => {
      const args = ['--set', 'guest.memory=64MiB', '--until', '300ms', '--repeat', '1'];
      expect(faultline('measure', name, ...args, '--out', name)).toMatchObject({ code: 0, err: '' });
      const result = recordingIn(name).runs.find(({ verdict }) => verdict.startsWith('counted'))?.result;
      expect(result?.storms.length).toBeGreaterThan(0);
      for (const storm of result?.storms ?? []) expect(storm.operations).toBeGreaterThan(0);
      expect(result?.guest.vcpus.every(({ touches }) => touches > 0)).toBe(true);
    },
  );

  it('keeps single touches where it is asked to, on the clock of traces', () => {
    const samples = ['--set', 'guest.samples=100', '--set', 'guest.samplesAbove=2us'];
    const before = Number(process.hrtime.bigint());
    expect(
      faultline('measure', 'madvise-page', ...SMALL, ...samples, '--repeat', '1', '--out', 's').code,
    ).toBe(0);
    const after = Number(process.hrtime.bigint());
    const { result } = recordingIn('s').runs[1];
    const { vcpu, endNs, durationNs, gfn, covered, write } = result.samples ?? expect.fail('no samples');
    // As many as the next power of two, of each of two vCPUs.
    expect(vcpu.filter((id) => id === 0)).toHaveLength(128);
    expect(vcpu.filter((id) => id === 1)).toHaveLength(128);
    expect(endNs.toSorted((a, b) => a - b)).toEqual(endNs);
    expect(Math.min(...endNs)).toBeGreaterThan(before);
    expect(Math.max(...endNs)).toBeLessThan(after);
    expect(Math.min(...durationNs)).toBeGreaterThanOrEqual(1990);
    // The storm's range is the first half of 4,096 pages.
    expect(gfn.map((frame) => (frame < 2048 ? 1 : 0))).toEqual(covered);
    expect(new Set(write)).toEqual(new Set([0, 1]));
  });

  it('finds a guest slower whose memory is given back', () => {
    const rate = (name: string): number => {
      const args = ['--set', 'guest.memory=256MiB', '--set', 'guest.vcpus=2', '--until', '300ms'];
      expect(faultline('measure', name, ...args, '--repeat', '3', '--out', `c-${name}`).code).toBe(0);
      return recordingIn(`c-${name}`).summary[0].touchesPerSecond.median;
    };
    expect(rate('madvise-large')).toBeLessThan(0.8 * rate('quiet'));
  });

  it('keeps what is done when it is interrupted', async () => {
    const args = ['measure', 'balloon', ...SMALL, '--repeat', '50', '--out', 'd', '--json'];
    const child = started(...args);
    while (!existsSync(join(folder, 'd', 'recording.json')) && child.exitCode === null) await pause(20);
    child.kill('SIGINT');
    expect(await ended(child)).toBe(130);
    const { stopped, runs } = recordingIn('d');
    expect(stopped).toBe('interrupted');
    expect(runs.length).toBeGreaterThan(0);
    expect(runs.length).toBeLessThan(50);
  });

  it('refuses a second run, with the pid of the first', async () => {
    const first = started('measure', 'quiet', ...SMALL, '--repeat', '30', '--out', 'e');
    while (!existsSync(join(folder, 'e', 'recording.json')) && first.exitCode === null) await pause(20);
    const second = faultline('measure', 'quiet', ...SMALL, '--out', 'f');
    expect(second.code).toBe(3);
    expect(second.err).toContain(`pid ${first.pid}`);
    first.kill('SIGINT');
    await ended(first);
  });
});

describe('what cannot be measured', () => {
  const guest = 'guest: { memory: 16MiB, vcpus: 1 }\nduration: 1s\n';
  it.each([
    ['no such storm', `${guest}storms: [{ kind: tornado }]\n`, 2, /storms\[0\]\.kind|no such storm/],
    [
      'a range outside of memory',
      `${guest}storms: [{ kind: madvise, advice: dontneed, range: 0..1GiB }]\n`,
      2,
      /range/,
    ],
    ['a negative period', `${guest}storms: [{ kind: balloon, period: -1ms }]\n`, 2, /period/],
    ['an unknown unit', 'guest: { memory: 16MB, vcpus: 1 }\nduration: 1s\n', 2, /memory/],
    ['more memory than there is', 'guest: { memory: 100TiB, vcpus: 1 }\nduration: 1s\n', 3, /MiB available/],
    [
      'huge pages that nobody reserved',
      'guest: { memory: 64GiB, vcpus: 1, backing: hugetlb }\nduration: 1s\n',
      3,
      /huge pages/,
    ],
    [
      'a policy of the model',
      `${guest}policy: { needBreak: never }\n`,
      2,
      /a real kernel decides for itself/,
    ],
  ])('%s is one line, and touches nothing', (name, text, exit, says) => {
    const before = settings();
    const file = scenario(`${name.replaceAll(' ', '-')}.yaml`, text);
    const { code, out, err } = faultline('measure', file, '--out', 'never');
    expect([code, out]).toEqual([exit, '']);
    expect(err).toMatch(says);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(existsSync(join(folder, 'never'))).toBe(false);
    expect(settings()).toEqual(before);
  });

  it.each([
    [['--arm', 'colour=red'], 2, /"colour" is no setting/],
    [['--repeat', '0'], 2, /whole number/],
    [['--until', '5'], 2, /unit/],
  ])('%s', (args, exit, says) => {
    const { code, err } = faultline('measure', 'quiet', ...args);
    expect(code).toBe(exit);
    expect(err).toMatch(says);
  });
});

describe('the host afterwards', () => {
  const KILLS = 50;
  /** Longer than a run takes from start to end. */
  const LATEST_MS = 2500;

  itKill(
    `is as it was after ${KILLS} runs that were killed at random moments`,
    async () => {
      const before = traces();
      for (let kill = 0; kill < KILLS; kill++) {
        const args = ['--set', 'duration=300ms', '--set', 'guest.memory=16MiB', '--repeat', '1', '--lenient'];
        const level = ['none', 'light', 'full'][kill % 3];
        const arm = ['--arm', 'thp=never', '--trace', level, '--out', `k${kill}`];
        const child = started('measure', 'ksm-and-numa', ...args, ...arm);
        const at = Math.random() * LATEST_MS;
        await pause(at);
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
        await ended(child);
        expect([at, faultline('doctor', '--restore').code]).toEqual([at, 0]);
        expect([at, traces()]).toEqual([at, before]);
      }
    },
    KILLS * 10_000,
  );

  /** All that a run changes or leaves while it goes on. */
  function traces(): Record<string, unknown> {
    const names = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
    const processes = names('/proc').filter((pid) => {
      try {
        // Runs of other tests are elsewhere.
        return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === folder;
      } catch {
        return false;
      }
    });
    const partial = names(folder).flatMap((name) =>
      name.startsWith('k') ? names(join(folder, name)).filter((file) => file.startsWith('.')) : [],
    );
    return {
      settings: settings(),
      processes,
      instances: names('/sys/kernel/tracing/instances'),
      mounts: readFileSync('/proc/self/mounts', 'utf8').includes(' tracefs '),
      // Browsers of other tests have their own there.
      shared: names('/dev/shm').filter((name) => name.includes('faultline')),
      state: names(join(folder, 'state')),
      partial,
    };
  }
});
