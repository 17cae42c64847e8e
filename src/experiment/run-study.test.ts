/** A study that is interrupted, on small traces; whole ones are run by `test/study.test.ts`. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compilePage } from '../../test/compiled-page.js';
import { repositoryRoot } from '../../test/requires.js';
import { runStudy, type StudyProgress } from './run-study.js';
import type { Study } from './study-file.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-run-study-'));
beforeAll(compilePage);
afterAll(() => rmSync(folder, { recursive: true }));

const study: Study = {
  name: 'small',
  version: 1,
  title: 'Small',
  intro: 'What was asked.',
  recordings: ['one', 'two'].map((name) => ({
    file: join(repositoryRoot, 'test', 'fixtures', 'text', 'perf-ns-pid.txt'),
    name,
    storm: 'KSM',
    description: 'Something was done.',
  })),
  claims: ['pre-check'],
  measure: ['quiet'],
  seeds: 2,
};

const silent: StudyProgress = {
  onRecording: () => undefined,
  onProgress: () => undefined,
  onScenario: () => undefined,
  onClaims: () => undefined,
};

describe('a study', () => {
  it('that is interrupted reports what it has, and says what is missing', async () => {
    const controller = new AbortController();
    const out = join(folder, 'cut');
    const progress = { ...silent, onRecording: () => controller.abort() };
    const result = await runStudy(study, out, {
      progress,
      signal: controller.signal,
      command: ['faultline', 'study'],
      version: '0',
    });
    expect(result.rows.map(({ name }) => name)).toEqual(['one']);
    expect(result.claims).toEqual([]);
    expect(result.missing).toEqual({ recordings: ['two'], measured: ['quiet'], claims: ['pre-check'] });
    expect(result.files.every((file) => existsSync(file))).toBe(true);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).not.toContain('id="claims"');
  });
});
