/**
 * Runs a study: reads and explains each recording, compares them, measures scenarios, simulates statements,
 * writes the report and a Perfetto trace of each recording.
 */
import { basename, join } from 'node:path';
import { analyse } from '../explain/analysis.js';
import { summarise } from '../explain/explain.js';
import { buildTimeline } from '../explain/timeline.js';
import { readTrace } from '../files/open-trace.js';
import { writeChunks } from '../files/output-file.js';
import { comparisonRow, renderStudy } from '../report/index.js';
import type { ClaimReport } from '../report/claims.js';
import type { MeasuredScenario } from '../report/measurement.js';
import type { ComparisonRow, StudyRecording } from '../report/types.js';
import { simulate } from '../simulate/run.js';
import { writePerfetto } from '../trace/write/perfetto.js';
import { claimsOf, type Claim } from './claims/claims.js';
import { runClaims, setupOf } from './claims/run-claims.js';
import { measuredPart } from './measured/measured-part.js';
import type { Study, StudyRecordingFile } from './study-file.js';
import { studyVerdict } from './study-verdict.js';

export interface StudyResult {
  readonly study: string;
  readonly title: string;
  readonly rows: readonly ComparisonRow[];
  /** Two sentences. */
  readonly verdict: readonly string[];
  readonly recordings: readonly StudyRecording[];
  /** Statements, simulated. */
  readonly claims: readonly ClaimReport[];
  /** Scenarios, measured on this host, or why not. */
  readonly measured: readonly MeasuredScenario[];
  /** Names of what an abort left undone. */
  readonly missing: {
    readonly recordings: readonly string[];
    readonly measured: readonly string[];
    readonly claims: readonly string[];
  };
  /** Files written, in the order of writing. */
  readonly files: readonly string[];
}

export interface StudyProgress {
  /** A recording is being read. */
  onRecording(name: string, index: number, total: number): void;
  onProgress(done: number, total: number | undefined): void;
  /** A scenario is measured. */
  onScenario(name: string): void;
  /** Simulations begin. */
  onClaims(): void;
}

export interface StudyOptions {
  readonly progress: StudyProgress;
  readonly signal?: AbortSignal;
  /** The exact command, word by word, and the version, for recordings of what is measured. */
  readonly command: readonly string[];
  readonly version: string;
}

/**
 * Run the study; files go to `folder`, each as soon as it is complete. An abort ends it early, with a report
 * of what was done by then.
 */
export async function runStudy(study: Study, folder: string, options: StudyOptions): Promise<StudyResult> {
  const { progress, signal } = options;
  const recordings: StudyRecording[] = [];
  const files: string[] = [];
  for (const [index, file] of study.recordings.entries()) {
    if (signal?.aborted === true) break;
    progress.onRecording(file.name, index, study.recordings.length);
    const perfetto = join(folder, `${file.name}.pftrace`);
    recordings.push(await explainRecording(file, perfetto, progress));
    files.push(perfetto);
    // A signal is heard between two tasks of the event loop only.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const rows = recordings.map(comparisonRow);
  const verdict = studyVerdict(rows);
  // Before simulations, which keep all CPUs busy.
  const measured = await measuredPart(study.measure, {
    folder,
    command: options.command,
    version: options.version,
    signal,
    onScenario: (name) => progress.onScenario(name),
    onProgress: (done, total) => progress.onProgress(done, total),
  });
  files.push(...measured.files);
  const { claims, simulated } = await simulatedPart(study, folder, progress, signal);
  files.push(...simulated.map(({ name }) => join(folder, `${name}.pftrace`)));
  const report = join(folder, 'report.html');
  const { title } = study;
  const html = renderStudy({
    title,
    intro: [study.intro],
    recordings,
    verdict,
    claims,
    simulated,
    measured: measured.scenarios,
    measuredRecordings: measured.recordings,
  });
  await writeChunks(report, [html]);
  const missing = {
    recordings: study.recordings.slice(recordings.length).map(({ name }) => name),
    measured: measured.missing,
    claims: study.claims.filter((wanted) => claims.every(({ id }) => id !== wanted)),
  };
  return {
    study: study.name,
    title,
    rows,
    verdict,
    recordings,
    claims,
    measured: measured.scenarios,
    missing,
    files: [report, ...files],
  };
}

/** The claims, and one run of the first as a recording, so that it can be looked at. */
async function simulatedPart(
  study: Study,
  folder: string,
  progress: StudyProgress,
  signal: AbortSignal | undefined,
): Promise<{ claims: ClaimReport[]; simulated: StudyRecording[] }> {
  const wanted = claimsOf(study.claims);
  if (wanted.length === 0 || signal?.aborted === true) return { claims: [], simulated: [] };
  progress.onClaims();
  const claims = await runClaims(wanted, {
    seeds: study.seeds,
    onProgress: (done, total) => progress.onProgress(done, total),
    ...(signal === undefined ? {} : { signal }),
  });
  if (claims.length === 0) return { claims, simulated: [] };
  return { claims, simulated: await recordRun(wanted[0], folder) };
}

/** The first situation of a claim, recorded as a kernel would be. */
async function recordRun({ groups, variants }: Claim, folder: string): Promise<StudyRecording[]> {
  const setup = setupOf(groups[0], variants[0]);
  const { trace } = simulate(setup, { trace: true });
  if (trace === undefined) return [];
  const name = `simulated-${setup.name}`;
  const analysis = analyse(trace);
  const timeline = buildTimeline(analysis);
  await writeChunks(join(folder, `${name}.pftrace`), writePerfetto(trace, timeline, { events: true }));
  const description =
    `The model, not a kernel: ${groups[0].title}, ${variants[0].label}, seed 1. Yields, holds and ends of` +
    ' invalidations are recorded here, not inferred.';
  const storm = setup.storms.map(({ kind }) => STORM_NAMES[kind] ?? kind).join(' + ');
  return [{ name, description, storm, explanation: summarise(analysis), timeline }];
}

/** As recordings name them. */
const STORM_NAMES: Readonly<Record<string, string>> = { ksm: 'KSM', 'numa-balancing': 'NUMA balancing' };

async function explainRecording(
  file: StudyRecordingFile,
  perfetto: string,
  progress: StudyProgress,
): Promise<StudyRecording> {
  const trace = await readTrace(file.file, { onProgress: (done, total) => progress.onProgress(done, total) });
  if (file.preempt !== undefined) trace.meta.preempt ??= file.preempt;
  const analysis = analyse(trace);
  const timeline = buildTimeline(analysis);
  await writeChunks(perfetto, writePerfetto(trace, timeline, { events: true }));
  return {
    name: file.name ?? basename(file.file),
    description: file.description,
    storm: file.storm,
    explanation: summarise(analysis),
    timeline,
  };
}
