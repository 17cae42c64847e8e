/** A scenario measured under other kernels: each is booted in turn, and its recording is brought home. */
import { existsSync, readFileSync, renameSync, rmSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../files/output-file.js';
import { runInVm, vmMachine, type VmResult } from '../../measure/bench-vm/bench-vm.js';
import { OUT, type Stage } from '../../measure/bench-vm/init-script.js';
import type { VmShape } from '../../measure/bench-vm/qemu.js';
import { Journal } from '../../measure/host/journal.js';
import { RunLock } from '../../measure/host/run-lock.js';
import { InputError, MachineError } from '../../trace/errors.js';
import { recordingSchema, type Recording } from '../recording/schema.js';
import { writeRecording } from '../recording/recording-file.js';
import type { KernelArms, VmArm } from './vm-arms.js';

/** In the folder for results. */
const RECORDING = 'recording';
/** Exit codes of a job, as of every command. */
const Exit = { done: 0, badInput: 2, interrupted: 130 } as const;

export interface VmRequest {
  readonly kernels: readonly KernelArms[];
  readonly shape: VmShape;
  readonly kernelOptions: readonly string[];
  /** Arguments of `measure` inside, without arms and --out. */
  readonly args: readonly string[];
  /** Time for the runs of one arm, ms. */
  readonly armMs: number;
  readonly folder: string;
  readonly command: readonly string[];
  readonly signal: AbortSignal;
  onStage(kernel: string, stage: Stage): void;
}

/** One kernel's recording, and where it is. */
export interface VmRecording {
  readonly recording: Recording;
  readonly arms: readonly VmArm[];
  readonly folder: string;
}

/**
 * @throws InputError what the program inside says is wrong with the scenario
 * @throws MachineError when a kernel does not boot or cannot measure; recordings that were complete by then
 *   stay
 */
export async function measureInVm(request: VmRequest): Promise<VmRecording[]> {
  const lock = RunLock.acquire(request.command.join(' '));
  try {
    const journal = Journal.open(lock);
    try {
      const recordings: VmRecording[] = [];
      for (const kernel of request.kernels) {
        if (request.signal.aborted) break;
        const home = request.kernels.length === 1 ? request.folder : join(request.folder, kernel.kernel.name);
        const recording = await underKernel(request, kernel, home, journal);
        if (recording !== undefined) recordings.push({ recording, arms: kernel.arms, folder: home });
      }
      return recordings;
    } finally {
      journal.close();
    }
  } finally {
    lock.release();
  }
}

async function underKernel(
  request: VmRequest,
  { kernel, arms }: KernelArms,
  home: string,
  journal: Journal,
): Promise<Recording | undefined> {
  // Beside its place, so that what comes out of it is only renamed.
  makeFolder(request.folder);
  const folder = join(request.folder, `.vm-${kernel.name}.${process.pid}.partial`);
  const registered = journal.register({ kind: 'folder', path: folder });
  const from = join(folder, RECORDING);
  try {
    const result = await runInVm({
      kernel,
      kernelOptions: request.kernelOptions,
      shape: request.shape,
      args: [
        'measure',
        ...request.args,
        ...arms.flatMap(({ inside }) => ['--arm', inside]),
        '--out',
        `${OUT}/${RECORDING}`,
      ],
      folder,
      jobMs: 60_000 + arms.length * request.armMs,
      signal: request.signal,
      onStage: (stage) => request.onStage(kernel.name, stage),
      onChild: (pid) => void journal.register({ kind: 'process', pid }),
    });
    if (!request.signal.aborted) complain(result, kernel.name);
    return await bringHome(from, home, request, kernel);
  } catch (error) {
    // Runs that were complete when the kernel died are worth keeping.
    if (error instanceof MachineError) await bringHome(from, home, request, kernel);
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    registered.gone();
  }
}

/** What went wrong inside, as the program inside says it. */
function complain({ exit, errors }: VmResult, kernel: string): void {
  if (exit === Exit.done || exit === Exit.interrupted) return;
  const said = errors
    .split('\n')
    .map((line) => line.replace(/^faultline: /, ''))
    .filter((line) => !line.startsWith('left out: '));
  const what = said.join('; ') || `the program inside ended with exit code ${exit ?? 'none'}`;
  const text = `under kernel ${kernel}: ${what}`;
  throw exit === Exit.badInput ? new InputError(text) : new MachineError(text);
}

/** Undefined when it was interrupted before there was anything. */
async function bringHome(
  from: string,
  home: string,
  { kernelOptions, command, signal, shape }: VmRequest,
  kernel: KernelArms['kernel'],
): Promise<Recording | undefined> {
  const file = join(from, 'recording.json');
  if (!existsSync(file)) return undefined;
  const recording = recordingSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  makeFolder(home);
  const traces = new Set(recording.runs.flatMap(({ trace }) => trace?.file ?? []));
  for (const name of readdirSync(from)) if (traces.has(name)) renameSync(join(from, name), join(home, name));
  const { version, accelerator, cpus, nodes, memoryMiB } = vmMachine(shape);
  const whole: Recording = {
    ...recording,
    command: [...command],
    stopped: signal.aborted ? 'interrupted' : recording.stopped,
    machine: {
      kind: 'bench-vm',
      isEmulated: accelerator === 'tcg',
      qemu: version,
      cpus,
      nodes,
      memoryMiB,
      kernel: {
        name: kernel.name,
        sha256: kernel.sha256,
        from: [...kernel.source.from],
        changes: [...(kernel.source.changes ?? [])],
      },
      options: [...kernelOptions],
    },
  };
  await writeRecording(home, whole);
  return whole;
}
