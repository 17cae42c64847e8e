/**
 * What `faultline measure` does once its arguments are parsed. Loaded when it runs: other commands start
 * faster without it.
 */
import { measure } from '../experiment/measure/measure.js';
import { measuringHost } from '../experiment/measure/measuring-host.js';
import { planOf, usableCpus } from '../experiment/measure/plan.js';
import { recordingFiles, recordingFolder, writeRecording } from '../experiment/recording/recording-file.js';
import { reportOf } from '../experiment/recording/report.js';
import { measureNotes } from '../experiment/scenario/support-measure.js';
import { supportedPart } from '../experiment/scenario/support.js';
import { choosesKernel } from '../experiment/vm/vm-arms.js';
import { parseArm, unsupportedArm, type Arm } from '../measure/host/arms.js';
import { renderMeasurement } from '../report/index.js';
import { InputError, MachineError } from '../trace/errors.js';
import { durationFrom } from './filters.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import type { MeasureOptions } from './measure.js';
import { Progress } from './progress.js';
import { scenarioFrom } from './simulate-scenario.js';
import { printJson, terminalOptions } from './terminal.js';
import { version } from './version.js';

const MOST_REPEATS = 10_000;

export async function runMeasure(name: string | undefined, options: MeasureOptions): Promise<void> {
  if (choosesKernel(options.arm ?? [], options.kernel)) {
    const { runMeasureInVm } = await import('./run-measure-vm.js');
    await runMeasureInVm(name, options, repeatsFrom(options.repeat));
    return;
  }
  expectNoVm(options);
  const arms = armsFrom(options.arm);
  const host = measuringHost(arms);
  const { scenario, leftOut } = supportedPart(scenarioFrom(name, options), host, options.lenient === true);
  const repeats = repeatsFrom(options.repeat);
  const until = options.until === undefined ? Infinity : durationFrom(options.until, '--until');
  const plan = planOf(scenario, usableCpus(), until);
  const folder = recordingFolder(options.out, scenario.name, new Date());
  for (const each of leftOut) process.stderr.write(`left out: ${each}\n`);
  const progress = new Progress(`measuring ${scenario.name}`);
  try {
    const recording = await interruptible((signal) =>
      measure({
        scenario,
        plan,
        arms,
        repeats,
        traceLevel: options.trace,
        traces: 'all',
        folder,
        command: ['faultline', ...process.argv.slice(2)],
        version: version(),
        leftOut,
        notes: measureNotes(scenario, host),
        signal,
        onRun: async (done, total, soFar) => {
          progress.update(done, total);
          await writeRecording(folder, soFar);
        },
      }),
    );
    progress.end();
    await writeRecording(folder, recording);
    if (options.json === true) printJson(recording);
    else
      process.stdout.write(
        renderMeasurement(reportOf(recording, recordingFiles(folder, recording)), terminalOptions()),
      );
    if (recording.stopped === 'interrupted') process.exitCode = INTERRUPTED;
  } finally {
    progress.end();
  }
}

function expectNoVm({ preempt, cpus, nodes }: MeasureOptions): void {
  const given = Object.entries({ preempt, cpus, nodes }).find(([, value]) => value !== undefined);
  if (given)
    throw new InputError('is of the bench VM: name a kernel with --kernel', { field: `--${given[0]}` });
}

/** @throws InputError for a name that is none; MachineError for a setting that this host does not have */
function armsFrom(texts: readonly string[] | undefined): readonly Arm[] {
  if (texts === undefined) return [{ name: 'as-is', settings: [] }];
  const arms = texts.map((text) => parseArm(text));
  const twice = arms.find(({ name }, index) => arms.findIndex((arm) => arm.name === name) !== index);
  if (twice) throw new InputError(`--arm ${twice.name}: given twice`);
  for (const arm of arms) {
    const reason = unsupportedArm(arm);
    if (reason !== undefined) throw new MachineError(`--arm ${arm.name}: ${reason}`);
  }
  return arms;
}

function repeatsFrom(text: string): number {
  const repeats = Number(text);
  if (!/^\d+$/.test(text) || repeats < 1 || repeats > MOST_REPEATS)
    throw new InputError(`--repeat ${text}: write a whole number from 1 to ${MOST_REPEATS}`);
  return repeats;
}
