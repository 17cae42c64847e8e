/**
 * Kernels that the bench VM can boot: a folder for each, with the kernel, the modules that a boot needs, its
 * configuration where there is one, and kernel.json.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { InputError } from '../../trace/errors.js';

const kernelSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().describe('what --kernel calls it'),
  release: z.string().describe('as uname -r prints it'),
  source: z.strictObject({
    kind: z.enum(['debian', 'files', 'built']),
    /** Packages with their versions, or the files. */
    from: z.array(z.string()),
    /** Edits and patches of a kernel that was built. */
    changes: z.array(z.string()).exactOptional(),
  }),
  sha256: z.string().describe('of the bzImage'),
  addedAt: z.iso.datetime(),
  modules: z
    .record(z.enum(['kvm-amd', 'kvm-intel']), z.array(z.string()).nullable())
    .describe("in the order in which they are loaded, for each of KVM's; null: the kernel has it not"),
});

/** What kernel.json says. */
export type KernelFacts = z.output<typeof kernelSchema>;

export interface CachedKernel extends KernelFacts {
  /** The folder. */
  readonly folder: string;
}

export const kernelImage = (folder: string): string => join(folder, 'vmlinuz');
export const kernelConfig = (folder: string): string => join(folder, 'config');
export const kernelModule = (folder: string, name: string): string => join(folder, 'modules', `${name}.ko`);
export const kernelFacts = (folder: string): string => join(folder, 'kernel.json');

/**
 * `FAULTLINE_CACHE`; else for root /var/cache/faultline, for others `$XDG_CACHE_HOME/faultline` or
 * ~/.cache.
 */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.geteuid?.(),
): string {
  const { FAULTLINE_CACHE: chosen, XDG_CACHE_HOME: cache } = env;
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  if (uid === 0) return '/var/cache/faultline';
  return join(cache !== undefined && cache !== '' ? cache : join(homedir(), '.cache'), 'faultline');
}

export const kernelsFolder = (): string => join(cacheFolder(), 'kernels');

/** In the order of their names, versions as numbers. */
export function cachedKernels(): CachedKernel[] {
  const folder = kernelsFolder();
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => !name.startsWith('.'));
  return names
    .flatMap((name) => readKernel(join(folder, name)) ?? [])
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** Undefined for a folder that holds none, or one that this version cannot read. */
function readKernel(folder: string): CachedKernel | undefined {
  try {
    const facts = kernelSchema.parse(JSON.parse(readFileSync(kernelFacts(folder), 'utf8')));
    return { ...facts, folder };
  } catch {
    return undefined;
  }
}

/** @throws InputError when there is none of that name, with what to do */
export function findKernel(name: string, field: string): CachedKernel {
  const all = cachedKernels();
  const found = all.find((kernel) => kernel.name === name || kernel.release === name);
  if (found) return found;
  const known =
    all.length === 0 ? 'there are none yet' : `there are ${all.map((each) => each.name).join(', ')}`;
  throw new InputError(`no kernel "${name}": ${known}; faultline kernels add ${name} brings it`, { field });
}

/** @throws InputError when there is none of that name */
export function removeKernel(name: string): CachedKernel {
  const kernel = findKernel(name, 'kernels remove');
  rmSync(kernel.folder, { recursive: true });
  return kernel;
}
