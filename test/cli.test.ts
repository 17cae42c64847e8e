/**
 * Goal: the command line does what its help says, for right and wrong arguments, as a user's shell sees it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryBuild } from '../scripts/lib/build.mjs';
import { repositoryRoot, requires } from './requires.js';

const main = join(repositoryRoot, 'dist', 'cli', 'main.js');
const recording = join(repositoryRoot, 'recordings', 'v6.12-full-madvise.dat.zst');
const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));

beforeAll(() => expect(tryBuild(repositoryRoot)).toBe(true));
afterAll(() => rmSync(folder, { recursive: true }));

function faultline(...args: string[]) {
  return faultlineWith({}, ...args);
}

function faultlineWith(options: { input?: string | Uint8Array; cwd?: string }, ...args: string[]) {
  const result = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: 60_000,
    ...options,
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
}

/** A file in the test's folder. */
function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

describe('explain', () => {
  it('prints one JSON object and nothing else', () => {
    const { code, out, err } = faultline('explain', recording, '--json');
    expect([code, err]).toEqual([0, '']);
    const result: unknown = JSON.parse(out);
    expect(result).toMatchObject({ version: 1, file: 'v6.12-full-madvise.dat.zst', events: 51_658 });
  });

  it('puts several files under one roof', () => {
    const { out } = faultline('explain', recording, recording, '--json');
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      explanations: [{ events: 51_658 }, { events: 51_658 }],
    });
  });

  it('fits 80 columns without colours when it is not on a terminal', () => {
    const { code, out } = faultline('explain', recording);
    expect(code).toBe(0);
    // eslint-disable-next-line no-control-regex
    expect(out).not.toMatch(/\u001b/);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(out).toContain('7,260');
  });

  it('keeps to a window, a task and events', () => {
    const of = (...args: string[]) => JSON.parse(faultline('explain', recording, '--json', ...args).out);
    expect(of('--event', 'kvm_page_fault').events).toBe(7260);
    const window = of('--window', '+0.2s..+0.4s');
    expect(window.trace.durationNs).toBeLessThanOrEqual(200_000_000);
    expect(window.events).toBeGreaterThan(1000);
    const task = of('--task', 'kvmstorm');
    expect(task.events).toBeLessThan(51_658);
    expect(task.trace.filtered).toBe(51_658 - task.events);
  });

  it('reads stdin, compressed or not', () => {
    const text =
      '# tracer: nop\n x-1 [000] ..... 1.000001: kvm_unmap_hva_range: mmu notifier unmap range: 0x1000 -- 0x2000\n';
    for (const input of [text, gzipSync(text)]) {
      const { code, out, err } = faultlineWith({ input }, 'explain', '-', '--json');
      expect([code, err]).toEqual([0, '']);
      expect(JSON.parse(out)).toMatchObject({ events: 1, invalidations: { count: 1, pages: 1 } });
    }
  });

  it('writes a page that needs nothing else', () => {
    const { code } = faultline('explain', recording, '--html', 'page.html');
    expect(code).toBe(0);
    const html = readFileSync(join(folder, 'page.html'), 'utf8');
    expect(html.length).toBeLessThan(4_000_000);
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});

describe('wrong input gets one line and exit code 2', () => {
  const cases: [what: string, args: string[], line: RegExp][] = [
    ['no such file', ['explain', 'missing.dat'], /^faultline: missing\.dat: no such file$/],
    ['empty file', ['explain', file('empty', '')], /^faultline: empty: is empty$/],
    [
      'another kind of file',
      ['explain', file('photo', '\u0089PNG\r\n\u001a\n')],
      /is no trace that Faultline knows/,
    ],
    [
      'broken gzip',
      ['explain', file('cut.gz', gzipSync('x'.repeat(9999)).subarray(0, 30))],
      /^faultline: cut\.gz: .*gzip/,
    ],
    [
      'a trace.dat of one line',
      ['explain', file('t.dat', '\u0017\u0008DtracingX\0')],
      /^faultline: t\.dat: .*trace\.dat/,
    ],
    ['text with no event', ['explain', file('log.txt', 'hello\nworld\n')], /^faultline: log\.txt: /],
    ['a folder', ['explain', '.'], /^faultline: \.: has no raw pages/],
    ['bad window', ['explain', recording, '--window', '3'], /\(--window\): "3" is no window/],
    [
      'window without unit',
      ['explain', recording, '--window', '1..2'],
      /"1" is no time: write a number and its unit/,
    ],
    ['window backwards', ['explain', recording, '--window', '2s..1s'], /ends before it starts/],
    ['bad rows', ['explain', recording, '--top', 'many'], /\(--top\): "many" is no number/],
    ['page over the trace', ['explain', file('a.txt', 'x'), '--html', 'a.txt'], /would overwrite the trace/],
    ['unknown format', ['convert', recording, 'out.xyz'], /out\.xyz: its name does not tell a format/],
    ['onto itself', ['convert', 'a.txt', 'a.txt'], /would overwrite its own input/],
    ['unwritable output', ['convert', recording, '/proc/nothing/out.txt'], /cannot be written/],
    ['no such study', ['study', 'nope'], /no study "nope": there are seed/],
    [
      'study with a typo',
      ['study', file('s.yaml', 'version: 1\ntitle: x\nintro: y\nrecordngs: []\n')],
      /s\.yaml:4 \(recordngs\): there is no such field/,
    ],
    ['no such protocol', ['check', 'fault'], /no protocol 'fault'/],
    ['no such mutant', ['check', 'tlb-flush', '--mutant', 'x'], /no mutant 'x'/],
    ['a scope that is too large', ['check', 'tlb-flush', '--vcpus', '9'], /\(--vcpus\): "9" must be/],
    ['no such policy', ['check', 'tlb-flush', '--set', 'x=y'], /x/],
    ['a build of nothing', ['kernels', 'build'], /\(<tree>\): is missing/],
    ['study that is not YAML', ['study', file('b.yaml', 'version: [1\n')], /b\.yaml:\d+: /],
  ];
  for (const [what, args, line] of cases) {
    it(what, () => {
      const { code, out, err } = faultline(...args);
      expect(err.trimEnd()).toMatch(line);
      expect(err.trimEnd().split('\n')).toHaveLength(1);
      expect([code, out]).toEqual([2, '']);
    });
  }

  it('a wrong command or option also shows how to get help', () => {
    for (const args of [['explian'], ['explain'], ['explain', recording, '--jsn']]) {
      const { code, err } = faultline(...args);
      expect(code).toBe(2);
      expect(err).toMatch(/^faultline: .*\n(.*\n)?.*--help/);
    }
  });
});

describe('help', () => {
  it('shows a worked example for every command, in 80 columns', () => {
    for (const command of ['explain', 'convert', 'study', 'simulate', 'doctor', 'measure']) {
      const { code, out } = faultline(command, '--help');
      expect(code).toBe(0);
      expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
      expect(out).toMatch(/Example: /);
    }
    expect(faultline().code).toBe(0);
  });
});

it('lists the edits of a kernel without a source tree', () => {
  const { code, out } = faultline('kernels', 'build', '--edit', 'list');
  expect([code, out]).toEqual([0, expect.stringContaining('no-yield')]);
});

describe('check', () => {
  it('says that a protocol is clean, and how much it saw', () => {
    const { code, out, err } = faultline('check', 'fault-vs-invalidate', '--json');
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      protocol: 'fault-vs-invalidate',
      verdict: 'clean',
      complete: true,
      steps: [],
    });
  });

  it('shows a mistake in 80 columns, with a command that shows it again', () => {
    const { code, out } = faultline('check', 'fault-vs-invalidate', '--mutant', 'no-recheck', '--steps');
    expect(code).toBe(1);
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(out).toContain('VIOLATED noStaleTranslation');
    const again = /Again: faultline (.*)/s.exec(out)?.[1].trim().split(/\s+/) ?? [];
    expect(faultline(...again).out).toContain('VIOLATED noStaleTranslation');
  });

  it('has a loop for somebody who waits for ever', () => {
    const { code, out } = faultline('check', 'lock-progress', '--mutant', 'unfair-lock', '--json');
    expect(code).toBe(1);
    const { finding } = JSON.parse(out) as { finding: { name: string } };
    expect(finding.name).toBe('progress');
  });

  it('says how far it came when a limit ends it', () => {
    const scope = ['--vcpus', '2', '--invalidators', '2', '--max-states', '20000'];
    const { code, out } = faultline('check', 'fault-vs-invalidate', ...scope, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'unknown', complete: false });
  });
});

describe('convert', () => {
  it('keeps every event from trace.dat to text and back', () => {
    expect(faultline('convert', recording, 'round.txt', '--ns').code).toBe(0);
    expect(faultline('convert', 'round.txt', 'round.dat').code).toBe(0);
    const explained = (path: string) => JSON.parse(faultline('explain', path, '--json').out);
    const [first, last] = [explained(recording), explained('round.dat')];
    for (const key of ['events', 'byEvent', 'vcpus', 'lockPairing']) expect(last[key]).toEqual(first[key]);
    expect(last.fault).toEqual(first.fault);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const child = spawn(process.execPath, [main, 'convert', recording, 'big.pftrace'], { cwd: folder });
    // Listened to from the start: on a fast machine it may be done before the signal.
    const closed = new Promise((resolve) => child.on('close', resolve));
    await new Promise((resolve) => setTimeout(resolve, 700));
    child.kill('SIGINT');
    await closed;
    const left = readdirSync(folder).filter((name) => name.includes('partial'));
    expect(left).toEqual([]);
  });
});

it('a reader that stops early (| head) is no error', () => {
  const command = `"${process.execPath}" "${main}" explain "${recording}" --json | head -c 100`;
  const result = spawnSync('bash', ['-o', 'pipefail', '-c', command], { encoding: 'utf8' });
  expect([result.status, result.stderr]).toEqual([0, '']);
});

const xz = requires('xz');

xz.it('says what to install when xz is missing, with exit code 3', () => {
  const packed = spawnSync('xz', ['-c'], { input: 'x' }).stdout;
  writeFileSync(join(folder, 'x.xz'), packed);
  const result = spawnSync(process.execPath, [main, 'explain', 'x.xz'], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, PATH: folder },
  });
  expect(result.status).toBe(3);
  expect(result.stderr).toMatch(/^faultline: .*needs the program xz.*install xz-utils.*\n$/);
});
