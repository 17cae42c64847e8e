/**
 * `faultline check PROTOCOL`: every interleaving of a part of KVM, in a small scope.
 */
import { Option, type Command } from 'commander';
import { helpText } from './help-text.js';

export interface CheckOptions {
  kernel?: string;
  memory: string;
  vcpus?: string;
  gfns?: string;
  invalidators?: string;
  touches?: string;
  rounds?: string;
  set?: string[];
  mutant?: string;
  mutants?: boolean;
  timeLimit?: string;
  maxStates?: string;
  steps?: boolean;
  executions?: boolean;
  json?: boolean;
}

const EXAMPLE = `
Without a protocol it lists them, with their scopes.

Example: the protocol as it is, without its recheck, and every mistake
  faultline check fault-vs-invalidate
  faultline check fault-vs-invalidate --mutant no-recheck
  faultline check fault-vs-invalidate --kernel v6.1 --memory tso --vcpus 2
  faultline check --mutants`;

export function addCheck(program: Command): void {
  const collect = (value: string, list: string[] = []): string[] => [...list, value];
  program
    .command('check')
    .description('explore every interleaving of a protocol, in a scope small enough to see through')
    .argument('[protocol]', 'what to check; without it: list the protocols')
    .option('--kernel <name>', 'whose KVM (default: v7.3)')
    .addOption(
      new Option('--memory <model>', 'memory model: sc, or tso as x86 has it')
        .choices(['sc', 'tso'])
        .default('sc'),
    )
    .option('--vcpus <n>', 'how many vCPUs fault')
    .option('--gfns <n>', 'guest frames')
    .option('--invalidators <n>', 'threads that invalidate')
    .option('--touches <n>', "accesses of each vCPU's guest")
    .option('--rounds <n>', 'invalidations of each invalidator, and operations of other threads')
    .addOption(
      new Option('--set <policy=value>', 'change a policy: recheck=none; repeatable').argParser(collect),
    )
    .option('--mutant <id>', 'with a mistake in the protocol, by number or name; on its own kernel')
    .option('--mutants', 'check every mistake where it shows, and print the table')
    .option('--time-limit <time>', 'stop here, such as 60s, and say how far it came')
    .option('--max-states <n>', 'stop at so many states (default: 80 million, 4 GB), and say how far it came')
    .option('--executions', 'count executions instead of states, each once (stateless engine)')
    .option('--steps', 'show every step of a counterexample in a column for each thread')
    .option('--json', 'one JSON object on stdout: docs/check.md describes it')
    .addHelpText('after', helpText(EXAMPLE))
    .action(async (protocol: string | undefined, options: CheckOptions) => {
      const { runCheck } = await import('./run-check.js');
      await runCheck(protocol, options);
    });
}
