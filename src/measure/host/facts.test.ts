/** Goal: facts are those that other programs tell, plain data, and nothing about whose machine it is. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repositoryRoot, requires } from '../../../test/requires.js';
import { gitCommit } from './facts/commit.js';
import { readKnobs } from './facts/knobs.js';
import { cpusInList } from './facts/read.js';
import { hostFacts } from './facts.js';

const output = (command: string, ...args: string[]): string =>
  spawnSync(command, args, { encoding: 'utf8' }).stdout?.trim() ?? '';

it('agrees with uname, getconf and Node', () => {
  const facts = hostFacts();
  expect([facts.kernel, facts.build]).toEqual([release(), output('uname', '-v')]);
  expect(facts.cpus).toBe(Number(output('getconf', '_NPROCESSORS_ONLN')));
  // Memory may be plugged in meanwhile.
  expect(Math.abs(facts.memory.totalBytes / totalmem() - 1)).toBeLessThan(0.2);
  expect(facts.memory.availableBytes).toBeLessThanOrEqual(facts.memory.totalBytes);
  expect(facts.cpu.sockets * facts.cpu.threadsPerCore).toBeLessThanOrEqual(facts.cpus);
  expect(facts.caches.every(({ level, kib, sharedBy }) => level > 0 && kib > 0 && sharedBy > 0)).toBe(true);
  expect(facts.nodes.reduce((sum, { cpus }) => sum + cpusInList(cpus), 0)).toBe(facts.cpus);
  expect(facts.nodes.every(({ distances }) => distances.length === facts.nodes.length)).toBe(true);
  expect(facts.preemption.from).not.toBe('');
});

it('is plain data that does not name the machine', () => {
  const facts = hostFacts();
  const text = JSON.stringify(facts);
  expect(JSON.parse(text)).toEqual(facts);
  // A name such as vm is in words.
  expect(hostname().length > 3 && text.includes(hostname())).toBe(false);
});

it('counts CPUs of a list', () => {
  expect(['', '0', '0-3', '0-3,8', '1,3,5-6'].map(cpusInList)).toEqual([0, 1, 4, 5, 4]);
});

const host = requires('kvm', 'ksm');

host.it('knows the module of KVM and every setting that matters, without counters', () => {
  const { kvm } = hostFacts();
  expect(kvm.module).toMatch(/^kvm_/);
  expect(kvm.parameters['kvm']['tdp_mmu']).toBe(output('cat', '/sys/module/kvm/parameters/tdp_mmu'));
  const knobs = readKnobs();
  expect(Object.keys(knobs)).toEqual(
    expect.arrayContaining(['/sys/kernel/mm/ksm/run', '/sys/kernel/mm/transparent_hugepage/enabled']),
  );
  expect(knobs['/sys/kernel/mm/transparent_hugepage/enabled']).toMatch(/^(always|madvise|never)$/);
  expect(Object.keys(knobs).filter((path) => /pages_shared|full_scans|stats/.test(path))).toEqual([]);
});

it('finds the commit with git and without', () => {
  const commit = 'a'.repeat(40);
  const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
  try {
    expect(gitCommit(folder)).toBeUndefined();
    mkdirSync(join(folder, '.git', 'refs', 'heads'), { recursive: true });
    writeFileSync(join(folder, '.git', 'HEAD'), 'ref: refs/heads/main\n');
    writeFileSync(join(folder, '.git', 'packed-refs'), `# pack-refs\n${commit} refs/heads/main\n`);
    expect(gitCommit(folder)).toBe(commit);
    writeFileSync(join(folder, '.git', 'refs', 'heads', 'main'), `${'b'.repeat(40)}\n`);
    expect(gitCommit(folder)).toBe('b'.repeat(40));
    writeFileSync(join(folder, '.git', 'HEAD'), `${commit}\n`);
    expect(gitCommit(folder)).toBe(commit);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const head = output('git', '-C', repositoryRoot, 'rev-parse', 'HEAD');
  expect(gitCommit()?.slice(0, 40) ?? '').toBe(head);
});
