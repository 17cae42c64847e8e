/**
 * Runs a study: reads and explains each recording, compares them, writes the report and a Perfetto trace of
 * each.
 */
import { basename, join } from 'node:path';
import { analyse } from '../explain/analysis.js';
import { summarise } from '../explain/explain.js';
import { buildTimeline } from '../explain/timeline.js';
import { readTrace } from '../files/open-trace.js';
import { writeChunks } from '../files/output-file.js';
import { comparisonRow, renderStudy } from '../report/index.js';
import type { ClaimReport } from '../report/claims.js';
import type { ComparisonRow, StudyRecording } from '../report/types.js';
import { simulate } from '../simulate/run.js';
import { writePerfetto } from '../trace/write/perfetto.js';
import { claimsOf } from './claims/claims.js';
import { runClaims, setupOf } from './claims/run-claims.js';
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
  /** Files written, in the order of writing. */
  readonly files: readonly string[];
}

export interface StudyProgress {
  /** A recording is being read. */
  onRecording(name: string, index: number, total: number): void;
  onProgress(done: number, total: number | undefined): void;
  /** Simulations begin. */
  onClaims(): void;
}

/**
 * Run the study; files go to `folder`, each as soon as it is complete, so that an interrupted run keeps what
 * it had.
 */
export async function runStudy(study: Study, folder: string, progress: StudyProgress): Promise<StudyResult> {
  const recordings: StudyRecording[] = [];
  const files: string[] = [];
  for (const [index, file] of study.recordings.entries()) {
    progress.onRecording(file.name, index, study.recordings.length);
    const perfetto = join(folder, `${file.name}.pftrace`);
    recordings.push(await explainRecording(file, perfetto, progress));
    files.push(perfetto);
  }
  const rows = recordings.map(comparisonRow);
  const verdict = studyVerdict(rows);
  const { claims, simulated } = await simulatedPart(study, folder, progress);
  files.push(...simulated.map(({ name }) => join(folder, `${name}.pftrace`)));
  const report = join(folder, 'report.html');
  const { title } = study;
  const html = renderStudy({ title, intro: [study.intro], recordings, verdict, claims, simulated });
  await writeChunks(report, [html]);
  return { study: study.name, title, rows, verdict, recordings, claims, files: [report, ...files] };
}

/** Seeds of each run: enough for an interval, few enough for a minute. */
const SEEDS = 3;

/** The claims, and one run of the first as a recording, so that it can be looked at. */
async function simulatedPart(
  study: Study,
  folder: string,
  progress: StudyProgress,
): Promise<{ claims: ClaimReport[]; simulated: StudyRecording[] }> {
  const wanted = claimsOf(study.claims);
  if (wanted.length === 0) return { claims: [], simulated: [] };
  progress.onClaims();
  const claims = await runClaims(wanted, {
    seeds: SEEDS,
    onProgress: (done, total) => progress.onProgress(done, total),
  });
  const [{ groups, variants }] = wanted;
  const setup = setupOf(groups[0], variants[0], 1);
  const { trace } = simulate(setup, { trace: true });
  if (trace === undefined) return { claims, simulated: [] };
  const name = `simulated-${setup.name}`;
  const analysis = analyse(trace);
  const timeline = buildTimeline(analysis);
  await writeChunks(join(folder, `${name}.pftrace`), writePerfetto(trace, timeline, { events: true }));
  const description =
    `The model, not a kernel: ${groups[0].title}, ${variants[0].label}, seed 1. Yields, holds and` +
    ' ends of invalidations are' +
    ' recorded here, not inferred.';
  const recording = {
    name,
    description,
    storm: 'KSM + NUMA balancing',
    explanation: summarise(analysis),
    timeline,
  };
  return { claims, simulated: [recording] };
}

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
