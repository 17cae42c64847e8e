/**
 * Goal: `faultline measure --trace` on the KVM of this host: trace-cmd reads what it records and counts the
 * same, `explain` finds the storm in it, and nothing is left in tracefs, whatever ends the run.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { tryBuild } from '../scripts/lib/build.mjs';
import { recordingSchema, type Recording } from '../src/experiment/recording/schema.js';
import { readTrace } from '../src/files/open-trace.js';
import { repositoryRoot, requires } from './requires.js';
import { faultlineIn } from './support/faultline.js';
import { hostToItself } from './support/host-to-itself.js';
import { mountTracefs, unmountTracefs } from './support/tracefs.js';

const { describe, it } = requires('kvm', 'tracing');
const { it: itTraceCmd } = requires('kvm', 'tracing', 'trace-cmd');

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
const faultline = (...args: string[]) => faultlineIn(folder, ...args);
const SMALL = ['--set', 'guest.memory=64MiB', '--set', 'guest.vcpus=2', '--until', '500ms', '--repeat', '1'];
const INSTANCES = '/sys/kernel/tracing/instances';

/** What there is of tracefs: whether it is mounted, and instances. */
const tracefs = (): string[] | undefined => (existsSync(INSTANCES) ? readdirSync(INSTANCES) : undefined);
let before: string[] | undefined;

type Trace = NonNullable<Recording['runs'][number]['trace']>;

function traceIn(name: string): { trace: Trace; recording: Recording; path: string } {
  const text = readFileSync(join(folder, name, 'recording.json'), 'utf8');
  const recording = recordingSchema.parse(JSON.parse(text));
  const [trace, ...others] = recording.runs.flatMap((run) => run.trace ?? []);
  expect(others).toEqual([]);
  return { trace, recording, path: join(folder, name, trace.file) };
}

const byName = (events: Trace['events']): Record<string, number> =>
  Object.fromEntries(events.map(({ name, count }) => [name.replace(/^.*:/, ''), count]));

hostToItself();
beforeAll(() => {
  expect(tryBuild(repositoryRoot)).toBe(true);
  process.env['FAULTLINE_STATE'] = join(folder, 'state');
  before = tracefs();
});
afterAll(() => rmSync(folder, { recursive: true }));

function recordsAt(level: string): void {
  let trace: Trace;
  let recording: Recording;
  let path: string;

  beforeAll(() => {
    const args = ['measure', 'madvise-page', ...SMALL, '--trace', level, '--out', level];
    expect(faultline(...args)).toMatchObject({ code: 0, err: '' });
    ({ trace, recording, path } = traceIn(level));
  }, 60_000);

  it('leaves tracefs as it was, and beside the recording only the trace', () => {
    expect(tracefs()).toEqual(before);
    expect(readdirSync(join(folder, level)).sort()).toEqual(['recording.json', 'trace-as-is-1.dat']);
    expect(recording.traceLevel).toBe(level);
  });

  it('holds every event: none lost, and as many as KVM counted', () => {
    expect([trace.lost, trace.overrun]).toEqual([0, 0]);
    const { kvm, storms } = recording.runs.find((run) => run.trace !== undefined)?.result ?? {};
    // KVM's statistics and the storm's are of the part that counts, the trace is of the whole run.
    const { kvm_mmu_spte_requested: mapped, kvm_unmap_hva_range: unmapped } = byName(trace.events);
    expect(mapped).toBeGreaterThanOrEqual(kvm?.pf_fixed ?? Infinity);
    expect(unmapped).toBeGreaterThanOrEqual(storms?.[0].operations ?? Infinity);
  });

  itTraceCmd('is read by trace-cmd without an error, with the same events', () => {
    const options = { encoding: 'utf8', maxBuffer: 1 << 30 } as const;
    const { status, stdout, stderr } = spawnSync('trace-cmd', ['report', '-q', path], options);
    expect([status, stderr]).toEqual([0, '']);
    const counts: Record<string, number> = {};
    // A task, its CPU and a time come before the name.
    for (const [, name] of stdout.matchAll(/^.*?-\d+ +\[\d+\] +\d+\.\d+: ([\w]+):/gm))
      counts[name] = (counts[name] ?? 0) + 1;
    expect(counts).toEqual(byName(trace.events));
  });

  it('is read by Faultline, with the same events and the names of its threads', async () => {
    const read = await readTrace(path);
    expect(read.diagnostics.losses).toEqual([]);
    expect(read.diagnostics.damage).toEqual([]);
    const counts = read.kinds.filter(({ length }) => length > 0).map(({ name, length }) => [name, length]);
    expect(Object.fromEntries(counts)).toEqual(byName(trace.events));
    expect(read.length).toBe(trace.events.reduce((sum, { count }) => sum + count, 0));
    const comms = read.tasks.map(({ comm }) => comm);
    expect(comms).toEqual(expect.arrayContaining(['CPU 0/KVM', 'CPU 1/KVM', 'storm madvise']));
  });

  it('is explained: by its folder, with the storm that was made', () => {
    const { code, out, err } = faultline('explain', level, '--json');
    expect([code, err]).toEqual([0, '']);
    const { fault, invalidations } = JSON.parse(out) as {
      fault: { attempts: number };
      invalidations: { count: number; top: { agent: string; comm: string }[] };
    };
    expect(fault.attempts).toBeGreaterThan(100);
    expect(invalidations.count).toBe(byName(trace.events).kvm_unmap_hva_range);
    // On a busy machine it makes too few of them to be known for what it is.
    const ofStorm = invalidations.top.filter(({ comm }) => comm === 'storm madvise');
    expect(ofStorm.length).toBeGreaterThan(0);
    for (const { agent } of ofStorm) expect(['madvise', 'unknown']).toContain(agent);
  });
}

for (const level of ['light', 'full']) describe(`--trace ${level}`, () => recordsAt(level));

describe('what ends a run with --trace', () => {
  it('Ctrl-C leaves nothing but what was complete', async () => {
    const args = [...SMALL, '--repeat', '50', '--trace', 'light', '--out', 'interrupted'];
    const main = join(repositoryRoot, 'dist', 'cli', 'main.js');
    const child = spawn(process.execPath, [main, 'measure', 'balloon', ...args], {
      cwd: folder,
      stdio: 'ignore',
    });
    const first = join(folder, 'interrupted', 'trace-as-is-1.dat');
    while (!existsSync(first) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(130);
    expect(tracefs()).toEqual(before);
    expect(readdirSync(join(folder, 'interrupted')).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(JSON.parse(faultline('doctor', '--restore', '--json').out)).toEqual({ version: 1, restored: [] });
  });

  it('a folder that cannot be written to is one line, and leaves nothing', () => {
    const { code, err } = faultline(
      'measure',
      'quiet',
      ...SMALL,
      '--trace',
      'light',
      '--out',
      '/proc/faultline',
    );
    expect(code).toBe(2);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(tracefs()).toEqual(before);
  });

  it('somebody who uses tracefs keeps it mounted, and no run waits for them', async () => {
    const args = [...SMALL, '--trace', 'light', '--out', 'shared'];
    const main = join(repositoryRoot, 'dist', 'cli', 'main.js');
    const run = spawn(process.execPath, [main, 'measure', 'quiet', ...args], { cwd: folder });
    let out = '';
    run.stdout.on('data', (data: Buffer) => (out += data.toString()));
    while (!existsSync(INSTANCES) && run.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5));
    const other = spawn('sleep', ['60'], { cwd: INSTANCES });
    await once(run, 'close');
    try {
      expect(run.exitCode).toBe(0);
      if (before === undefined)
        expect(out.replaceAll(/\s+/g, ' ')).toContain('is used by others, and stays mounted');
      expect(tracefs()).toEqual(before ?? []);
      expect(JSON.parse(faultline('doctor', '--restore', '--json').out)).toEqual({
        version: 1,
        restored: [],
      });
    } finally {
      other.kill();
      await once(other, 'close');
      if (before === undefined) unmountTracefs();
    }
  });

  it('an instance whose journal was deleted is removed by doctor --restore', () => {
    // No process has this number.
    const stale = `${INSTANCES}/faultline-4194305`;
    const unmount = mountTracefs();
    try {
      mkdirSync(stale);
      expect(faultline('doctor', '--restore').out).toBe(`restored: instance ${stale}: removed\n`);
      expect(existsSync(stale)).toBe(false);
    } finally {
      if (existsSync(stale)) rmdirSync(stale);
      unmount();
    }
  });
});
