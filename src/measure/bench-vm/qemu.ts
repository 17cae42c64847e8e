/** The machine that QEMU is to be. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MachineError } from '../../trace/errors.js';

/** How QEMU runs the VM's processors. */
export interface Accelerator {
  /** `kvm` where this host's KVM lets guests have KVM; `tcg`: emulated, an AMD with nested paging. */
  readonly name: 'kvm' | 'tcg';
  /** KVM's module for the processor inside. */
  readonly module: 'kvm-amd' | 'kvm-intel';
}

const NESTED = [
  ['/sys/module/kvm_amd/parameters/nested', 'kvm-amd'],
  ['/sys/module/kvm_intel/parameters/nested', 'kvm-intel'],
] as const;

export function accelerator(): Accelerator {
  for (const [file, module] of NESTED) {
    if (existsSync(file) && /^[1Y]/.test(readFileSync(file, 'utf8')) && canUse('/dev/kvm'))
      return { name: 'kvm', module };
  }
  return { name: 'tcg', module: 'kvm-amd' };
}

function canUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const QEMU = 'qemu-system-x86_64';

/** @throws MachineError when it is not installed */
export function qemuProgram(): string {
  const path = onPath(QEMU);
  if (path === undefined)
    throw new MachineError(`there is no ${QEMU} for the bench VM: apt-get install qemu-system-x86`);
  return path;
}

/** Where a program is; undefined when it is not. */
export function onPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

export interface VmShape {
  readonly cpus: number;
  readonly nodes: number;
  /** MiB, shared evenly by the nodes. */
  readonly memoryMiB: number;
}

export interface VmFiles {
  /** bzImage. */
  readonly kernel: string;
  readonly initramfs: string;
  /** Folder of this host that is writable inside. */
  readonly out: string;
}

/**
 * One thread for all processors: with one for each, QEMU 7.2 loses code that the kernel patches while
 * another processor runs it (int3 in sched_clock_cpu() at boot, guests that end with KVM_EXIT_SHUTDOWN): in
 * about a quarter of the boots.
 */
const EMULATED = 'tcg,thread=single';

/** Arguments of QEMU. The console is its standard output. */
export function qemuArguments(
  shape: VmShape,
  { kernel, initramfs, out }: VmFiles,
  accel: Accelerator,
  kernelOptions: readonly string[],
): string[] {
  const cpu = accel.name === 'kvm' ? 'host' : 'max,+svm,+npt,-la57';
  const append = ['console=ttyS0', 'quiet', 'panic=-1', ...kernelOptions].join(' ');
  return [
    `-accel ${accel.name === 'kvm' ? 'kvm' : EMULATED} -cpu ${cpu}`.split(' '),
    `-smp ${shape.cpus} -m ${shape.memoryMiB}M`.split(' '),
    numa(shape),
    '-display none -monitor none -serial stdio -nic none -no-reboot'.split(' '),
    ['-kernel', kernel, '-initrd', initramfs, '-append', append],
    share('root', '/', 'readonly=on,multidevs=remap'),
    share('out', out),
  ].flat();
}

function share(tag: string, path: string, more = ''): string[] {
  // A comma in a path is written twice.
  const place = path.replaceAll(',', ',,');
  return ['-virtfs', `local,path=${place},mount_tag=${tag},security_model=none${more && `,${more}`}`];
}

function numa({ cpus, nodes, memoryMiB }: VmShape): string[] {
  if (nodes === 1) return [];
  return Array.from({ length: nodes }, (_, node) => {
    const first = Math.ceil((node * cpus) / nodes);
    const last = Math.ceil(((node + 1) * cpus) / nodes) - 1;
    const memory = `memory-backend-ram,id=memory${node},size=${Math.floor(memoryMiB / nodes)}M`;
    return ['-object', memory, '-numa', `node,nodeid=${node},memdev=memory${node},cpus=${first}-${last}`];
  }).flat();
}
