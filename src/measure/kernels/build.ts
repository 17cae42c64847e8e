/**
 * Builds a small kernel for the bench VM from a source tree, which itself stays as it is: a copy of it in
 * the cache is edited and built, and kept, so that the next build takes what has changed only.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { makeFolder } from '../../files/output-file.js';
import { InputError, MachineError } from '../../trace/errors.js';
import { onPath } from '../bench-vm/qemu.js';
import { addKernel } from './add-kernel.js';
import { applyEdit, editNamed } from './edits.js';
import { cacheFolder, type CachedKernel } from './kernel-cache.js';

const PROGRAMS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['make', 'make'],
  ['gcc', 'gcc'],
  ['flex', 'flex'],
  ['bison', 'bison'],
  ['bc', 'bc'],
  ['patch', 'patch'],
  ['cp', 'coreutils'],
];

const on = (...names: string[]): string[] => names.map((name) => `CONFIG_${name}=y`);
const off = (...names: string[]): string[] => names.map((name) => `# CONFIG_${name} is not set`);

/**
 * What is added to the kernel's own defconfig: what the VM and `measure` use; what neither has is taken
 * out.
 */
const CONFIG = [
  'CONFIG_LOCALVERSION="-faultline"',
  'CONFIG_KVM=m',
  'CONFIG_KVM_AMD=m',
  'CONFIG_KVM_INTEL=m',
  ...on('VIRTUALIZATION', 'VIRTIO_MENU', 'VIRTIO_PCI', 'NET_9P', 'NET_9P_VIRTIO', '9P_FS'),
  ...on('DEVTMPFS', 'TMPFS', 'BLK_DEV_INITRD', 'RD_GZIP', 'SERIAL_8250', 'SERIAL_8250_CONSOLE'),
  ...on('PREEMPT', 'PREEMPT_DYNAMIC', 'NUMA', 'NUMA_BALANCING', 'KSM', 'COMPACTION', 'MIGRATION'),
  ...on('TRANSPARENT_HUGEPAGE', 'USERFAULTFD', 'LRU_GEN', 'DEBUG_FS', 'SCHED_DEBUG'),
  ...on('FTRACE', 'FUNCTION_TRACER', 'KPROBES', 'KPROBE_EVENTS', 'KALLSYMS_ALL', 'IKCONFIG', 'IKCONFIG_PROC'),
  ...on('DEBUG_INFO_NONE'),
  ...off('LOCALVERSION_AUTO', 'MODULE_SIG', 'SOUND', 'DRM', 'USB_SUPPORT', 'WLAN', 'WIRELESS', 'ETHERNET'),
  ...off('HID_SUPPORT', 'INPUT_JOYSTICK', 'ATA', 'MD', 'NETFILTER', 'IPV6', 'NFS_FS', 'SECURITY_SELINUX'),
  ...off('PCCARD', 'EXT4_FS', 'MACINTOSH_DRIVERS'),
];
const FRAGMENT = 'kernel/configs/faultline.config';

export interface BuildRequest {
  /** The source tree. */
  readonly tree: string;
  readonly edits: readonly string[];
  /** Files for patch -p1. */
  readonly patches: readonly string[];
  /** What --kernel will call it. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal;
  readonly onStep: (what: string) => void;
}

/** What was changed in the copy by the build before: to be taken from the tree again. */
interface State {
  changed: string[];
}

/**
 * @throws InputError for what is no source tree, an edit that does not fit it, or a patch that does not apply
 * @throws MachineError when a program is missing, or the build fails, with the first error of the compiler
 */
export async function buildKernel(request: BuildRequest): Promise<CachedKernel> {
  const { onStep, signal } = request;
  const tree = resolve(request.tree);
  const edits = request.edits.map((name) => editNamed(name));
  const version = versionOf(tree);
  const lacking = PROGRAMS.find(([program]) => onPath(program) === undefined);
  if (lacking)
    throw new MachineError(
      `there is no ${lacking[0]}, which building a kernel takes: apt-get install ${lacking[1]}`,
    );
  const place = join(cacheFolder(), 'builds', createHash('sha256').update(tree).digest('hex').slice(0, 16));
  const source = join(place, 'source');
  const run = (program: string, args: readonly string[]): Promise<void> =>
    runIn(source, program, args, signal);
  makeFolder(source);
  onStep('copying the source tree');
  restore(tree, source, place);
  await runIn(place, 'cp', ['-au', '--reflink=auto', `${tree}/.`, source], signal);
  const changed: string[] = [];
  for (const edit of edits) changed.push(...applyEdit(edit, source, version));
  for (const patch of request.patches) changed.push(...(await applyPatch(resolve(patch), source, run)));
  remember(place, { changed });
  writeFileSync(join(source, FRAGMENT), `${CONFIG.join('\n')}\n`);
  onStep('configuring');
  await run('make', ['x86_64_defconfig', 'faultline.config']);
  onStep('building: some ten minutes the first time');
  await run('make', [`-j${availableParallelism()}`, 'bzImage', 'modules']);
  const stage = join(place, 'stage');
  rmSync(stage, { recursive: true, force: true });
  await run('make', ['modules_install', `INSTALL_MOD_PATH=${stage}`, 'INSTALL_MOD_STRIP=1', 'DEPMOD=true']);
  const release = readFileSync(join(source, 'include/config/kernel.release'), 'utf8').trim();
  const changes = [
    ...edits.map(({ name, does }) => `${name}: ${does}`),
    ...request.patches.map((patch) => resolve(patch)),
  ];
  const own = [...request.edits, ...request.patches.map((patch) => patch.split('/').at(-1) ?? patch)];
  return addKernel(request.name ?? [`${version}-built`, ...own].join('-'), {
    image: join(source, 'arch/x86/boot/bzImage'),
    modules: join(stage, 'lib/modules', release),
    config: join(source, '.config'),
    source: { kind: 'built', from: [`${tree} (${release})`], changes },
  });
}

/** `6.12` of its Makefile. @throws InputError */
function versionOf(tree: string): string {
  const makefile = join(tree, 'Makefile');
  const text =
    existsSync(makefile) && existsSync(join(tree, 'arch/x86/kvm')) ? readFileSync(makefile, 'utf8') : '';
  const [, major] = /^VERSION = (\d+)$/m.exec(text) ?? [];
  const [, minor] = /^PATCHLEVEL = (\d+)$/m.exec(text) ?? [];
  if (major === undefined || minor === undefined)
    throw new InputError('is no source tree of Linux', { file: tree });
  return `${major}.${minor}`;
}

const stateFile = (place: string): string => join(place, 'state.json');

function remember(place: string, state: State): void {
  writeFileSync(stateFile(place), JSON.stringify(state));
}

/**
 * Files that the build before changed are those of the tree again, and newer than what was built from them.
 */
function restore(tree: string, source: string, place: string): void {
  if (!existsSync(stateFile(place))) return;
  const { changed } = JSON.parse(readFileSync(stateFile(place), 'utf8')) as State;
  for (const file of changed) {
    if (existsSync(join(tree, file))) copyFileSync(join(tree, file), join(source, file));
    else rmSync(join(source, file), { force: true });
  }
}

/** @returns files that it changes */
async function applyPatch(
  patch: string,
  source: string,
  run: (program: string, args: readonly string[]) => Promise<void>,
): Promise<string[]> {
  if (!existsSync(patch)) throw new InputError('no such file', { file: patch, field: '--patch' });
  const files = [...readFileSync(patch, 'utf8').matchAll(/^\+\+\+ (?:b\/)?([^\t\n]+)/gm)].map(
    ([, file]) => file,
  );
  try {
    await run('patch', ['-p1', '--batch', '--dry-run', '--input', patch]);
  } catch {
    throw new InputError(`does not apply to ${source}`, { file: patch, field: '--patch' });
  }
  await run('patch', ['-p1', '--batch', '--input', patch]);
  return files;
}

/** @throws MachineError with the first error that the program told */
async function runIn(
  folder: string,
  program: string,
  args: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(signal ? { signal } : {}),
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    if (errors.length < 1e6) errors += data.toString();
  });
  const [code] = (await once(child, 'close').catch(() => [undefined])) as [number | null | undefined];
  if (code === 0) return;
  if (signal?.aborted === true) throw new MachineError('the build was interrupted');
  const lines = errors.split('\n').filter((line) => line !== '');
  const first =
    lines.find((line) => /error|No such|not found|missing/i.test(line)) ??
    lines.at(-1) ??
    `exit code ${code}`;
  throw new MachineError(`${program} ${args[0]} failed: ${first}`);
}
