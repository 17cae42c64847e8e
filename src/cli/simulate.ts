/**
 * `faultline simulate SCENARIO`: KVM's MMU in virtual time.
 */
import { Option, type Command } from 'commander';
import { scenarioNames } from '../experiment/scenario/scenario-names.js';
import { helpText } from './help-text.js';

export interface SimulateOptions {
  kernel?: string;
  mutant?: string;
  set?: string[];
  cost?: string[];
  seed?: string;
  until?: string;
  maxEvents?: string;
  trace?: string;
  explain?: boolean;
  assert?: boolean;
  lenient?: boolean;
  json?: boolean;
  explainCosts?: boolean;
  listPolicies?: boolean;
  listKernels?: boolean;
}

const EXAMPLE = `
Scenarios here: ${scenarioNames().join(', ')}.
A scenario of your own is a YAML file, which docs/scenario.md describes.

Example: what the yield does to the guests of the mailing list's incident, and where the numbers come from
  faultline simulate ksm-and-numa --kernel v6.1
  faultline simulate ksm-and-numa --kernel v6.1 --set policy.needBreak=never
  faultline simulate ksm-and-numa --explain-costs`;

export function addSimulate(program: Command): void {
  const collect = (value: string, list: string[] = []): string[] => [...list, value];
  program
    .command('simulate')
    .description("run KVM's fault and invalidation paths on a modelled machine, in virtual time")
    .argument('[scenario]', 'a scenario that comes with Faultline, or a .yaml file')
    .option('--kernel <name>', 'whose KVM, the same as --set host.kernel=NAME: --list-kernels shows all')
    .addOption(
      new Option(
        '--set <field=value>',
        'change a field: policy.needBreak=never, guest.vcpus=64, storms.ksm.sleep=1ms ...; repeatable',
      ).argParser(collect),
    )
    .addOption(
      new Option('--cost <name=time>', 'change what something costs: vmExit=300ns; repeatable').argParser(
        collect,
      ),
    )
    .option('--seed <n>', 'of everything random, the same as --set seed=N')
    .option('--until <time>', 'stop here in virtual time, such as 50ms')
    .option('--max-events <n>', 'stop after so many events of the simulator')
    .option('--trace <file>', 'write the events: .dat, .txt, .pftrace, .json or .parquet')
    .option('--explain', 'compare what explain infers from the trace with what the model knows')
    .option(
      '--mutant <id>',
      'with a mistake in the protocol, by number or name (13, no-recheck); on its own kernel',
    )
    .option('--assert', 'check the invariants all the time; exit code 1 when one is violated')
    .option('--lenient', 'leave out what cannot be simulated instead of stopping')
    .option('--json', 'one JSON object on stdout: docs/simulate.md describes it')
    .option('--explain-costs', 'print what everything costs and where the number comes from, and stop')
    .option('--list-policies', 'print every policy with its values, and stop')
    .option('--list-kernels', 'print every kernel with what it changed, and stop')
    .addHelpText('after', helpText(EXAMPLE))
    .action(async (scenario: string | undefined, options: SimulateOptions) => {
      if (options.listPolicies === true || options.listKernels === true || options.explainCosts === true) {
        const { printLists } = await import('./simulate-lists.js');
        printLists(scenario, options);
        return;
      }
      const { runSimulate } = await import('./run-simulate.js');
      await runSimulate(scenario, options);
    });
}
