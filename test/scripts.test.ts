/** The scripts that every clone depends on, tried on small made-up checkouts. */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { firstDifference, npmCause } from '../scripts/lib/install.mjs';
import { allParts, hasPart } from '../scripts/lib/parts.mjs';
import { printSummary } from '../scripts/lib/summary.mjs';
import { repositoryRoot } from './requires.js';

describe('whether the packages are installed', () => {
  const locked = {
    '': { optionalDependencies: { duck: '1' } },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a-for-mac': { version: '1.0.0', optional: true },
    'node_modules/duck': { version: '1.0.0', optional: true },
  };
  const installed = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/duck': { version: '1.0.0' } };

  it('forgives an optional package of another machine', () => {
    expect(firstDifference(locked, installed)).toBeUndefined();
  });

  it.each([
    ['node_modules/a', { 'node_modules/duck': { version: '1.0.0' } }],
    ['node_modules/a', { ...installed, 'node_modules/a': { version: '0.9.0' } }],
    ['node_modules/duck', { 'node_modules/a': { version: '1.0.0' } }],
    ['node_modules/a-for-mac', { ...installed, 'node_modules/a-for-mac': { version: '0.9.0' } }],
  ])('finds that %s is missing or of another version', (folder, there) => {
    expect(firstDifference(locked, there)).toBe(folder);
  });

  it('says in one line why npm failed', () => {
    expect(npmCause('npm error code ENOTFOUND\nnpm error syscall getaddrinfo\n')).toMatch(
      /ENOTFOUND.*offline\?$/,
    );
    expect(npmCause('npm error code E404\nnpm error 404 Not Found: yaml\n')).toBe('404 Not Found: yaml');
    expect(npmCause('')).toBe('npm said nothing');
  });
});

describe('npm start in a checkout', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'faultline-checkout-'));
    for (const name of ['scripts', 'bin', 'package.json', 'tsconfig.json', 'tsconfig.build.json']) {
      cpSync(join(repositoryRoot, name), join(root, name), { recursive: true });
    }
    // With an empty lock file the packages count as installed; the build needs these. Not acorn: the scripts
    // must load before anything is installed, and here no module has coroutines.
    mkdirSync(join(root, 'node_modules'));
    for (const name of ['typescript', '@typescript', '@types', 'undici-types']) {
      symlinkSync(join(repositoryRoot, 'node_modules', name), join(root, 'node_modules', name));
    }
    write('package-lock.json', '{ "packages": { "": {} } }');
    write('node_modules/.package-lock.json', '{ "packages": {} }');
    write('src/cli/main.ts', "console.log(process.argv.slice(2).join(' '));\nprocess.exitCode = 7;\n");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(name: string, text: string): void {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  function start(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, [join(root, 'bin', 'faultline.mjs'), ...args], { encoding: 'utf8' });
  }

  it('builds once, again when a source changes, and passes arguments and exit code on', () => {
    expect(start('study', 'seed')).toMatchObject({
      status: 7,
      stdout: 'study seed\n',
      stderr: 'faultline: building ...\n',
    });
    expect(start('doctor')).toMatchObject({ status: 7, stdout: 'doctor\n', stderr: '' });
    utimesSync(join(root, 'src/cli/main.ts'), 1, 1);
    expect(start().stderr).toBe('faultline: building ...\n');
  });

  it('removes what it built from a source that is gone', () => {
    write('src/old.ts', 'export const x = 1;\n');
    start();
    expect(existsSync(join(root, 'dist/old.js'))).toBe(true);
    rmSync(join(root, 'src/old.ts'));
    start();
    expect(existsSync(join(root, 'dist/old.js'))).toBe(false);
    expect(existsSync(join(root, 'dist/cli/main.js'))).toBe(true);
  });

  it('does not run sources that do not compile', () => {
    start();
    write('src/cli/main.ts', 'const x: number = "one";\n');
    const { status, stdout, stderr } = start();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /main\.ts\(1,7\): error TS2322[^]*the build failed: src\/ has the errors above\n$/,
    );
    expect(start().status).toBe(1);
  });

  it('passes an interrupt on once', async () => {
    const main = "process.on('SIGINT', () => console.log('interrupted'));\nconsole.log('ready');\n";
    write('src/cli/main.ts', `${main}setTimeout(() => (process.exitCode = 5), 1500);\n`);
    const child = spawn(process.execPath, [join(root, 'scripts', 'start.mjs')], { detached: true });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      // The whole process group, as a terminal does it.
      if (output === 'ready\n' && child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
    });
    const code = await new Promise((settle) => child.on('close', settle));
    expect({ code, output }).toEqual({ code: 5, output: 'ready\ninterrupted\n' });
  });
});

describe('the summary', () => {
  it('ends with the counts, after every skipped and every failed test', () => {
    const lines: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    printSummary({ passed: 3, failed: 1, failures: ['b'], skipped: [{ name: 'a', reason: 'needs x' }] });
    log.mockRestore();
    expect(lines.join('\n')).toBe(
      '\nSkipped:\n  a: needs x\n\nFailed:\n  b\n\n3 passed, 1 failed, 1 skipped',
    );
  });
});

describe('scripts/setup-machine', () => {
  it('--check sees the same parts as requires()', () => {
    const env = { PATH: process.env['PATH'] };
    const { stdout } = spawnSync(join(repositoryRoot, 'scripts/setup-machine'), ['--check'], {
      encoding: 'utf8',
    });
    const seen = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ +/, 2));
    expect(seen).toEqual(allParts().map((part) => [hasPart(part, env) ? 'there' : 'MISSING', part.name]));
  });
});
