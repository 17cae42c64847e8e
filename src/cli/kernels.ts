/**
 * `faultline kernels`: what the bench VM can boot.
 */
import type { Command } from 'commander';
import { helpText } from './help-text.js';

export interface AddKernelOptions {
  modules?: string;
  config?: string;
  name?: string;
  mirror?: string;
  json?: boolean;
}

const EXAMPLE = `
Kernels are kept in /var/cache/faultline for root, in ~/.cache/faultline for others, and installed nowhere.

Example: measure under two kernels of Debian, and under one of your own
  faultline kernels add 6.1
  faultline kernels add 6.12
  make modules_install INSTALL_MOD_PATH=/tmp/mine
  faultline kernels add arch/x86/boot/bzImage --modules /tmp/mine/lib/modules/6.18.0
  faultline measure uncovered --arm kernel=6.1 --arm kernel=6.12,preempt=full`;

export function addKernels(program: Command): void {
  const kernels = program
    .command('kernels')
    .description('kernels for measure --kernel: list, add, remove')
    .addHelpText('after', helpText(EXAMPLE));
  kernels
    .command('list', { isDefault: true })
    .description('what there is')
    .option('--json', 'one JSON object on stdout')
    .action(async (options: { json?: boolean }) => {
      const { listKernels } = await import('./run-kernels.js');
      listKernels(options.json === true);
    });
  kernels
    .command('add')
    .description('a kernel of Debian (6.12, 6.12-rt, ...), or a bzImage with its modules')
    .argument('<kernel>', "version of Debian's kernel, or a bzImage")
    .option('--modules <folder>', 'lib/modules/RELEASE of the bzImage')
    .option('--config <file>', 'its configuration')
    .option('--name <name>', 'what --kernel calls it (default: the version, or the release of a bzImage)')
    .option('--mirror <url>', "archive of Debian (default: this system's)")
    .option('--json', 'one JSON object on stdout')
    .action(async (kernel: string, options: AddKernelOptions) => {
      const { runAddKernel } = await import('./run-kernels.js');
      await runAddKernel(kernel, options);
    });
  kernels
    .command('remove')
    .description('take a kernel out of the cache')
    .argument('<name>')
    .action(async (name: string) => {
      const { runRemoveKernel } = await import('./run-kernels.js');
      runRemoveKernel(name);
    });
}
