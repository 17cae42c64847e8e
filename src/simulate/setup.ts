/**
 * What a simulation is made from: plain data, so that it can be written down, sent to a worker or typed in by
 * a page.
 *
 * Memory is counted in pages of 4 KiB, from page 0 of the guest's memory; time in ns of virtual time.
 */
import type { Policy } from '../model/policies.js';
import type { CostTable } from './costs/cost-table.js';

export interface SimulationSetup {
  /** Name of the scenario. */
  readonly name: string;
  /** Kernel that the policy comes from: v6.12. */
  readonly kernel: string;
  readonly policy: Policy;
  /** Timer ticks a second (CONFIG_HZ). */
  readonly hz: number;
  readonly machine: MachineSetup;
  readonly guest: GuestSetup;
  readonly storms: readonly StormSetup[];
  /** In order, without gaps, the first from 0; the last ends at the end of the scenario. */
  readonly phases: readonly PhaseSetup[];
  readonly costs: CostTable;
  readonly seed: number;
  /** The run stops here at the latest. */
  readonly untilNs: number;
  /** The run stops after this many events of the executor; 0: no limit. */
  readonly maxEvents: number;
  /** Check the invariants all the time. */
  readonly assert: boolean;
}

/** CPUs are numbered by socket, then core, then thread: 0 and 1 are siblings when smt is 2. */
export interface MachineSetup {
  /** Logical CPUs. */
  readonly cpus: number;
  readonly sockets: number;
  /** NUMA nodes: 1, or a multiple of the sockets. */
  readonly nodes: number;
  /** Threads of a core. */
  readonly smt: number;
  /** Cores that share a last-level cache (a core complex); all cores of a socket on most machines. */
  readonly coresPerCache: number;
}

export type Backing = '4KiB' | 'thp' | 'hugetlb';
export type Placement = 'first-touch' | 'interleave' | 'one-node';

export interface GuestSetup {
  readonly vcpus: number;
  /** vCPU i stays on CPU i modulo the number of CPUs. */
  readonly pin: boolean;
  readonly pages: number;
  /** Memslots that share the memory evenly. */
  readonly slots: number;
  readonly backing: Backing;
  /** A shared mapping (memfd) rather than private anonymous memory. */
  readonly shared: boolean;
  /** The host has all pages from the start. SPTEs are made by faults all the same. */
  readonly prefault: boolean;
  /** On which nodes pages lie. */
  readonly placement: Placement;
  readonly access: AccessSetup;
}

export interface AccessSetup {
  readonly pattern: 'sequential' | 'strided' | 'random' | 'hot-set';
  /** strided: pages from one touch to the next. */
  readonly stridePages: number;
  /** hot-set: pages of a region that are hot, */
  readonly hotPages: number;
  /** spread evenly over it, or together at its start; */
  readonly hotSpread: boolean;
  /** and the share of touches that go to them, 0 to 1. */
  readonly hotShare: number;
  /** Share of touches that write, 0 to 1. */
  readonly writeShare: number;
  /** What the guest computes for each touch. */
  readonly workNs: number;
  /** Memory is divided among the vCPUs, or all use all of it. */
  readonly region: 'own' | 'shared';
  /** Share of touches that go to pages in the range of a storm, 0 to 1; undefined: as the pattern has it. */
  readonly coveredShare: number | undefined;
  /** Each vCPU first writes once to every page of its region, in order, so that all of it is mapped. */
  readonly firstPass: boolean;
  /** A vCPU stops after this many passes over its region; 0: never. The run ends when all have. */
  readonly passes: number;
}

export interface PhaseSetup {
  readonly name: string;
  readonly startNs: number;
  readonly endNs: number;
  /** Whether results count it; a warm-up is not. */
  readonly counted: boolean;
}

/** What every storm has. */
interface Storm {
  readonly name: string;
  readonly firstPage: number;
  readonly pages: number;
  /** Pages of one operation; it moves on by as much, and begins again at the end of the range. */
  readonly stepPages: number;
  readonly order: 'sequential' | 'random';
  /** From the start of one operation to the start of the next; 0: one after the other. */
  readonly periodNs: number;
  /** Of each cycle the first dutyShare (0 to 1) is worked, the rest slept. cycleNs 0: always on. */
  readonly cycleNs: number;
  readonly dutyShare: number;
  /** Operations of each thread; 0: no limit. */
  readonly times: number;
  readonly threads: number;
  /** When it is on: sorted, apart. */
  readonly active: readonly { readonly startNs: number; readonly stopNs: number }[];
}

/** What a kind of storm has beyond that, named as the kernel names it. */
export type StormKnobs =
  | { readonly kind: 'madvise'; readonly advice: 'dontneed' | 'free' | 'pageout' | 'collapse' }
  | { readonly kind: 'mprotect' | 'mremap' | 'uffd-wp' | 'balloon' }
  /** One invalidation for a step, windowNs from start to end; the OOM reaper's is not blockable. */
  | { readonly kind: 'unmap'; readonly blockable: boolean; readonly windowNs: number }
  | { readonly kind: 'migrate'; readonly method: 'move-pages' | 'mbind' | 'compaction' }
  | {
      readonly kind: 'ksm';
      readonly pagesToScan: number;
      readonly sleepNs: number;
      readonly maxPageSharing: number;
      readonly smartScan: boolean;
      /** Share of the guest's pages that have an equal, 0 to 1. */
      readonly duplicateShare: number;
      /** What a page holds after the write that unshared it: the same again, or something new. */
      readonly afterWrite: 'same' | 'unique';
    }
  | {
      readonly kind: 'numa-balancing';
      readonly scanDelayNs: number;
      readonly scanPeriodMinNs: number;
      readonly scanPeriodMaxNs: number;
      readonly scanPages: number;
      /** Whether hinting faults migrate pages. */
      readonly migrate: boolean;
    }
  /** The child lives for holdNs. */
  | { readonly kind: 'fork'; readonly holdNs: number }
  | { readonly kind: 'memslot'; readonly action: 'delete' | 'move' | 'flags'; readonly slot: number }
  | { readonly kind: 'dirty-log'; readonly method: 'bitmap' | 'ring'; readonly eagerSplit: boolean }
  | { readonly kind: 'aging'; readonly by: 'mglru' | 'damon' | 'idle' };

/** What changes the host's memory under the guest. */
export type StormSetup = Storm & StormKnobs;
