/**
 * What `faultline explain` does once its arguments are parsed. Loaded when it runs: other commands start
 * faster without it.
 */
import { basename, resolve } from 'node:path';
import { analyse } from '../explain/analysis.js';
import { summarise } from '../explain/explain.js';
import { buildTimeline } from '../explain/timeline.js';
import type { Explanation } from '../explain/types.js';
import { tracesOf } from '../experiment/recording/recording-file.js';
import { readTrace } from '../files/open-trace.js';
import { writeChunks } from '../files/output-file.js';
import { InputError } from '../trace/errors.js';
import type { Timeline } from '../trace/timeline.js';
import { filterFrom, type FilterOptions } from './filters.js';
import { Progress } from './progress.js';
import { printJson, terminalOptions } from './terminal.js';

export interface ExplainCommandOptions extends FilterOptions {
  json?: boolean;
  html?: string;
  kernel?: string;
  preempt?: string;
  top: string;
}

type OneOptions = Omit<ExplainCommandOptions, 'preempt'> & { preempt: string | undefined };

/** One trace, explained; drawn as well when a page is wanted. */
interface Explained {
  readonly name: string;
  readonly explanation: Explanation;
  readonly timeline: Timeline | undefined;
}

export async function runExplain(files: readonly string[], options: ExplainCommandOptions): Promise<void> {
  if (!/^[1-9]\d{0,5}$/.test(options.top)) {
    throw new InputError(`"${options.top}" is no number of rows: write 1 or more`, { field: '--top' });
  }
  if (options.html !== undefined && files.some((file) => resolve(file) === resolve(options.html ?? ''))) {
    throw new InputError('would overwrite the trace: name another file', {
      file: options.html,
      field: '--html',
    });
  }
  const explained: Explained[] = [];
  const traces = files.flatMap((file) => tracesOf(file) ?? [{ file, preempt: undefined }]);
  for (const { file, preempt } of traces) explained.push(await explainFile(file, { preempt, ...options }));
  if (options.html !== undefined) {
    await writeChunks(options.html, [await page(explained)]);
    process.stderr.write(`wrote ${options.html}\n`);
  }
  if (options.json === true) printJson(asJson(explained));
  else {
    const { renderTerminal } = await import('../report/index.js');
    const texts = explained.map(({ explanation }) => renderTerminal(explanation, terminalOptions()));
    process.stdout.write(texts.join('\n'));
  }
}

async function explainFile(file: string, options: OneOptions): Promise<Explained> {
  const progress = new Progress(`reading ${basename(file)}`);
  try {
    const onProgress = (done: number, total: number | undefined) => progress.update(done, total);
    const trace = await readTrace(file, { filter: filterFrom(options), onProgress });
    if (trace.length === 0 && trace.diagnostics.filtered === 0) {
      throw new InputError(`holds no events (${trace.meta.format})`, { file });
    }
    const explainOptions = {
      top: Number(options.top),
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      ...(options.preempt === undefined ? {} : { preempt: options.preempt }),
    };
    const analysis = analyse(trace, explainOptions);
    return {
      name: basename(file),
      explanation: summarise(analysis, explainOptions),
      timeline: options.html === undefined ? undefined : buildTimeline(analysis),
    };
  } finally {
    progress.end();
  }
}

async function page(explained: readonly Explained[]): Promise<string> {
  const { renderHtml, renderStudy } = await import('../report/index.js');
  const inputs = explained.flatMap(({ name, explanation, timeline }) =>
    timeline ? [{ name, explanation, timeline }] : [],
  );
  if (inputs.length === 1) return renderHtml(inputs[0]);
  return renderStudy({
    title: `${inputs.length} traces`,
    intro: [],
    recordings: inputs.map((input) => ({ ...input, description: '' })),
    verdict: [],
  });
}

/** One trace: its explanation with the name of the file. Several: all of them under one roof. */
function asJson(explained: readonly Explained[]): object {
  const named = ({ name, explanation }: Explained): { file: string } & Explanation => ({
    file: name,
    ...explanation,
  });
  return explained.length === 1 ? named(explained[0]) : { version: 1, explanations: explained.map(named) };
}
