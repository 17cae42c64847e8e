/** What a recording says about its host: enough to tell whether two recordings can be compared. */
import { arch, release } from 'node:os';
import { cacheFacts, clocksource, cpuFacts, hypervisor, nodeFacts, onlineCpus } from './facts/cpu.js';
import type { CacheFacts, CpuFacts, NodeFacts } from './facts/cpu.js';
import { kernelFacts, type KernelFacts } from './facts/kernel.js';
import { kvmFacts, type KvmFacts } from './facts/kvm.js';
import { memoryFacts, type MemoryFacts } from './facts/memory.js';
import { cpusInList, known } from './facts/read.js';

/** Plain data. What this host does not tell is left out. */
export interface HostFacts extends KernelFacts {
  /** `uname -r`. */
  readonly kernel: string;
  readonly architecture: string;
  /** Online. */
  readonly cpus: number;
  readonly cpu: CpuFacts;
  /** Of the first CPU, from the closest. */
  readonly caches: readonly CacheFacts[];
  readonly nodes: readonly NodeFacts[];
  /** Absent on bare metal. */
  readonly hypervisor?: string;
  readonly kvm: KvmFacts;
  readonly memory: MemoryFacts;
  readonly clocksource?: string;
}

/** Reads them now: a few hundred small files, some milliseconds. */
export function hostFacts(): HostFacts {
  return known({
    kernel: release(),
    architecture: arch(),
    ...kernelFacts(),
    cpus: cpusInList(onlineCpus()),
    cpu: cpuFacts(),
    caches: cacheFacts(),
    nodes: nodeFacts(),
    hypervisor: hypervisor(),
    kvm: kvmFacts(),
    memory: memoryFacts(),
    clocksource: clocksource(),
  });
}
