/** One scenario of a study, measured, with a trace of one of its runs explained. */
import { join } from 'node:path';
import { analyse } from '../../explain/analysis.js';
import { summarise } from '../../explain/explain.js';
import { buildTimeline } from '../../explain/timeline.js';
import { readTrace } from '../../files/open-trace.js';
import { writeChunks } from '../../files/output-file.js';
import { tracingUnsupported } from '../../measure/tracing/tracefs.js';
import type { MeasuredScenario, MeasurementReport } from '../../report/measurement.js';
import type { StudyRecording } from '../../report/types.js';
import { writePerfetto } from '../../trace/write/perfetto.js';
import { measure } from '../measure/measure.js';
import { measuringHost } from '../measure/measuring-host.js';
import { planOf, usableCpus } from '../measure/plan.js';
import { tracesOf, writeRecording } from '../recording/recording-file.js';
import { reportOf } from '../recording/report.js';
import type { Recording } from '../recording/schema.js';
import { parseOverride } from '../scenario/overrides.js';
import { loadScenario, type Scenario } from '../scenario/scenario.js';
import { measureNotes } from '../scenario/support-measure.js';
import { supportedPart } from '../scenario/support.js';
import { MOST_TIME, RUN_TIME, RUNS, type MeasuredOptions } from './measured-part.js';

type Measured = Extract<MeasuredScenario, { report: MeasurementReport }>;

interface ScenarioResult extends Omit<Measured, 'scenario'> {
  readonly recording: StudyRecording | undefined;
  readonly files: readonly string[];
  /** The user has interrupted it. */
  readonly stopped: boolean;
}

/** More of them make a Perfetto trace that no browser opens quickly: then it has only what was understood. */
const MOST_EVENTS = 400_000;

const AS_IS = [{ name: 'as-is', settings: [] }];

/**
 * @throws InputError, MachineError, SystemError when it cannot be measured here; everything is put back
 */
export async function measureScenario(name: string, options: MeasuredOptions): Promise<ScenarioResult> {
  const host = measuringHost(AS_IS);
  const { asked, notes } = scenarioFor(name, host.cpus);
  const { scenario, leftOut } = supportedPart(asked, host, true);
  const folder = join(options.folder, `measured-${name}`);
  const enough = AbortSignal.timeout(MOST_TIME);
  const signal = options.signal === undefined ? enough : AbortSignal.any([options.signal, enough]);
  const recording = await measure({
    scenario,
    plan: planOf(scenario, usableCpus()),
    arms: AS_IS,
    repeats: RUNS,
    // Later runs would not show more, and a trace may have a hundred megabytes.
    traces: 'first',
    traceLevel: tracingUnsupported() === undefined ? 'light' : 'none',
    folder,
    command: options.command,
    version: options.version,
    leftOut,
    notes: [...notes, ...measureNotes(scenario, host)],
    signal,
    onRun: async (done, total, soFar) => {
      options.onProgress(done, total);
      await writeRecording(folder, soFar);
    },
  });
  const file = await writeRecording(folder, recording);
  const stopped = options.signal?.aborted === true;
  const hasTrace = recording.runs.some(({ trace }) => trace !== undefined);
  const explained = stopped || !hasTrace ? undefined : await explain(name, folder, options);
  return {
    report: reportOf(recording, [file]),
    touches: medianRun(recording).result.touches,
    recording: explained?.recording,
    files: [file, ...(explained === undefined ? [] : [explained.file])],
    stopped,
  };
}

/** As long as a study's runs are, and with no more vCPUs than there are CPUs: others only wait for them. */
function scenarioFor(name: string, cpus: number): { asked: Scenario; notes: string[] } {
  const sets = [`duration=${RUN_TIME}`];
  const { vcpus } = loadScenario(name).guest;
  const notes =
    vcpus > cpus ? [`guest.vcpus: ${cpus} in place of ${vcpus}, as many as this host has CPUs`] : [];
  if (vcpus > cpus) sets.push(`guest.vcpus=${cpus}`);
  const overrides = sets.map((set) => parseOverride('--set', set));
  return { asked: loadScenario(name, overrides), notes };
}

type Run = Recording['runs'][number];

/** Of the runs that count, the one in the middle by what the guest got done; the last run when none does. */
function medianRun({ runs }: Recording): Run {
  const counted = runs.filter(({ verdict }) => verdict.startsWith('counted'));
  const byTouches = counted.toSorted(
    (a, b) => a.result.guest.touchesPerSecond - b.result.guest.touchesPerSecond,
  );
  return byTouches[byTouches.length >> 1] ?? runs[runs.length - 1];
}

/** The trace of the first run. */
async function explain(
  name: string,
  folder: string,
  { folder: outer }: MeasuredOptions,
): Promise<{ recording: StudyRecording; file: string } | undefined> {
  const first = tracesOf(folder)?.[0];
  if (first === undefined) return undefined;
  const trace = await readTrace(first.file);
  const { preempt } = first;
  const analysis = analyse(trace, preempt === undefined ? {} : { preempt });
  const timeline = buildTimeline(analysis);
  const file = join(outer, `measured-${name}.pftrace`);
  await writeChunks(file, writePerfetto(trace, timeline, { events: trace.length < MOST_EVENTS }));
  return {
    file,
    recording: {
      name: `measured-${name}`,
      description: `This host: the first of the runs of ${name}, recorded while it was measured.`,
      explanation: summarise(analysis),
      timeline,
      ...(preempt === undefined ? {} : { preempt }),
    },
  };
}
