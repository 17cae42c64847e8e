/**
 * Writes a trace into a file of any format.
 */
import { analyse } from '../explain/analysis.js';
import { buildTimeline } from '../explain/timeline.js';
import { OutputFile, writeChunks } from '../files/output-file.js';
import { writeParquet } from '../files/write-parquet.js';
import { InputError } from '../trace/errors.js';
import type { Trace } from '../trace/store/trace.js';
import type { Timeline } from '../trace/timeline.js';
import { writeChrome } from '../trace/write/chrome.js';
import { writeFtraceText } from '../trace/write/ftrace-text.js';
import { writePerfetto } from '../trace/write/perfetto.js';
import { writeTraceDat } from '../trace/write/trace-dat.js';
import type { Format } from './convert.js';

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

/** @throws InputError when the name of the file does not tell its format */
export function formatOf(output: string, instead = ', or use --to'): Format {
  const format = ENDINGS.find(([ending]) => output.endsWith(ending))?.[1];
  if (format !== undefined) return format;
  throw new InputError(
    `its name does not tell a format: end it in .txt, .dat, .pftrace, .json or .parquet${instead}`,
    { file: output },
  );
}

interface WriteOptions {
  /** Perfetto, Chrome: only what explain understood. */
  readonly slicesOnly?: boolean;
  /** Text: time stamps in nanoseconds. */
  readonly ns?: boolean;
}

/** Writes the trace; returns what the format could not hold. */
export async function writeTrace(
  trace: Trace,
  output: string,
  format: Format,
  options: WriteOptions = {},
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
