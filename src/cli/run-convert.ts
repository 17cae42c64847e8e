/**
 * What `faultline convert` does once its arguments are parsed. Loaded when it runs: other commands start
 * faster without it.
 */
import { basename, resolve } from 'node:path';
import { analyse } from '../explain/analysis.js';
import { buildTimeline } from '../explain/timeline.js';
import { readTrace } from '../files/open-trace.js';
import { OutputFile, writeChunks } from '../files/output-file.js';
import { writeParquet } from '../files/write-parquet.js';
import { InputError } from '../trace/errors.js';
import type { Trace } from '../trace/store/trace.js';
import type { Timeline } from '../trace/timeline.js';
import { writeChrome } from '../trace/write/chrome.js';
import { writeFtraceText } from '../trace/write/ftrace-text.js';
import { writePerfetto } from '../trace/write/perfetto.js';
import { writeTraceDat } from '../trace/write/trace-dat.js';
import type { ConvertOptions, Format } from './convert.js';
import { filterFrom } from './filters.js';
import { Progress } from './progress.js';
import { printJson } from './terminal.js';

/** How the name of the output ends, where --to does not say. */
const ENDINGS: readonly (readonly [string, Format])[] = [
  ['.txt', 'text'],
  ['.trace', 'text'],
  ['.dat', 'dat'],
  ['.pftrace', 'perfetto'],
  ['.perfetto-trace', 'perfetto'],
  ['.json', 'chrome'],
  ['.parquet', 'parquet'],
];

export async function runConvert(input: string, output: string, options: ConvertOptions): Promise<void> {
  const format = options.to ?? ENDINGS.find(([ending]) => output.endsWith(ending))?.[1];
  if (format === undefined) {
    throw new InputError(
      `its name does not tell a format: end it in .txt, .dat, .pftrace, .json or .parquet, or use --to`,
      {
        file: output,
      },
    );
  }
  if (resolve(input) === resolve(output))
    throw new InputError('would overwrite its own input', { file: output });
  const progress = new Progress(`reading ${basename(input)}`);
  let trace: Trace;
  try {
    const onProgress = (done: number, total: number | undefined) => progress.update(done, total);
    trace = await readTrace(input, {
      filter: filterFrom(options),
      onProgress,
    });
  } finally {
    progress.end();
  }
  const notes = [...(await write(trace, output, format, options)), ...concerns(trace)];
  for (const note of notes) process.stderr.write(`faultline: ${note}\n`);
  const events = trace.length;
  if (options.json === true) printJson({ version: 1, input, output, format, events, notes });
  else process.stderr.write(`wrote ${events.toLocaleString('en-US')} events to ${output}\n`);
}

/** Write the trace; returns what the format could not hold. */
async function write(
  trace: Trace,
  output: string,
  format: Format,
  options: ConvertOptions,
): Promise<readonly string[]> {
  switch (format) {
    case 'text':
      await writeChunks(output, writeFtraceText(trace, { digits: options.ns === true ? 9 : 6 }));
      return [];
    case 'dat':
      return writeDat(trace, output);
    case 'perfetto':
      await writeChunks(
        output,
        writePerfetto(trace, timelineOf(trace), { events: options.slicesOnly !== true }),
      );
      return [];
    case 'chrome':
      await writeChunks(
        output,
        writeChrome(trace, timelineOf(trace), { events: options.slicesOnly !== true }),
      );
      return [];
    case 'parquet':
      await writeParquet(trace, output);
      return [];
  }
}

function timelineOf(trace: Trace): Timeline {
  return buildTimeline(analyse(trace));
}

function writeDat(trace: Trace, output: string): readonly string[] {
  const file = new OutputFile(output);
  try {
    const { notes } = writeTraceDat(trace, file);
    file.commit();
    return notes;
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** What the reader of the result should know about its input. */
function concerns(trace: Trace): string[] {
  const { damage, lost } = trace.diagnostics;
  const sentences = damage.slice(0, 5);
  if (damage.length > 5) sentences.push(`... and ${damage.length - 5} more places that are damaged`);
  if (lost.events > 0) sentences.push(`the recording had lost ${lost.events.toLocaleString('en-US')} events`);
  return sentences;
}
