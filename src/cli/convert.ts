/**
 * `faultline convert IN OUT`: between trace formats.
 */
import { Option, type Command } from 'commander';
import { addFilters, type FilterOptions } from './filters.js';
import { helpText } from './help-text.js';

const FORMATS = ['text', 'dat', 'perfetto', 'chrome', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

export interface ConvertOptions extends FilterOptions {
  to?: Format;
  slicesOnly?: boolean;
  ns?: boolean;
  json?: boolean;
}

const EXAMPLE = `
text      ftrace text, as tracefs prints it          .txt .trace
dat       trace.dat version 7, for trace-cmd and KernelShark   .dat
perfetto  Perfetto protobuf: tracks per vCPU, invalidating task and lock   .pftrace
chrome    Chrome JSON, with the same tracks          .json
parquet   one row per event, for DuckDB and friends  .parquet

Example: look at half a second of a recording in ui.perfetto.dev
  faultline convert trace.dat half.pftrace --window +1s..+1.5s`;

export function addConvert(program: Command): void {
  const command = program
    .command('convert')
    .description('between trace formats')
    .argument('<in>', 'a trace of any format that explain reads; - is stdin')
    .argument('<out>', 'file to write')
    .addOption(
      new Option('--to <format>', 'output format, where the name of OUT does not tell').choices(FORMATS),
    )
    .option('--slices-only', 'perfetto, chrome: only what explain understood, without the raw events')
    .option('--ns', 'text: time stamps in nanoseconds')
    .option('--json', 'print what was written as JSON');
  addFilters(command)
    .addHelpText('after', helpText(EXAMPLE))
    .action(async (input: string, output: string, options: ConvertOptions) => {
      const { runConvert } = await import('./run-convert.js');
      await runConvert(input, output, options);
    });
}
