/**
 * A scenario measured: runs of all arms in turn, what the host was like meanwhile, and everything put back.
 */
import { applyArm, type Arm } from '../../measure/host/arms.js';
import { BusyMonitor } from '../../measure/host/busy.js';
import { gitCommit } from '../../measure/host/facts/commit.js';
import { readKnobs } from '../../measure/host/facts/knobs.js';
import { hostFacts } from '../../measure/host/facts.js';
import { Journal } from '../../measure/host/journal.js';
import { RunLock } from '../../measure/host/run-lock.js';
import type { RunPlan } from '../../measure/run/plan.js';
import { runOnce } from '../../measure/run/run-once.js';
import { Schedule, type Turn } from '../../measure/run/schedule.js';
import type { TraceLevel } from '../../measure/tracing/levels.js';
import { Recorder } from '../../measure/tracing/recorder.js';
import type { Recording } from '../recording/schema.js';
import type { Scenario } from '../scenario/scenario.js';
import { summariseArm } from './summary.js';

export interface MeasureRequest {
  readonly scenario: Scenario;
  readonly plan: RunPlan;
  readonly arms: readonly Arm[];
  readonly repeats: number;
  readonly traceLevel: TraceLevel;
  /** Whether every run that counts leaves a trace, or only the first; all are recorded. */
  readonly traces: 'all' | 'first';
  /** Where trace.dat files go. */
  readonly folder: string;
  /** The exact command, word by word. */
  readonly command: readonly string[];
  readonly version: string;
  readonly leftOut: readonly string[];
  readonly notes: readonly string[];
  readonly signal: AbortSignal;
  /** After each run: runs made and runs to make, and the recording so far. */
  onRun(done: number, total: number, soFar: Recording): Promise<void>;
}

type Run = Recording['runs'][number];

/**
 * @throws MachineError when the host cannot do it, or another run goes on; everything is put back
 */
export async function measure(request: MeasureRequest): Promise<Recording> {
  const lock = RunLock.acquire(request.command.join(' '));
  try {
    const journal = Journal.open(lock);
    const recording = begun(request);
    try {
      await makeRuns(request, journal, recording);
    } finally {
      recording.restored.push(...journal.close());
    }
    return ended(request, recording);
  } finally {
    lock.release();
  }
}

function begun(request: MeasureRequest): Recording {
  const { scenario, arms, repeats, command, version, leftOut, notes, traceLevel } = request;
  const { name, description, seed } = scenario;
  const knobs = readKnobs();
  const commit = gitCommit();
  const now = new Date().toISOString();
  return {
    version: 1,
    faultline: { version, ...(commit === undefined ? {} : { commit }) },
    command: [...command],
    startedAt: now,
    endedAt: now,
    stopped: 'unfinished',
    // As JSON has it: without what is undefined.
    scenario: {
      name,
      description,
      seed,
      fields: JSON.parse(JSON.stringify(scenario)) as Record<string, unknown>,
      leftOut: [...leftOut],
      notes: [...notes],
    },
    host: { ...hostFacts() },
    knobs: { before: knobs, after: knobs },
    restored: [],
    traceLevel,
    repeats,
    arms: arms.map((arm) => ({
      name: arm.name,
      settings: arm.settings.map(({ path, value }) => ({ path, before: knobs[path] ?? '', value })),
    })),
    runs: [],
    summary: [],
  };
}

async function makeRuns(request: MeasureRequest, journal: Journal, recording: Recording): Promise<void> {
  const { traceLevel, folder } = request;
  const recorder = traceLevel === 'none' ? undefined : Recorder.open(traceLevel, folder, journal);
  try {
    await takeTurns(request, journal, recording, recorder);
  } finally {
    await recorder?.close();
  }
}

async function takeTurns(
  request: MeasureRequest,
  journal: Journal,
  recording: Recording,
  recorder: Recorder | undefined,
): Promise<void> {
  const schedule = new Schedule(request.arms.length, request.repeats);
  for (let turn = schedule.next(); turn !== undefined; turn = schedule.next()) {
    const { run, interrupted } = await oneRun(request, journal, turn, recorder);
    if (interrupted) {
      recording.stopped = 'interrupted';
      return;
    }
    const verdict = schedule.answer(run.load.busy);
    const keeps = request.traces === 'all' || recording.runs.every((each) => each.trace === undefined);
    const trace = verdict.startsWith('counted') && keeps ? recorder?.keep(traceName(run)) : undefined;
    recording.runs.push({ ...run, verdict, ...(trace === undefined ? {} : { trace }) });
    await request.onRun(schedule.done, schedule.total, recording);
  }
  recording.stopped = 'done';
}

/** Of the file, by arm and number of the repeat, from 1. */
function traceName({ arm, repeat }: Run): string {
  return `trace-${arm.replaceAll(/[^\w.=,+-]/g, '_')}-${repeat + 1}.dat`;
}

async function oneRun(
  { plan, arms, signal }: MeasureRequest,
  journal: Journal,
  { arm, repeat, attempt }: Turn,
  recorder: Recorder | undefined,
): Promise<{ run: Run; interrupted: boolean }> {
  const mark = journal.mark();
  applyArm(arms[arm], journal);
  const ofArm = journal.changes.length;
  const seed = plan.guest.seed + Math.max(0, repeat);
  const startedAt = new Date().toISOString();
  const monitor = BusyMonitor.start();
  try {
    const ran = await runOnce(
      { ...plan, guest: { ...plan.guest, seed } },
      {
        settings: journal,
        signal,
        recorder,
        onChild: (pid) => void journal.register({ kind: 'process', pid }),
      },
    );
    const load = { ...monitor.stop() };
    const changed = journal.changes.slice(ofArm).map(({ path, before, value }) => ({ path, before, value }));
    const { result, interrupted } = ran;
    const run: Run = {
      arm: arms[arm].name,
      repeat,
      attempt,
      verdict: 'warm-up',
      seed,
      startedAt,
      load,
      settings: changed,
      notes: [...load.reasons],
      result,
    };
    return { run, interrupted };
  } finally {
    monitor.stop();
    journal.rollback(mark);
  }
}

function ended(request: MeasureRequest, recording: Recording): Recording {
  const summary = request.arms.flatMap(({ name }) => {
    const counted = recording.runs.filter(
      ({ arm, verdict }) => arm === name && verdict.startsWith('counted'),
    );
    if (counted.length === 0) return [];
    const runs = counted.map(({ result, verdict }) => ({ result, busy: verdict === 'counted-busy' }));
    return [summariseArm(name, runs)];
  });
  const knobs = { before: recording.knobs.before, after: readKnobs() };
  return { ...recording, endedAt: new Date().toISOString(), knobs, summary };
}
