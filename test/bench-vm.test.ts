/**
 * Goal: another kernel, booted in QEMU, measures as this host does: arms switched live, recordings brought
 * home and explained; and whatever stops a VM is said with its console, and leaves nothing.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { tryBuild } from '../scripts/lib/build.mjs';
import { recordingSchema } from '../src/experiment/recording/schema.js';
import { runInVm, type VmJob } from '../src/measure/bench-vm/bench-vm.js';
import { cachedKernels, findKernel } from '../src/measure/kernels/kernel-cache.js';
import { repositoryRoot, requires } from './requires.js';
import { faultlineIn, faultlineMain } from './support/faultline.js';

const { describe, it } = requires('qemu', 'busybox');

const KERNEL = '6.12';
const MINUTES = 60_000;
/** For what ends by itself: an emulated machine on a busy host takes several times what it takes alone. */
const PATIENCE = 5 * MINUTES;
const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
const faultline = (...args: string[]) => faultlineIn(folder, ...args);

/** A VM of its own for each: none of them may be left. */
function leftovers(): unknown {
  const processes = readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  });
  const partial = readdirSync(folder, { recursive: true }).filter((name) =>
    String(name).includes('.partial'),
  );
  return {
    processes,
    partial,
    state: existsSync(join(folder, 'state')) ? readdirSync(join(folder, 'state')) : [],
  };
}
const NOTHING = { processes: [], partial: [], state: [] };

beforeAll(() => {
  expect(tryBuild(repositoryRoot)).toBe(true);
  process.env['FAULTLINE_STATE'] = join(folder, 'state');
}, MINUTES);
afterAll(() => rmSync(folder, { recursive: true }));

describe('kernels', () => {
  it(
    'come from Debian into the cache',
    () => {
      if (!cachedKernels().some(({ name }) => name === KERNEL)) {
        const { status, stderr } = spawnSync(process.execPath, [faultlineMain, 'kernels', 'add', KERNEL], {
          encoding: 'utf8',
        });
        expect([status, stderr]).toEqual([0, '']);
      }
      const { code, out } = faultline('kernels', '--json');
      expect(code).toBe(0);
      const { kernels } = JSON.parse(out) as { kernels: { name: string; release: string }[] };
      expect(kernels.find(({ name }) => name === KERNEL)?.release).toMatch(/^6\.12\.\d+.*-amd64$/);
    },
    PATIENCE,
  );

  it('that there are not are named, with those that there are', () => {
    const { code, err } = faultline('measure', 'quiet', '--kernel', 'nope');
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/\(--kernel\): no kernel "nope": there are .*6\.12.*; faultline kernels add/),
    ]);
    expect(faultline('kernels', 'add', '/etc/hostname', '--modules', '/etc').err).toMatch(/is no bzImage/);
    expect(faultline('kernels', 'remove', 'nope').code).toBe(2);
  });
});

describe('a measurement in the bench VM', () => {
  it(
    'switches preemption live, brings both arms home, and KSM is to blame',
    () => {
      const sets = ['guest.memory=64MiB', 'guest.vcpus=2', 'duration=1s'].flatMap((set) => ['--set', set]);
      const arms = ['--arm', 'preempt=full', '--arm', 'preempt=voluntary'];
      const args = [
        'ksm-and-numa',
        '--kernel',
        KERNEL,
        ...sets,
        ...arms,
        '--lenient',
        '--repeat',
        '1',
        '--trace',
        'full',
      ];
      const options = { cwd: folder, encoding: 'utf8', timeout: PATIENCE } as const;
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [faultlineMain, 'measure', ...args, '--out', 'ksm'],
        options,
      );
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toContain('emulated processor');
      const recording = recordingSchema.parse(
        JSON.parse(readFileSync(join(folder, 'ksm', 'recording.json'), 'utf8')),
      );
      expect(recording.host.kernel).toMatch(/^6\.12\./);
      expect(recording.machine).toMatchObject({ kind: 'bench-vm', nodes: 2, kernel: { name: KERNEL } });
      expect(recording.host.kvm).toMatchObject({ tdpMmu: true });
      expect(recording.summary.map(({ arm }) => arm)).toEqual(['preempt=full', 'preempt=voluntary']);
      expect(recording.arms.map(({ settings }) => settings[0].value)).toEqual(['full', 'voluntary']);

      const { explanations } = JSON.parse(faultline('explain', 'ksm', '--json').out) as {
        explanations: Explained[];
      };
      expect(explanations).toHaveLength(2);
      for (const { byEvent, fault, kernel, findings, locks } of explanations) {
        expect(Object.keys(byEvent)).toEqual(
          expect.arrayContaining(['kvm_page_fault', 'kvm_tdp_mmu_spte_changed', 'kvm_unmap_hva_range']),
        );
        expect(fault.outcomes.retried).toBeGreaterThan(0);
        expect(kernel.release).toMatch(/^6\.12\./);
        expect(JSON.stringify(findings)).toMatch(/ksmd|KSM/);
        const kinds = locks
          .filter(({ mmuLock }) => mmuLock.likely)
          .flatMap(({ byKind }) => byKind.map(({ kind }) => kind));
        expect(kinds).toEqual(expect.arrayContaining(['spin-read', 'spin-write']));
      }
      expect(leftovers()).toEqual(NOTHING);
    },
    2 * PATIENCE,
  );

  it(
    'ends with Ctrl-C whenever it comes, and leaves nothing',
    async () => {
      for (const at of [500, 3000, 9000]) {
        const args = ['measure', 'quiet', '--kernel', KERNEL, '--out', `c${at}`];
        const child = spawn(process.execPath, [faultlineMain, ...args], { cwd: folder, stdio: 'ignore' });
        setTimeout(() => child.kill('SIGINT'), at);
        await once(child, 'exit');
        // Before it listens, the signal itself ends it.
        const code = child.signalCode === 'SIGINT' ? 130 : child.exitCode;
        expect([at, code]).toEqual([at, 130]);
        expect(leftovers()).toEqual(NOTHING);
      }
    },
    PATIENCE,
  );

  it('without QEMU says what to install', () => {
    const env = { ...process.env, PATH: '/nonexistent' };
    const args = [faultlineMain, 'measure', 'quiet', '--kernel', KERNEL, '--out', 'none'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, env, encoding: 'utf8' });
    expect([status, stderr]).toEqual([
      3,
      'faultline: there is no qemu-system-x86_64 for the bench VM: apt-get install qemu-system-x86\n',
    ]);
    expect(leftovers()).toEqual(NOTHING);
  });

  it(
    'of a scenario that is wrong inside says so, with the same exit code',
    () => {
      const { code, err } = faultline(
        'measure',
        'quiet',
        '--kernel',
        KERNEL,
        '--arm',
        'preempt=lazy',
        '--out',
        'wrong',
      );
      expect([code, err]).toEqual([
        3,
        expect.stringMatching(/^faultline: under kernel 6\.12: --arm preempt=lazy: .*\n$/),
      ]);
      expect(leftovers()).toEqual(NOTHING);
    },
    PATIENCE,
  );
});

interface Explained {
  byEvent: Record<string, number>;
  fault: { outcomes: { retried: number } };
  kernel: { release?: string };
  findings: unknown[];
  locks: { mmuLock: { likely: boolean }; byKind: { kind: string }[] }[];
}

describe('a VM that does not get to the end of its job', () => {
  let count = 0;
  function job(change: Partial<VmJob>): VmJob {
    return {
      kernel: findKernel(KERNEL, '--kernel'),
      kernelOptions: [],
      shape: { cpus: 2, nodes: 1, memoryMiB: 512 },
      args: ['--version'],
      folder: join(folder, `vm${count++}`),
      jobMs: PATIENCE,
      onStage: () => undefined,
      onChild: () => undefined,
      ...change,
    };
  }

  it(
    'does its job where nothing is wrong',
    async () => {
      expect(await runInVm(job({}))).toMatchObject({ exit: 0, errors: '' });
    },
    PATIENCE,
  );

  it(
    'panics: the console is shown',
    async () => {
      const options = { kernelOptions: ['rdinit=/nope', 'root=/dev/nope'] };
      await expect(runInVm(job(options))).rejects.toThrow(
        /^the bench VM: the kernel panicked before .*\n(.*\n)*.*\| .*Kernel panic/,
      );
    },
    PATIENCE,
  );

  it(
    'has no SVM: KVM cannot be loaded',
    async () => {
      const without = runInVm(job({ kernelOptions: ['clearcpuid=svm'] }));
      await expect(without).rejects.toThrow(
        /^the bench VM: (module kvm_amd cannot be loaded|the kernel has no \/dev\/kvm)/,
      );
    },
    PATIENCE,
  );

  it(
    'hangs: it is ended after its time',
    async () => {
      const started = Date.now();
      await expect(runInVm(job({ jobMs: 1000 }))).rejects.toThrow(
        /^the bench VM: it hung after it had reached "job": nothing more for 1 s/,
      );
      expect(Date.now() - started).toBeLessThan(MINUTES / 2);
      expect(leftovers()).toMatchObject({ processes: [] });
    },
    PATIENCE,
  );

  it(
    'has no room for what it writes',
    async () => {
      const small = join(folder, 'small');
      mkdirSync(small);
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'small', small]).status).toBe(0);
      try {
        const args = [
          'measure',
          'madvise-page',
          '--set',
          'guest.memory=16MiB',
          '--set',
          'guest.vcpus=2',
          '--repeat',
          '1',
          '--trace',
          'full',
          '--out',
          '/run/out/r',
        ];
        const result = await runInVm(
          job({ folder: join(small, 'vm'), args: [...args, '--set', 'duration=2s'] }),
        );
        expect(result.exit).not.toBe(0);
        expect(result.errors).toMatch(/ENOSPC|No space/i);
      } finally {
        spawnSync('umount', [small]);
      }
    },
    PATIENCE,
  );
});
