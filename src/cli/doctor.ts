/**
 * `faultline doctor`: what this machine can do, and what a killed run has left on it.
 */
import type { Command } from 'commander';
import { helpText } from './help-text.js';

export interface DoctorOptions {
  restore?: boolean;
  json?: boolean;
}

const EXAMPLE = `
Exit code 0: faultline measure runs here, at least in part; 3: it does not. With --restore: everything is put
back, or not. docs/doctor.md describes the answers.

Example: what is missing here, and whether a run that was killed has left the host changed
  faultline doctor
  sudo faultline doctor --restore`;

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say what this machine can measure and what is missing')
    .option('--restore', 'put back what a run that was killed has left changed on this host')
    .option('--json', 'one JSON object on stdout: docs/doctor.md describes it')
    .addHelpText('after', helpText(EXAMPLE))
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import('./run-doctor.js');
      runDoctor(options);
    });
}
