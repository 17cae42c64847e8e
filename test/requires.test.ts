import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasPart, parseParts } from '../scripts/lib/parts.mjs';
import { repositoryRoot, requires, requiresIn } from './requires.js';

describe('the table of parts', () => {
  it('splits a line into its five columns', () => {
    expect(parseParts('# comment\n\nnode | command:node | - | later | everything\n')).toEqual([
      { name: 'node', kind: 'command', target: 'node', package: '-', need: 'later', purpose: 'everything' },
    ]);
  });

  it.each([
    'node | node | - | later | no kind',
    'a | command:a | - | sometimes | need',
    'a | command:a | - | later',
  ])('names the line that is wrong: %s', (line) => {
    expect(() => parseParts(`# head\n${line}`)).toThrow('scripts/parts.txt:2');
  });

  it('finds a command on PATH only', () => {
    const [node] = parseParts('node | command:node | - | later | everything');
    expect(hasPart(node, { PATH: `/nowhere:${process.execPath.replace(/\/[^/]*$/, '')}` })).toBe(true);
    expect(hasPart(node, { PATH: '/nowhere' })).toBe(false);
    expect(hasPart(node, { PATH: process.env['PATH'], FAULTLINE_WITHOUT: 'xz,node' })).toBe(false);
  });
});

describe('requires', () => {
  it('gives vitest itself when nothing is missing', () => {
    expect(requires().it).toBe(it);
    expect(requires().reason).toBeUndefined();
  });

  it('refuses a part that is not in the table', () => {
    expect(() => requires('flux-capacitor')).toThrow("requires('flux-capacitor')");
  });

  it('says what is missing and what to do', () => {
    const { reason } = requiresIn({ PATH: '' }, 'trace-cmd', 'xz');
    expect(reason).toBe(
      'needs trace-cmd (no trace-cmd on PATH; scripts/setup-machine installs it), ' +
        'needs xz (no xz on PATH; scripts/setup-machine installs it)',
    );
  });
});

describe('a run with missing parts', () => {
  const skipped = (name: string, part: string): unknown => ({
    name: `test/fixtures/needs-missing-parts.ts: ${name}`,
    reason: expect.stringMatching(new RegExp(`^needs ${part} \\(no `)),
  });
  const ofShared = skipped(
    'reads its list of tests from the missing part > every test of this group',
    'shared',
  );

  it('skips with the reason outside CI', () => {
    expect(summaryOfFixture('')).toEqual({
      passed: 1,
      failed: 0,
      failures: [],
      skipped: [
        skipped('needs xz', 'xz'),
        skipped('needs xz for 1', 'xz'),
        skipped('needs xz for 2', 'xz'),
        ofShared,
        skipped('group > inside', 'xz'),
      ],
    });
  });

  it('fails in CI, except for an extra part', () => {
    expect(summaryOfFixture('true')).toMatchObject({ passed: 1, failed: 4, skipped: [ofShared] });
  });
});

function summaryOfFixture(ci: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), 'faultline-requires-'));
  try {
    const file = join(folder, 'summary.json');
    const vitest = join(repositoryRoot, 'node_modules/vitest/vitest.mjs');
    spawnSync(process.execPath, [vitest, 'run', '--config', 'test/fixtures/vitest.config.ts'], {
      cwd: repositoryRoot,
      env: { ...process.env, CI: ci, FAULTLINE_WITHOUT: 'xz,shared', FAULTLINE_SUMMARY: file },
    });
    return JSON.parse(readFileSync(file, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
