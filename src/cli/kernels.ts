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

export interface BuildKernelOptions {
  edit?: string[];
  patch?: string[];
  name?: string;
  json?: boolean;
}

const collect = (value: string, list: string[] = []): string[] => [...list, value];

const EXAMPLE = `
Kernels are kept in /var/cache/faultline for root, in ~/.cache/faultline for others, and installed nowhere.

Example: measure under two kernels of Debian, and under one of your own
  faultline kernels add 6.1
  faultline kernels add 6.12
  make modules_install INSTALL_MOD_PATH=mine
  faultline kernels add arch/x86/boot/bzImage --modules mine/lib/modules/6.18.0
  faultline measure uncovered --arm kernel=6.1 --arm kernel=6.12,preempt=full

Example: the same source with the yield of mmu_lock and without
  faultline kernels build linux-6.12
  faultline kernels build linux-6.12 --edit no-yield
  faultline measure uncovered --arm kernel=6.12-built \\
    --arm kernel=6.12-built-no-yield`;

export function addKernels(program: Command): void {
  const kernels = program
    .command('kernels')
    .description('kernels for measure --kernel: list, add, build, remove')
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
    .command('build')
    .description('a small kernel from a source tree, which stays as it is; ten minutes the first time')
    .argument('[tree]', 'source tree of Linux')
    .option('--edit <name>', 'one of our own changes of KVM; repeatable; --edit list shows them', collect)
    .option('--patch <file>', 'for patch -p1; repeatable', collect)
    .option('--name <name>', 'what --kernel calls it (default: the version and what was changed)')
    .option('--json', 'one JSON object on stdout')
    .action(async (tree: string | undefined, options: BuildKernelOptions) => {
      const { runBuildKernel } = await import('./run-kernels.js');
      await runBuildKernel(tree, options);
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
