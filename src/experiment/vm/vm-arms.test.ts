/** Goal: arms are sorted by kernel, keep their names, and mistakes are found before anything is booted. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { armsByKernel, choosesKernel } from './vm-arms.js';

const cache = mkdtempSync(join(tmpdir(), 'faultline-test-'));
const before = process.env['FAULTLINE_CACHE'];

beforeAll(() => {
  process.env['FAULTLINE_CACHE'] = cache;
  for (const name of ['6.1', '6.12']) {
    const folder = join(cache, 'kernels', name);
    mkdirSync(folder, { recursive: true });
    const facts = {
      version: 1,
      name,
      release: `${name}.7-amd64`,
      source: { kind: 'debian', from: [] },
      sha256: '',
      addedAt: '2026-01-01T00:00:00.000Z',
      modules: { 'kvm-amd': ['kvm', 'kvm_amd'], 'kvm-intel': null },
    };
    writeFileSync(join(folder, 'kernel.json'), JSON.stringify(facts));
  }
});
afterAll(() => {
  if (before === undefined) delete process.env['FAULTLINE_CACHE'];
  else process.env['FAULTLINE_CACHE'] = before;
  rmSync(cache, { recursive: true });
});

const sorted = (arms: string[], kernel?: string) =>
  armsByKernel(arms, kernel).map(({ kernel: { release }, arms: list }) => [
    release,
    ...list.map(({ name, inside }) => [name, inside]),
  ]);

it('arms that name a kernel are measured under it', () => {
  expect(sorted(['kernel=6.12,preempt=full', 'kernel=6.1', 'preempt=none,kernel=6.12'])).toEqual([
    [
      '6.12.7-amd64',
      ['kernel=6.12,preempt=full', 'preempt=full'],
      ['preempt=none,kernel=6.12', 'preempt=none'],
    ],
    ['6.1.7-amd64', ['kernel=6.1', 'as-is']],
  ]);
});

it('--kernel is for arms that name none, and alone is one arm', () => {
  expect(sorted(['ksm=on', 'ksm=off,kernel=6.1'], '6.12')).toEqual([
    ['6.12.7-amd64', ['ksm=on', 'ksm=on']],
    ['6.1.7-amd64', ['ksm=off,kernel=6.1', 'ksm=off']],
  ]);
  expect(sorted([], '6.1.7-amd64')).toEqual([['6.1.7-amd64', ['as-is', 'as-is']]]);
  expect([
    choosesKernel(['ksm=on'], undefined),
    choosesKernel([], '6.1'),
    choosesKernel(['kernel=6.1'], undefined),
  ]).toEqual([false, true, true]);
});

it.each([
  [['kernel=6.1', 'ksm=on'], /ksm=on: other arms choose a kernel and this one does not/],
  [['kernel=5.0'], /no kernel "5.0": there are 6.1, 6.12; faultline kernels add 5.0 brings it/],
  [['kernel=6.1,colour=red'], /"colour" is no setting/],
])('%s is refused', (arms, message) => {
  expect(() => armsByKernel(arms, undefined)).toThrow(message);
});
