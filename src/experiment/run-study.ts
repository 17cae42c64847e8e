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
import type { ComparisonRow, StudyRecording } from '../report/types.js';
import { writePerfetto } from '../trace/write/perfetto.js';
import type { Study, StudyRecordingFile } from './study-file.js';
import { studyVerdict } from './study-verdict.js';

export interface StudyResult {
  readonly study: string;
  readonly title: string;
  readonly rows: readonly ComparisonRow[];
  /** Two sentences. */
  readonly verdict: readonly string[];
  readonly recordings: readonly StudyRecording[];
  /** Files written, in the order of writing. */
  readonly files: readonly string[];
}

export interface StudyProgress {
  /** A recording is being read. */
  onRecording(name: string, index: number, total: number): void;
  onProgress(done: number, total: number | undefined): void;
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
  const report = join(folder, 'report.html');
  const html = renderStudy({ title: study.title, intro: [study.intro], recordings, verdict });
  await writeChunks(report, [html]);
  return { study: study.name, title: study.title, rows, verdict, recordings, files: [report, ...files] };
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
