/**
 * `faultline explain FILE...`: what happened in a trace.
 */
import { Option, type Command } from 'commander';
import { addFilters } from './filters.js';
import { helpText } from './help-text.js';
import type { ExplainCommandOptions } from './run-explain.js';

const PREEMPT = ['none', 'voluntary', 'full', 'lazy', 'rt'];

const EXAMPLE = `
Reads trace.dat, ftrace text, trace-cmd report, perf script, Perfetto and Chrome JSON,
each also compressed (.gz, .xz, .zst), folders of raw ring-buffer pages, and
recordings of faultline measure --trace.

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
    .addHelpText('after', helpText(EXAMPLE))
    .action(async (files: string[], options: ExplainCommandOptions) => {
      const { runExplain } = await import('./run-explain.js');
      await runExplain(files, options);
    });
}
