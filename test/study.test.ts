/**
 * Goal: `faultline study` with claims, from a file to report and JSON, as a shell sees it; simulated on
 * worker threads, which only compiled modules have. `test/cli.test.ts` has its errors.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryBuild } from '../scripts/lib/build.mjs';
import type { ClaimReport } from '../src/report/claims.js';
import { RunLock } from '../src/measure/host/run-lock.js';
import { repositoryRoot, requires } from './requires.js';
import { faultlineIn, faultlineMain } from './support/faultline.js';
import { hostToItself } from './support/host-to-itself.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
const FIXTURE = join(repositoryRoot, 'test', 'fixtures', 'text', 'perf-ns-pid.txt');

beforeAll(() => {
  expect(tryBuild(repositoryRoot)).toBe(true);
  copyFileSync(FIXTURE, join(folder, 'small.txt'));
  process.env['FAULTLINE_STATE'] = join(folder, 'state');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A study of a few lines of text and of simulations. */
function file(name: string, ...last: string[]): string {
  const lines = [
    'version: 1',
    'title: Mine',
    'intro: What was asked.',
    'recordings: [{ file: small.txt, name: small, storm: none, description: A few events. }]',
    ...last,
  ];
  writeFileSync(join(folder, name), lines.join('\n'));
  return name;
}

hostToItself();

describe('a study that measures', () => {
  const { it: itKvm } = requires('kvm');

  itKvm(
    'measures on this host, explains a trace of it, and shows both',
    () => {
      const study = file('measures.yaml', 'measure: [madvise-page]');
      const { code, out, err } = faultlineIn(folder, 'study', study, '--json');
      expect([code, err]).toEqual([0, '']);
      const { measured, missing, files } = JSON.parse(out);
      expect(missing.measured).toEqual([]);
      const [{ scenario, report, touches }] = measured;
      expect(scenario).toBe('madvise-page');
      expect(report.arms[0].runs).toBe(5);
      expect(report.arms[0].touchesPerSecond.median).toBeGreaterThan(1000);
      expect(touches.covered.count).toBeGreaterThan(1000);
      const recording = join(folder, 'out', 'measures', 'measured-madvise-page', 'recording.json');
      expect(files).toContain(recording);
      const page = readFileSync(files[0], 'utf8');
      expect(page).toContain('id="measured"');
      expect(page).toContain('>madvise-page</th>');
      // Whoever may not record events measures without.
      if (process.geteuid?.() === 0 && existsSync('/sys/kernel/tracing'))
        expect(page).toContain('>measured-madvise-page<');
    },
    120_000,
  );

  it('says why it does not, and goes on', () => {
    const lock = RunLock.acquire('a test', process.env['FAULTLINE_STATE']);
    try {
      const study = file('cannot.yaml', 'measure: [quiet]');
      const { code, out, err } = faultlineIn(folder, 'study', study, '--json');
      expect([code, err]).toEqual([0, '']);
      const { measured, files } = JSON.parse(out);
      expect(measured).toEqual([{ scenario: 'quiet', notMeasured: expect.any(String) }]);
      expect(measured[0].notMeasured).toMatch(
        existsSync('/dev/kvm') ? new RegExp(`pid ${process.pid}`) : /no \/dev\/kvm/,
      );
      expect(readFileSync(files[0], 'utf8')).toContain('was not measured');
    } finally {
      lock.release();
    }
  });
});

describe('a study with a claim', () => {
  it('simulates it, says what came of it, and records one run', () => {
    const { code, out, err } = faultlineIn(
      folder,
      'study',
      file('one.yaml', 'claims: [pre-check]', 'seeds: 2'),
      '--json',
    );
    expect([code, err]).toEqual([0, '']);
    const { claims, missing, files } = JSON.parse(out);
    expect(missing).toEqual({ recordings: [], measured: [], claims: [] });
    const [{ id, holds, groups }] = claims as ClaimReport[];
    // The order of magnitude, which must survive any change to costs.
    expect([id, holds]).toEqual(['pre-check', 'yes']);
    for (const { rows } of groups) {
      const [without, withIt] = rows;
      expect(without.stallNs.values).toHaveLength(2);
      expect(without.stallNs.mean).toBeGreaterThan(5 * withIt.stallNs.mean);
      expect(without.preCheck1.mean + without.preCheck2.mean).toBe(0);
      expect(withIt.recheck.mean).toBeLessThan(withIt.preCheck1.mean / 20);
    }
    const [report, , simulated] = files as string[];
    expect(simulated).toMatch(/simulated-seed-incident\.pftrace$/);
    expect(existsSync(simulated)).toBe(true);
    const page = readFileSync(report, 'utf8');
    for (const part of ['id="claim-pre-check"', 'data-recording="1"', '>simulated-seed-incident<']) {
      expect(page).toContain(part);
    }
  }, 120_000);

  it('keeps what it has when it is interrupted', async () => {
    const study = file('long.yaml', 'claims: [yield]', 'seeds: 30');
    const child = spawn(process.execPath, [faultlineMain, 'study', study], { cwd: folder });
    const text = { out: '', err: '' };
    child.stdout.on('data', (data: Buffer) => (text.out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (text.err += data.toString()));
    const closed = new Promise((resolve) => child.on('close', resolve));
    const recording = join(folder, 'out', 'long', 'small.pftrace');
    while (!existsSync(recording)) await new Promise((resolve) => setTimeout(resolve, 50));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill('SIGINT');
    expect(await closed).toBe(130);
    expect(text.err).toBe('faultline: interrupted; not simulated: yield\n');
    expect(text.out).toContain('report.html');
    expect(existsSync(join(folder, 'out', 'long', 'report.html'))).toBe(true);
  }, 120_000);
});
