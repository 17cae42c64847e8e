/**
 * `faultline measure SCENARIO`: the same scenario on real KVM.
 */
import { Option, type Command } from 'commander';
import { scenarioNames } from '../experiment/scenario/scenario-names.js';
import { TRACE_LEVELS, type TraceLevel } from '../measure/tracing/levels.js';
import { helpText } from './help-text.js';

export interface MeasureOptions {
  arm?: string[];
  repeat: string;
  set?: string[];
  seed?: string;
  until?: string;
  out?: string;
  trace: TraceLevel;
  kernel?: string;
  preempt?: string;
  cpus?: string;
  nodes?: string;
  lenient?: boolean;
  json?: boolean;
}

const EXAMPLE = `
Scenarios here: ${scenarioNames().join(', ')}.
A scenario of your own is a YAML file, which docs/scenario.md describes. faultline doctor says what this
machine can do, and puts back what a killed run has left changed.

Example: what KSM does to a guest whose memory is given back, on this kernel
  faultline measure madvise-page --arm ksm=off --arm ksm=on --repeat 10
  faultline measure uncovered --set duration=2s --trace light --out uncovered
  faultline explain uncovered

Example: the yield of mmu_lock switched on and off under one kernel, in a VM
  faultline measure ksm-and-numa --kernel 6.12 --set guest.memory=64MiB \\
    --set guest.vcpus=2 --arm preempt=full --arm preempt=voluntary --trace full`;

export function addMeasure(program: Command): void {
  const collect = (value: string, list: string[] = []): string[] => [...list, value];
  program
    .command('measure')
    .description("run a scenario on this host's KVM and write a recording")
    .argument('[scenario]', 'a scenario that comes with Faultline, or a .yaml file')
    .addOption(
      new Option(
        '--arm <setting=value>',
        'measure with this setting of the host, in turn with the other arms: ksm=on, preempt=full, ' +
          'thp=always,ksm=off ...; repeatable; all is put back',
      ).argParser(collect),
    )
    .option('--repeat <n>', 'runs of each arm that count', '5')
    .addOption(
      new Option(
        '--set <field=value>',
        'change a field: duration=5s, guest.vcpus=2, storms.madvise.step=2MiB ...; repeatable',
      ).argParser(collect),
    )
    .option('--seed <n>', 'of everything random, the same as --set seed=N; each repeat adds one')
    .option('--until <time>', 'end each run here, such as 50ms')
    .addOption(
      new Option('--trace <level>', "record the kernel's events, a trace.dat for each run; docs/measure.md")
        .choices(TRACE_LEVELS)
        .default('none'),
    )
    .option(
      '--kernel <name>',
      'in the bench VM, under this kernel (faultline kernels); also --arm kernel=NAME',
    )
    .option('--preempt <model>', 'with --kernel: preempt= on its command line')
    .option('--cpus <n>', "with --kernel: CPUs of the VM (default: this host's)")
    .option('--nodes <n>', "with --kernel: NUMA nodes of the VM (default: those of the scenario's machine)")
    .option('--out <folder>', 'where to write (default: a new folder in out/measure)')
    .option('--lenient', 'leave out what cannot be measured here instead of stopping')
    .option('--json', 'one JSON object on stdout, the recording: docs/measure.md describes it')
    .addHelpText('after', helpText(EXAMPLE))
    .action(async (scenario: string | undefined, options: MeasureOptions) => {
      const { runMeasure } = await import('./run-measure.js');
      await runMeasure(scenario, options);
    });
}
