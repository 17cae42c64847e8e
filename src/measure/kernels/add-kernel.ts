/** Puts a kernel into the cache: checked first, and there as a whole or not at all. */
import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { makeFolder } from '../../files/output-file.js';
import { InputError, MachineError } from '../../trace/errors.js';
import { ModuleTree, type LoadableModule } from '../bench-vm/module-tree.js';
import {
  kernelConfig,
  kernelFacts,
  kernelImage,
  kernelModule,
  kernelsFolder,
  type CachedKernel,
  type KernelFacts,
} from './kernel-cache.js';

/** What every boot needs, beside KVM. */
const BOOT_MODULES = ['virtio_pci', '9pnet_virtio', '9p'];
const KVM_MODULES = ['kvm-amd', 'kvm-intel'] as const;

/**
 * struct setup_header of a bzImage: its magic, and where its version text is
 * (Documentation/arch/x86/boot.rst).
 */
const HEADER = { magicAt: 0x202, magic: 'HdrS', versionAt: 0x20e, base: 0x200, bytes: 0x10000 } as const;

export interface KernelParts {
  /** bzImage. */
  readonly image: string;
  /** lib/modules/RELEASE. */
  readonly modules: string;
  readonly config?: string | undefined;
  readonly source: KernelFacts['source'];
}

/**
 * @param name what --kernel will call it
 * @throws InputError when the files are no kernel, or not of one kernel
 * @throws MachineError when the kernel lacks what the bench VM needs
 */
export async function addKernel(
  name: string,
  { image, modules, config, source }: KernelParts,
): Promise<CachedKernel> {
  if (!/^[\w][\w.+~-]{0,63}$/.test(name))
    throw new InputError(`"${name}" is no name for a kernel: write letters, digits, dots and dashes`);
  const release = releaseOf(image);
  const { loads, bytes } = await modulesOf(modules, release);
  const folder = join(kernelsFolder(), name);
  const partial = join(kernelsFolder(), `.${name}.${process.pid}.partial`);
  const remove = (): void => rmSync(partial, { recursive: true, force: true });
  process.on('exit', remove);
  try {
    makeFolder(join(partial, 'modules'));
    copyFileSync(image, kernelImage(partial));
    if (config !== undefined && existsSync(config)) copyFileSync(config, kernelConfig(partial));
    for (const module of bytes) writeFileSync(kernelModule(partial, module.name), module.bytes);
    const facts: KernelFacts = {
      version: 1,
      name,
      release,
      source,
      sha256: createHash('sha256').update(readFileSync(image)).digest('hex'),
      addedAt: new Date().toISOString(),
      modules: loads,
    };
    writeFileSync(kernelFacts(partial), `${JSON.stringify(facts, undefined, 2)}\n`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
    return { ...facts, folder };
  } catch (error) {
    throw new MachineError(
      `kernel ${name} cannot be kept: ${error instanceof Error ? error.message : String(error)}`,
    );
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** What a bzImage says its release is. @throws InputError when it is none */
function releaseOf(image: string): string {
  if (!existsSync(image)) throw new InputError('no such file', { file: image });
  const head = Buffer.alloc(HEADER.bytes);
  const fd = openSync(image, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  if (head.toString('latin1', HEADER.magicAt, HEADER.magicAt + 4) !== HEADER.magic)
    throw new InputError('is no bzImage: name the vmlinuz or arch/x86/boot/bzImage of a kernel', {
      file: image,
    });
  const at = head.readUInt16LE(HEADER.versionAt) + HEADER.base;
  const [release = ''] = head.toString('latin1', at, at + 256).split(/[\0 ]/);
  return release;
}

/** @throws InputError, MachineError */
async function modulesOf(
  folder: string,
  release: string,
): Promise<{ loads: KernelFacts['modules']; bytes: LoadableModule[] }> {
  if (!existsSync(join(folder, 'kernel')) && !existsSync(join(folder, 'modules.builtin')))
    throw new InputError('holds no modules: name lib/modules/RELEASE of the kernel', { file: folder });
  if (basename(folder) !== release) {
    throw new InputError(`holds modules of ${basename(folder)}, and the kernel is ${release}`, {
      file: folder,
    });
  }
  const tree = new ModuleTree(folder);
  const bytes = new Map<string, LoadableModule>();
  const loads: Partial<KernelFacts['modules']> = {};
  for (const kvm of KVM_MODULES) {
    if (tree.has(kvm) === false) {
      loads[kvm] = null;
      continue;
    }
    const modules = await tree.load([...BOOT_MODULES, kvm]);
    for (const module of modules) bytes.set(module.name, module);
    loads[kvm] = modules.map(({ name }) => name);
  }
  if (KVM_MODULES.every((kvm) => loads[kvm] === null))
    throw new MachineError(
      `kernel ${release} has no KVM for AMD or Intel (CONFIG_KVM_AMD, CONFIG_KVM_INTEL)`,
    );
  return { loads: loads as KernelFacts['modules'], bytes: [...bytes.values()] };
}
