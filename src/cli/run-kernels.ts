/** What `faultline kernels` does once its arguments are parsed. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { addKernel } from '../measure/kernels/add-kernel.js';
import { buildKernel } from '../measure/kernels/build.js';
import { addDebianKernel } from '../measure/kernels/debian.js';
import { EDITS } from '../measure/kernels/edits.js';
import {
  cachedKernels,
  kernelsFolder,
  removeKernel,
  type CachedKernel,
} from '../measure/kernels/kernel-cache.js';
import { renderEntries } from '../report/index.js';
import { InputError } from '../trace/errors.js';
import { INTERRUPTED, interruptible } from './interrupt.js';
import type { AddKernelOptions, BuildKernelOptions } from './kernels.js';
import { printJson, terminalOptions } from './terminal.js';

export function listKernels(json: boolean): void {
  const kernels = cachedKernels();
  if (json) printJson({ version: 1, folder: kernelsFolder(), kernels });
  else if (kernels.length === 0)
    process.stdout.write('no kernels yet: faultline kernels add 6.12 brings one of Debian\n');
  else
    process.stdout.write(
      renderEntries([{ title: 'Kernels', columns: false, entries: kernels.map(entry) }], terminalOptions()),
    );
}

function entry({ name, release, source, addedAt }: CachedKernel) {
  const changes = source.changes ?? [];
  return {
    name,
    facts: [release],
    text: [
      `${source.kind}: ${source.from.join(', ')}`,
      ...changes.map((change) => `changed: ${change}`),
      `added ${addedAt.slice(0, 10)}`,
    ].join('; '),
  };
}

export async function runAddKernel(what: string, options: AddKernelOptions): Promise<void> {
  const kernel = await (isFile(what, options) ? addFiles(what, options) : addDebian(what, options));
  if (options.json === true) printJson({ version: 1, kernel });
  else process.stdout.write(addedLine(kernel));
}

const isFile = (what: string, { modules }: AddKernelOptions): boolean =>
  modules !== undefined || what.includes('/') || existsSync(what);

async function addFiles(image: string, { modules, config, name }: AddKernelOptions): Promise<CachedKernel> {
  if (modules === undefined)
    throw new InputError('a bzImage needs its modules: name lib/modules/RELEASE', { field: '--modules' });
  const source = { kind: 'files' as const, from: [resolve(image), resolve(modules)] };
  const folder = resolve(modules);
  return addKernel(name ?? folder.split('/').at(-1) ?? 'kernel', {
    image: resolve(image),
    modules: folder,
    config,
    source,
  });
}

function addDebian(version: string, { name, mirror }: AddKernelOptions): Promise<CachedKernel> {
  if (name !== undefined)
    throw new InputError('is for a bzImage: a kernel of Debian is called by its version', {
      field: '--name',
    });
  return addDebianKernel(version, { mirror, onStep: say });
}

export async function runBuildKernel(tree: string | undefined, options: BuildKernelOptions): Promise<void> {
  if (options.edit?.includes('list') === true) {
    const entries = EDITS.map(({ name, does, from, to }) => ({
      name,
      facts: [`${from} to ${to}`],
      text: does,
    }));
    process.stdout.write(renderEntries([{ title: 'Edits', columns: false, entries }], terminalOptions()));
    return;
  }
  if (tree === undefined) {
    throw new InputError('is missing: name the folder of a source tree of Linux', { field: '<tree>' });
  }
  await interruptible(async (signal) => {
    const { edit: edits = [], patch: patches = [], name } = options;
    try {
      const kernel = await buildKernel({ tree, edits, patches, name, signal, onStep: say });
      if (options.json === true) printJson({ version: 1, kernel });
      else process.stdout.write(addedLine(kernel));
    } catch (error) {
      if (!signal.aborted) throw error;
      process.exitCode = INTERRUPTED;
    }
  });
}

/** What goes on, where somebody looks. */
function say(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${what} ...\n`);
}

const addedLine = ({ name, release }: CachedKernel): string =>
  `added ${name} (${release}): faultline measure SCENARIO --kernel ${name}\n`;

export function runRemoveKernel(name: string): void {
  const { release } = removeKernel(name);
  process.stdout.write(`removed ${name} (${release})\n`);
}
