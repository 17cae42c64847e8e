/**
 * Goal: `faultline doctor` does what its help says, as a shell sees it, and puts a host back after `kill -9`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tryBuild } from '../scripts/lib/build.mjs';
import { repositoryRoot, requires } from './requires.js';
import { faultlineIn } from './support/faultline.js';
import { hostToItself } from './support/host-to-itself.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
const state = join(folder, 'state');
const doctor = (...args: string[]) => faultlineIn(folder, 'doctor', ...args);

/** Of no use without swap, and to nobody while this runs. */
const SETTING = '/proc/sys/vm/page-cluster';
const value = (): string => readFileSync(SETTING, 'utf8').trim();

hostToItself();
beforeAll(() => {
  expect(tryBuild(repositoryRoot)).toBe(true);
  process.env['FAULTLINE_STATE'] = state;
});
afterAll(() => rmSync(folder, { recursive: true }));

it('says what works and what is missing, in lines that fit', () => {
  const { code, out, err } = doctor();
  expect([0, 3]).toContain(code);
  expect(err).toBe('');
  expect(out).toMatch(/^ {2}kvm +\S/m);
  expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});

it('prints one JSON object', () => {
  const { code, out } = doctor('--json');
  const result: unknown = JSON.parse(out);
  expect(result).toMatchObject({ version: 1, canMeasure: code === 0, host: { kernel: expect.any(String) } });
});

it('has nothing to put back where nothing was changed', () => {
  expect(doctor('--restore')).toEqual({ code: 0, out: 'nothing to put back\n', err: '' });
  expect(JSON.parse(doctor('--restore', '--json').out)).toEqual({ version: 1, restored: [] });
  expect(existsSync(state)).toBe(false);
});

const host = requires('ksm');

host.it('is refused while a run is going on, and puts everything back after it was killed', async () => {
  const before = value();
  const wanted = before === '1' ? '2' : '1';
  const at = (name: string) =>
    JSON.stringify(pathToFileURL(join(repositoryRoot, 'dist', 'measure', 'host', name)).href);
  const program = `
    import { RunLock } from ${at('run-lock.js')};
    import { Journal } from ${at('journal.js')};
    Journal.open(RunLock.acquire('faultline measure quiet')).set('${SETTING}', '${wanted}');
    process.stdout.write('changed');
    setInterval(() => undefined, 1000);`;
  const run = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(run.stdout, 'data');
  expect(value()).toBe(wanted);
  const refused = doctor('--restore');
  expect([refused.code, refused.out]).toEqual([3, '']);
  expect(refused.err).toMatch(
    new RegExp(
      `^faultline: another run is going on: pid ${run.pid} \\(faultline measure quiet\\), since .*\\n$`,
    ),
  );
  expect(doctor().out).toContain(`one is going on: pid ${run.pid}`);

  run.kill('SIGKILL');
  await once(run, 'exit');
  expect(doctor().out.replaceAll(/\s+/g, ' ')).toContain('a run that was killed left 1 setting changed');
  expect(doctor('--restore')).toEqual({
    code: 0,
    out: `restored: ${SETTING}: ${wanted} -> ${before}\n`,
    err: '',
  });
  expect([value(), existsSync(state)]).toEqual([before, false]);
});
