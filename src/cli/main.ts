/**
 * The command line: `faultline COMMAND ...`. Each command is a file of its own; this one turns errors into
 * exit codes.
 */
import { Command, CommanderError } from 'commander';
import { InputError, MachineError } from '../trace/errors.js';
import { addCheck } from './check.js';
import { addConvert } from './convert.js';
import { addDocs } from './docs.js';
import { addDoctor } from './doctor.js';
import { addExplain } from './explain.js';
import { addKernels } from './kernels.js';
import { addMeasure } from './measure.js';
import { addSimulate } from './simulate.js';
import { addStudy } from './study.js';
import { version } from './version.js';

/** Exit codes of every command. */
const Exit = { done: 0, badInput: 2, machine: 3, failed: 70 } as const;

const program = new Command('faultline')
  .description("A laboratory for KVM's mmu_lock: what happens when page faults race invalidations.")
  .version(version())
  .helpCommand('help [command]', 'help for a command')
  .showHelpAfterError('(faultline COMMAND --help shows how)')
  .configureOutput({ writeErr: (text) => process.stderr.write(text.replace(/^error: /, 'faultline: ')) })
  .exitOverride();

for (const add of [
  addStudy,
  addExplain,
  addSimulate,
  addCheck,
  addMeasure,
  addKernels,
  addConvert,
  addDoctor,
  addDocs,
])
  add(program);

/** A reader that closed the pipe (`| head`) has seen enough. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(Exit.done);
});

try {
  if (process.argv.length <= 2) program.help({ error: false });
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.done : Exit.badInput;
  if (error instanceof InputError) {
    process.stderr.write(`faultline: ${error.oneLine}\n`);
    return Exit.badInput;
  }
  if (error instanceof MachineError) {
    process.stderr.write(`faultline: ${error.message}\n`);
    return Exit.machine;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`faultline: this is a bug in Faultline, please report it with this text:\n${text}\n`);
  return Exit.failed;
}
