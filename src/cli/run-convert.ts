/**
 * What `faultline convert` does once its arguments are parsed. Loaded when it runs: other commands start
 * faster without it.
 */
import { basename, resolve } from 'node:path';
import { readTrace } from '../files/open-trace.js';
import { InputError } from '../trace/errors.js';
import type { Trace } from '../trace/store/trace.js';
import type { ConvertOptions } from './convert.js';
import { filterFrom } from './filters.js';
import { Progress } from './progress.js';
import { printJson } from './terminal.js';
import { formatOf, writeTrace } from './write-trace.js';

export async function runConvert(input: string, output: string, options: ConvertOptions): Promise<void> {
  const format = options.to ?? formatOf(output);
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
  const notes = [
    ...(await writeTrace(trace, output, format, {
      slicesOnly: options.slicesOnly === true,
      ns: options.ns === true,
    })),
    ...concerns(trace),
  ];
  for (const note of notes) process.stderr.write(`faultline: ${note}\n`);
  const events = trace.length;
  if (options.json === true) printJson({ version: 1, input, output, format, events, notes });
  else process.stderr.write(`wrote ${events.toLocaleString('en-US')} events to ${output}\n`);
}

/** What the reader of the result should know about its input. */
function concerns(trace: Trace): string[] {
  const { damage, lost } = trace.diagnostics;
  const sentences = damage.slice(0, 5);
  if (damage.length > 5) sentences.push(`... and ${damage.length - 5} more places that are damaged`);
  if (lost.events > 0) sentences.push(`the recording had lost ${lost.events.toLocaleString('en-US')} events`);
  return sentences;
}
