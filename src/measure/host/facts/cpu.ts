/** Processors, caches, nodes, and who is below: a hypervisor, perhaps. */
import { cpusInList, known, namesIn, readText } from './read.js';

export interface CpuFacts {
  readonly vendor?: string;
  readonly name?: string;
  /** `family.model.stepping`, as /proc/cpuinfo counts. */
  readonly signature?: string;
  /** The hypervisor's answer in a guest, which need not be the truth. */
  readonly microcode?: string;
  readonly sockets: number;
  readonly cores: number;
  readonly threadsPerCore: number;
  /** on, off, forceoff, notsupported ... */
  readonly smt?: string;
  /** How its frequency is chosen, where Linux does that. */
  readonly governor?: string;
  /** Flags that say how it can run guests: svm, vmx, npt, ept. */
  readonly virtualization: readonly string[];
}

export interface CacheFacts {
  readonly level: number;
  /** Data, Instruction or Unified. */
  readonly type: string;
  readonly kib: number;
  /** CPUs that share one such cache. */
  readonly sharedBy: number;
}

export interface NodeFacts {
  readonly node: number;
  /** List, such as 0-3,8. */
  readonly cpus: string;
  readonly memoryBytes: number;
  /** To every node, itself included, in their order. */
  readonly distances: readonly number[];
}

const CPUS = '/sys/devices/system/cpu';

export function onlineCpus(): string {
  return readText(`${CPUS}/online`) ?? '';
}

export function cpuFacts(): CpuFacts {
  const info = readText('/proc/cpuinfo') ?? '';
  const of = (field: string): string | undefined => new RegExp(`^${field}\\s*: (.*)$`, 'm').exec(info)?.[1];
  const folders = namesIn(CPUS).filter((name) => /^cpu\d+$/.test(name));
  const topologies = folders.flatMap((cpu) => {
    const core = readText(`${CPUS}/${cpu}/topology/core_id`);
    const socket = readText(`${CPUS}/${cpu}/topology/physical_package_id`);
    return core === undefined || socket === undefined ? [] : [{ core: `${socket}.${core}`, socket }];
  });
  const cores = new Set(topologies.map(({ core }) => core)).size || folders.length;
  const flags = (of('flags') ?? '').split(' ');
  const signature = [of('cpu family'), of('model'), of('stepping')];
  return known({
    vendor: of('vendor_id'),
    name: of('model name'),
    signature: signature.includes(undefined) ? undefined : signature.join('.'),
    microcode: of('microcode'),
    sockets: new Set(topologies.map(({ socket }) => socket)).size || 1,
    cores,
    threadsPerCore: Math.max(1, Math.round(topologies.length / cores)),
    smt: readText(`${CPUS}/smt/control`),
    governor: readText(`${CPUS}/cpu0/cpufreq/scaling_governor`),
    virtualization: ['vmx', 'svm', 'ept', 'npt'].filter((flag) => flags.includes(flag)),
  });
}

/** Of the first CPU: others differ on hybrid processors only. */
export function cacheFacts(): CacheFacts[] {
  const folder = `${CPUS}/cpu0/cache`;
  return namesIn(folder).flatMap((index) => {
    const at = (name: string): string => readText(`${folder}/${index}/${name}`) ?? '';
    const [, size = '', unit = ''] = /^(\d+)([KM])$/.exec(at('size')) ?? [];
    if (size === '') return [];
    return [
      {
        level: Number(at('level')),
        type: at('type'),
        kib: Number(size) * (unit === 'M' ? 1024 : 1),
        sharedBy: Math.max(1, cpusInList(at('shared_cpu_list'))),
      },
    ];
  });
}

export function nodeFacts(): NodeFacts[] {
  const folder = '/sys/devices/system/node';
  const names = namesIn(folder).filter((name) => /^node\d+$/.test(name));
  return names.map((name) => {
    const kib = /MemTotal:\s*(\d+) kB/.exec(readText(`${folder}/${name}/meminfo`) ?? '')?.[1];
    return {
      node: Number(name.slice('node'.length)),
      cpus: readText(`${folder}/${name}/cpulist`) ?? '',
      memoryBytes: Number(kib ?? 0) * 1024,
      distances: (readText(`${folder}/${name}/distance`) ?? '').split(/\s+/).filter(Boolean).map(Number),
    };
  });
}

/** What this kernel runs on, by name; undefined on bare metal, `unknown` where it does not say. */
export function hypervisor(): string | undefined {
  const type = readText('/sys/hypervisor/type');
  if (type !== undefined) return type;
  if (!/^flags\s*:.* hypervisor( |$)/m.test(readText('/proc/cpuinfo') ?? '')) return undefined;
  const clocks = readText('/sys/devices/system/clocksource/clocksource0/available_clocksource') ?? '';
  const below = CLOCKS.find(([clock]) => clocks.includes(clock))?.[1];
  const vendor = readText('/sys/class/dmi/id/sys_vendor');
  return [below, vendor].filter((part) => part !== undefined && part !== '').join(', ') || 'unknown';
}

/** Clocks that one hypervisor gives its guests. */
const CLOCKS: readonly (readonly [string, string])[] = [
  ['kvm-clock', 'KVM'],
  ['hyperv_clocksource', 'Hyper-V'],
  ['xen', 'Xen'],
  ['vmware', 'VMware'],
];

export function clocksource(): string | undefined {
  return readText('/sys/devices/system/clocksource/clocksource0/current_clocksource');
}
