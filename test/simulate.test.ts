/**
 * Goal: `faultline simulate` does what its help says, for right and wrong arguments, as a shell sees it.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryBuild } from '../scripts/lib/build.mjs';
import { repositoryRoot } from './requires.js';
import { faultlineIn, faultlineMain } from './support/faultline.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
const simulate = (...args: string[]) => faultlineIn(folder, 'simulate', ...args);

beforeAll(() => expect(tryBuild(repositoryRoot)).toBe(true));
afterAll(() => rmSync(folder, { recursive: true }));

/** A scenario that is over in milliseconds; `last` comes in at its end. */
function file(name: string, ...last: string[]): string {
  const lines = [
    'version: 1',
    'description: A test.',
    'machine: { cpus: 4 }',
    'guest: { memory: 2MiB, vcpus: 2, access: { work: 1us } }',
    'duration: 2ms',
    ...last,
  ];
  writeFileSync(join(folder, name), lines.join('\n'));
  return name;
}

const STORM = 'storms: [{ kind: madvise, advice: dontneed, step: 64KiB, period: 100us }]';

describe('simulate', () => {
  it('prints one JSON object and nothing else, the same each time', () => {
    const runs = [1, 2].map(() => simulate(file('a.yaml', STORM), '--json'));
    expect(runs.map(({ code, err }) => [code, err])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    expect(runs[0].out).toBe(runs[1].out);
    expect(JSON.parse(runs[0].out)).toMatchObject({
      version: 1,
      run: { scenario: 'a', kernel: 'v6.12', seed: 1, simulatedNs: 2e6, stopped: 'end' },
      leftOut: [],
      stuck: [],
    });
    expect(simulate('a.yaml', '--json', '--seed', '2').out).not.toBe(runs[0].out);
  });

  it('takes its options into the run', () => {
    const options = [
      '--kernel',
      '6.1',
      '--set',
      'policy.needBreak=never',
      '--set',
      'guest.vcpus=1',
      '--seed',
      '7',
    ];
    const { out } = simulate(file('b.yaml', STORM), '--json', ...options, '--until', '1ms');
    expect(JSON.parse(out).run).toMatchObject({
      kernel: 'v6.1',
      seed: 7,
      stopped: 'until',
      simulatedNs: 1e6,
      machine: { vcpus: 1 },
      changes: { needBreak: 'never' },
    });
    expect(JSON.parse(simulate('b.yaml', '--json', '--max-events', '100').out).run).toMatchObject({
      stopped: 'max-events',
      events: 100,
    });
  });

  it('lets a cost change what it is the cost of', () => {
    const median = (...options: string[]): number =>
      JSON.parse(simulate(file('c.yaml'), '--json', ...options).out).faults.uncovered.latency.p50Ns;
    expect(median('--cost', 'gupFast=100us')).toBeGreaterThan(median() + 99_000);
  });

  it('fits 80 columns without colours, and says that it was stopped', () => {
    const { code, out } = simulate(file('d.yaml', STORM), '--until', '1ms');
    expect(code).toBe(0);
    expect(out).toMatch(/stopped by --until/);
    // eslint-disable-next-line no-control-regex
    expect(out).not.toMatch(/\u001b/);
    for (const list of ['--explain-costs', '--list-policies', '--list-kernels']) {
      const width = Math.max(
        ...simulate(list)
          .out.split('\n')
          .map((line) => line.length),
      );
      expect(width, list).toBeLessThanOrEqual(80);
    }
  });

  it('writes a trace that explain reads', () => {
    const { code, err } = simulate(file('e.yaml', STORM), '--trace', 'e.dat');
    expect(err).toMatch(/^wrote [\d,]+ events to e\.dat\n$/);
    expect(code).toBe(0);
    const explained = JSON.parse(faultlineIn(folder, 'explain', 'e.dat', '--json').out);
    const simulated = JSON.parse(simulate('e.yaml', '--json').out);
    expect(explained.fault.attempts).toBe(simulated.faults.attempts);
    expect(explained.invalidations.count).toBe(simulated.invalidations.count);
  });

  it('compares what explain infers with what the model knows', () => {
    const { out } = simulate(file('f.yaml', STORM), '--explain', '--json');
    const { inference, faults } = JSON.parse(out);
    const retries = inference.find(({ what }: { what: string }) => what === 'retries');
    expect(retries.truth).toBeLessThanOrEqual(faults.retries.total);
    expect(simulate('f.yaml', '--explain').out).toMatch(/precision +recall/);
  });

  it('leaves out what it cannot do when told to, and says so', () => {
    const storms = 'storms: [{ kind: mremap, step: 4KiB }, { kind: mprotect, step: 64KiB, period: 1ms }]';
    const { code, out, err } = simulate(file('g.yaml', storms), '--lenient', '--json');
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^faultline: left out: storms\[0\] \(mremap\): .*\n$/),
    ]);
    expect(JSON.parse(out).leftOut).toHaveLength(1);
  });

  it('knows where each cost comes from', () => {
    const { costs, machine } = JSON.parse(simulate('--explain-costs', '--json').out);
    expect(machine).toBe('base');
    expect(costs.vmExit).toMatchObject({ ns: 270, kind: 'paper', source: expect.stringContaining('PVM') });
    const changed = simulate('ksm-and-numa', '--explain-costs', '--cost', 'vmExit=1us').out;
    expect(changed).toMatch(/Costs on intel-2s/);
    expect(changed).toMatch(/vmExit +1000 ns .* given/);
  });

  it('keeps what is done when it is interrupted', async () => {
    const args = [faultlineMain, 'simulate', 'quiet', '--set', 'duration=1000s', '--json'];
    const child = spawn(process.execPath, args, { cwd: folder });
    let out = '';
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(130);
    expect(JSON.parse(out).run.stopped).toBe('interrupted');
    expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([]);
  });
});

describe('wrong input gets one line and exit code 2', () => {
  const plain = (): string => file('x.yaml', STORM);
  const cases: [what: string, args: () => string[], line: RegExp][] = [
    ['no scenario', () => [], /^faultline: name a scenario: there are balloon, /],
    ['no such scenario', () => ['nope'], /^faultline: no scenario "nope": there are balloon, /],
    ['no such file', () => ['nope.yaml'], /^faultline: nope\.yaml: no such file$/],
    ['zero vCPUs', () => [plain(), '--set', 'guest.vcpus=0'], /\(--set guest\.vcpus=0\): 0 is out of bounds/],
    [
      'more sockets than CPUs',
      () => [plain(), '--set', 'machine.sockets=8'],
      /more sockets \(8\) than CPUs \(4\)/,
    ],
    [
      'range outside memory',
      () => [plain(), '--set', 'storms.madvise.range=1MiB..3MiB'],
      /outside the memory of the guest/,
    ],
    ['negative period', () => [plain(), '--set', 'storms.madvise.period=-1ms'], /"-1ms" is negative/],
    ['unknown unit', () => [plain(), '--set', 'duration=2h'], /"2h" is no time/],
    [
      'unknown storm',
      () => [file('s.yaml', 'storms: [{ kind: hail }]')],
      /^faultline: s\.yaml:6 \(storms\[0\]\.kind\): no such storm/,
    ],
    ['unknown policy', () => [plain(), '--set', 'policy.mood=bad'], /there is no such policy/],
    [
      'policy that means nothing',
      () => [plain(), '--set', 'policy.shadowBatch=1'],
      /shadowBatch has no effect/,
    ],
    ['zero cost', () => [plain(), '--cost', 'vmExit=0ns'], /\(--cost vmExit=0ns\): "0ns" must be above 0/],
    ['negative cost', () => [plain(), '--cost', 'vmExit=-1ns'], /\(--cost vmExit=-1ns\): "-1ns" is negative/],
    ['unknown cost', () => [plain(), '--cost', 'vmexit=1us'], /did you mean 'vmExit'/],
    [
      'unknown kernel',
      () => [plain(), '--kernel', 'v6.9'],
      /\(--kernel v6\.9\): no kernel "v6\.9": there are v5\.10, /,
    ],
    ['bad seed', () => [plain(), '--seed', 'x'], /\(--seed x\): x is out of bounds: write a whole number/],
    ['no time', () => [plain(), '--until', '0s'], /\(--until\): "0s" must be above 0/],
    ['no events', () => [plain(), '--max-events', '0'], /\(--max-events\): "0" is no number of events/],
    ['unknown format', () => [plain(), '--trace', 'x.xyz'], /x\.xyz: its name does not tell a format/],
    [
      'what the model has not',
      () => [file('m.yaml', 'storms: [{ kind: mremap }]')],
      /^faultline: m: cannot be simulated: .*--lenient runs it without/,
    ],
    [
      'too much memory',
      () => [plain(), '--set', 'guest.memory=64GiB', '--lenient'],
      /the model has room for 32GiB, not for 64GiB$/,
    ],
    ['never ends', () => [file('n.yaml'), '--set', 'duration=forever'], /"forever" is no time/],
  ];
  for (const [what, args, line] of cases) {
    it(what, () => {
      const { code, out, err } = simulate(...args());
      expect(err.trimEnd()).toMatch(line);
      expect(err.trimEnd().split('\n')).toHaveLength(1);
      expect([code, out]).toEqual([2, '']);
    });
  }

  it('writes nothing', () => {
    simulate(plain(), '--trace', 'never.dat', '--set', 'guest.vcpus=0');
    expect(existsSync(join(folder, 'never.dat'))).toBe(false);
  });
});
