/** This program, run under another kernel: what a measurement in the bench VM is made of. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder } from '../../files/output-file.js';
import { MachineError } from '../../trace/errors.js';
import { kernelImage, kernelModule, type CachedKernel } from '../kernels/kernel-cache.js';
import { compiledScript } from '../compiled-script.js';
import { boot } from './boot.js';
import { initramfs } from './initramfs.js';
import { JOB, jobScript, type Stage } from './init-script.js';
import { accelerator, qemuArguments, qemuProgram, type VmShape } from './qemu.js';

export interface VmJob {
  readonly kernel: CachedKernel;
  /** For its command line: `preempt=full`. */
  readonly kernelOptions: readonly string[];
  readonly shape: VmShape;
  /** Arguments of `faultline`; files that it writes go below OUT. */
  readonly args: readonly string[];
  /** Folder of this host that is OUT inside; what the job writes is in it afterwards. */
  readonly folder: string;
  /** Time for the job, ms. */
  readonly jobMs: number;
  readonly signal?: AbortSignal | undefined;
  onStage(stage: Stage): void;
  onChild(pid: number): void;
}

/** The machine that a job ran on. */
export interface VmMachine extends VmShape {
  readonly accelerator: 'kvm' | 'tcg';
  /** Of QEMU. */
  readonly version: string;
}

export interface VmResult {
  /** Of the job; undefined when the VM was ended before it was over. */
  readonly exit: number | undefined;
  readonly errors: string;
}

/**
 * @throws MachineError when the VM does not get as far as the end of its job, with the last lines of its
 *   console; nothing of it is left then but the folder
 */
export async function runInVm(job: VmJob): Promise<VmResult> {
  const { kernel, shape, folder } = job;
  const program = qemuProgram();
  const accel = accelerator();
  const names = kernel.modules[accel.module];
  if (names === null)
    throw new MachineError(`kernel ${kernel.name} has no ${accel.module}, which this VM needs`);
  makeFolder(folder);
  const modules = names.map((name) => ({ name, bytes: readFileSync(kernelModule(kernel.folder, name)) }));
  const image = join(folder, '.initramfs');
  writeFileSync(image, initramfs(modules));
  writeFileSync(
    join(folder, JOB.script),
    jobScript([process.execPath, fileURLToPath(compiledScript('cli/main.js')), ...job.args], '/run'),
  );
  const files = { kernel: kernelImage(kernel.folder), initramfs: image, out: folder };
  await boot({
    program,
    args: qemuArguments(shape, files, accel, job.kernelOptions),
    jobMs: job.jobMs,
    signal: job.signal,
    onStage: (stage) => job.onStage(stage),
    onChild: (pid) => job.onChild(pid),
  });
  const text = (name: string): string => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };
  const exit = text(JOB.exit).trim();
  return {
    exit: exit === '' ? undefined : Number(exit),
    errors: text(JOB.errors).trim(),
  };
}

/** The machine that a job of this shape runs on here. */
export function vmMachine(shape: VmShape): VmMachine {
  return { ...shape, accelerator: accelerator().name, version: versionOf(qemuProgram()) };
}

function versionOf(program: string): string {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return /version (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}
