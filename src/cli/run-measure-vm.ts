/** `faultline measure` where it is told which kernel: in the bench VM. */
import { cpus as hostCpus } from 'node:os';
import { resolve } from 'node:path';
import { loadPreset } from '../experiment/cost-files.js';
import { recordingFiles, recordingFolder } from '../experiment/recording/recording-file.js';
import { DEFAULT_PRESET, machineOf } from '../experiment/scenario/machine-of.js';
import type { Scenario } from '../experiment/scenario/scenario.js';
import { armsByKernel } from '../experiment/vm/vm-arms.js';
import { measureInVm, type VmRecording } from '../experiment/vm/measure-in-vm.js';
import { vmReport } from '../experiment/vm/vm-report.js';
import type { Stage } from '../measure/bench-vm/init-script.js';
import type { VmShape } from '../measure/bench-vm/qemu.js';
import { renderMeasurement } from '../report/index.js';
import { InputError } from '../trace/errors.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import type { MeasureOptions } from './measure.js';
import { Progress } from './progress.js';
import { scenarioFrom } from './simulate-scenario.js';
import { printJson, terminalOptions } from './terminal.js';

/** Beside the guest's memory: the kernel, this program, buffers of traces. */
const SPARE_MIB = 1280;
const MOST_CPUS = 64;
/**
 * What a run takes where a processor is emulated: so many times its length, and this to begin and end, ms.
 */
const SLOWNESS = 10;
const PER_RUN_MS = 30_000;
/** With the warm-up, and runs that are made again. */
const RUNS_FOR_EACH = 3;

/** @param repeats checked */
export async function runMeasureInVm(
  name: string | undefined,
  options: MeasureOptions,
  repeats: number,
): Promise<void> {
  // The kernel of a scenario is the model's; what runs inside compares the two.
  const { kernel: chosen, ...others } = options;
  const scenario = scenarioFrom(name, others);
  const kernels = armsByKernel(options.arm ?? [], chosen);
  const shape = shapeOf(scenario, options);
  const folder = recordingFolder(options.out, scenario.name, new Date());
  const progress = new Progress(`measuring ${scenario.name}`);
  try {
    await interruptible(async (signal) => {
      const recordings = await measureInVm({
        kernels,
        shape,
        kernelOptions: options.preempt === undefined ? [] : [`preempt=${options.preempt}`],
        args: argumentsInside(name ?? '', options),
        armMs: (repeats + 1) * RUNS_FOR_EACH * ((SLOWNESS * lengthOf(scenario)) / 1e6 + PER_RUN_MS),
        folder,
        command: ['faultline', ...process.argv.slice(2)],
        signal,
        onStage: (kernel, stage) => progress.say(`${kernel}: ${WORDS[stage]}`),
      });
      progress.end();
      show(recordings, options.json === true);
      if (signal.aborted) process.exitCode = INTERRUPTED;
    });
  } finally {
    progress.end();
  }
}

function show(recordings: readonly VmRecording[], json: boolean): void {
  if (json) printJson({ version: 1, recordings: recordings.map(({ recording }) => recording) });
  else if (recordings.length > 0)
    process.stdout.write(renderMeasurement(vmReport(recordings, filesOf), terminalOptions()));
}

const WORDS: Readonly<Record<Stage, string>> = {
  booted: 'boots',
  modules: 'boots',
  kvm: 'has KVM',
  root: 'boots',
  job: 'measures',
  done: 'is done',
};

const filesOf = ({ recording, folder }: VmRecording): string[] => recordingFiles(folder, recording);

/** Everything that is not about the VM; files by a path that is good inside, too. */
function argumentsInside(name: string, options: MeasureOptions): string[] {
  const isFile = /\.ya?ml$/.test(name);
  return [
    isFile ? resolve(name) : name,
    '--repeat',
    options.repeat,
    '--trace',
    options.trace,
    ...(options.set ?? []).flatMap((set) => ['--set', set]),
    ...(options.seed === undefined ? [] : ['--seed', options.seed]),
    ...(options.until === undefined ? [] : ['--until', options.until]),
    ...(options.lenient === true ? ['--lenient'] : []),
  ];
}

/** As many CPUs as this host has, as many nodes as the scenario's machine, and room for the guest. */
function shapeOf(scenario: Scenario, options: MeasureOptions): VmShape {
  const cpus = wholeFrom('--cpus', options.cpus, hostCpus().length, MOST_CPUS);
  const described = machineOf(scenario.machine, loadPreset(scenario.machine.preset ?? DEFAULT_PRESET));
  const nodes = wholeFrom('--nodes', options.nodes, Math.min(cpus, described.nodes), cpus);
  const guestMiB = Math.ceil(scenario.guest.memory / 2 ** 20);
  return { cpus, nodes, memoryMiB: 2 * nodes * Math.ceil((guestMiB * 2 + SPARE_MIB) / (2 * nodes)) };
}

function wholeFrom(option: string, text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most)
    throw new InputError(`${option} ${text}: write a whole number from 1 to ${most}`);
  return value;
}

function lengthOf({ duration, phases }: Scenario): number {
  return phases?.reduce((sum, phase) => sum + phase.duration, 0) ?? duration ?? 0;
}
