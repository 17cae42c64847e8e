/**
 * `faultline explain FILE...`: what happened in a trace.
 */
import { basename, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { analyse } from '../explain/analysis.js';
import { summarise } from '../explain/explain.js';
import { buildTimeline } from '../explain/timeline.js';
import type { Explanation } from '../explain/types.js';
import { readTrace } from '../files/open-trace.js';
import { writeChunks } from '../files/output-file.js';
import { renderHtml, renderStudy, renderTerminal } from '../report/index.js';
import type { ReportInput } from '../report/types.js';
import { InputError } from '../trace/errors.js';
import { addFilters, filterFrom, type FilterOptions } from './filters.js';
import { Progress } from './progress.js';
import { printJson, terminalOptions } from './terminal.js';

interface ExplainCommandOptions extends FilterOptions {
  json?: boolean;
  html?: string;
  kernel?: string;
  preempt?: string;
  top: string;
}

const PREEMPT = ['none', 'voluntary', 'full', 'lazy', 'rt'];

const EXAMPLE = `
Reads trace.dat, ftrace text, trace-cmd report, perf script, Perfetto and Chrome JSON,
each also compressed (.gz, .xz, .zst), and folders of raw ring-buffer pages.

Example: the guests froze; record five seconds on the host, then ask what happened
  trace-cmd record -e kvm -e kvmmmu -e lock -e sched_switch sleep 5
  faultline explain trace.dat --html freeze.html`;

export function addExplain(program: Command): void {
  const command = program
    .command('explain')
    .description('what happened in a trace: fault episodes, who invalidated, lock waits, findings')
    .argument('<file...>', 'traces, of any format; - is stdin')
    .option('--json', 'one JSON object on stdout: docs/explain.md describes it')
    .option('--html <file>', 'write a self-contained page')
    .option('--kernel <release>', 'kernel of the recording, where the file does not tell (perf script, text)')
    .addOption(new Option('--preempt <model>', 'its preemption model, which no file tells').choices(PREEMPT))
    .option('--top <n>', 'rows in lists of episodes, invalidations and locks', '20');
  addFilters(command)
    .addHelpText('after', EXAMPLE)
    .action((files: string[], options: ExplainCommandOptions) => run(files, options));
}

async function run(files: readonly string[], options: ExplainCommandOptions): Promise<void> {
  if (!/^[1-9]\d{0,5}$/.test(options.top)) {
    throw new InputError(`"${options.top}" is no number of rows: write 1 or more`, { field: '--top' });
  }
  if (options.html !== undefined && files.some((file) => resolve(file) === resolve(options.html ?? ''))) {
    throw new InputError('would overwrite the trace: name another file', {
      file: options.html,
      field: '--html',
    });
  }
  const explained: ReportInput[] = [];
  for (const file of files) explained.push(await explainFile(file, options));
  if (options.html !== undefined) {
    await writeChunks(options.html, [page(explained)]);
    process.stderr.write(`wrote ${options.html}\n`);
  }
  if (options.json === true) printJson(asJson(explained));
  else {
    const texts = explained.map(({ explanation }) => renderTerminal(explanation, terminalOptions()));
    process.stdout.write(texts.join('\n'));
  }
}

async function explainFile(file: string, options: ExplainCommandOptions): Promise<ReportInput> {
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
      timeline: buildTimeline(analysis),
    };
  } finally {
    progress.end();
  }
}

function page(explained: readonly ReportInput[]): string {
  if (explained.length === 1) return renderHtml(explained[0]);
  return renderStudy({
    title: `${explained.length} traces`,
    intro: [],
    recordings: explained.map((input) => ({ ...input, description: '' })),
    verdict: [],
  });
}

/** One trace: its explanation with the name of the file. Several: all of them under one roof. */
function asJson(explained: readonly ReportInput[]): object {
  const named = ({ name, explanation }: ReportInput): { file: string } & Explanation => ({
    file: name,
    ...explanation,
  });
  return explained.length === 1 ? named(explained[0]) : { version: 1, explanations: explained.map(named) };
}
