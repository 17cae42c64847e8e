/**
 * What a measured guest is made from, and what it shows while it runs: plain data, apart from histograms.
 *
 * Shapes and names are those of a parsed scenario. Memory is in bytes from the start of the guest's
 * memory, which is guest physical address 0; time in ns.
 */
import type { Histogram } from './guest/histogram.js';

/** A part of something: bytes, or a share of it from 0 to 1. */
export type Part = { readonly bytes: number } | { readonly share: number };

/** What each vCPU's guest does: `guest.access` of a scenario. */
export interface AccessSpec {
  readonly pattern: 'sequential' | 'strided' | 'random' | 'hot-set';
  /** strided: from one touch to the next, bytes; one page if left out. */
  readonly stride?: number | undefined;
  /** hot-set: how much of the region is hot. */
  readonly hot?: Part | undefined;
  /** hot-set: hot pages at the start of the region, or spread evenly over it. Default: together. */
  readonly hotPlacement?: 'together' | 'spread' | undefined;
  /** hot-set: share of touches that go to hot pages. Default: 0.9. */
  readonly hotTouches?: number | undefined;
  /** Share of touches that write. */
  readonly writes: number;
  /** From the end of one touch to the start of the next, ns. */
  readonly work: number;
  /** The memory is divided among the vCPUs, or is for all. */
  readonly region: 'own' | 'shared';
  /** Share of touches in covered ranges; undefined: as the pattern has it. */
  readonly covered?: number | undefined;
  /** Begin with one write to every page of the region, in order. */
  readonly firstPass: boolean;
  /** A vCPU stops after so many passes over its region; undefined: never. */
  readonly passes?: number | undefined;
}

export interface GuestSpec {
  /** Bytes; whole pages of 4 KiB, of 2 MiB with hugetlb. */
  readonly memory: number;
  readonly vcpus: number;
  /** CPU of the host for each vCPU; undefined: the scheduler's choice. */
  readonly pin: readonly number[] | undefined;
  /** Memslots that share the memory evenly; the last has what is left over. */
  readonly slots: number;
  readonly backing: '4KiB' | 'thp' | 'hugetlb';
  /** Private anonymous memory, or a shared memfd. */
  readonly sharing: 'private' | 'shared';
  /** Whether the host has all pages from the start. KVM maps them on the guest's faults all the same. */
  readonly prefault: boolean;
  /** On which NUMA nodes pages lie; `one-node`: node 0. Without effect on a host with one node. */
  readonly placement: 'first-touch' | 'interleave' | 'one-node';
  readonly access: AccessSpec;
  /** What storms work on: bytes of the guest's memory. A touch there counts in the `covered` histogram. */
  readonly coveredRanges: readonly { readonly from: number; readonly to: number }[];
  readonly seed: number;
  /**
   * `same`: a write leaves the page as it was (KSM may merge it again); `unique`: it does not. Default: same.
   */
  readonly afterWrite?: 'same' | 'unique';
  /** Raw samples that each vCPU keeps, the latest; a power of two. Default: none. */
  readonly samples?: number;
  /** Only touches of at least so many ns become samples. Default: 0, all. */
  readonly sampleAboveNs?: number;
  /** false: touches are counted and not timed, to measure what timing costs. Default: true. */
  readonly timed?: boolean;
  /** KVM maps all of the memory before the guest runs (KVM_PRE_FAULT_MEMORY). Default: false. */
  readonly mapped?: boolean;
  /** Entries of each vCPU's dirty ring, a power of two; without it there is none. */
  readonly dirtyRing?: number;
}

/** One memslot as KVM has it now. */
export interface SlotInfo {
  readonly slot: number;
  /** Guest physical address, bytes. */
  readonly gpa: number;
  readonly bytes: number;
  /** Where it lies in this process. */
  readonly hva: bigint;
  /** KVM_MEM_* bits. */
  readonly flags: number;
}

/** A time in which a vCPU completed no touch, from the end of one touch to the end of the next. */
export interface Stall {
  readonly vcpu: number;
  readonly durationNs: number;
  /** CLOCK_MONOTONIC, ns: that of process.hrtime and of the trace clock `mono`. Good to some microseconds. */
  readonly startNs: number;
  /** Frame whose touch ended it. */
  readonly gfn: number;
}

/** Why KVM_RUN returned other than because the guest was told to stop. */
export interface ExitCounts {
  /** Touches for which there was no memslot at that time: they were completed without memory. */
  readonly noSlot: number;
  /** The host's memory refused the access (EFAULT: no mapping, or not writable); it was tried again. */
  readonly refused: number;
  /** The dirty ring was full. */
  readonly ringFull: number;
  /** A signal reached the thread. */
  readonly interrupted: number;
}

export interface VcpuSnapshot {
  readonly vcpu: number;
  /** Touches completed. */
  readonly touches: number;
  /** How long touches took, by whether a storm covers the page; empty when the guest does not time. */
  readonly covered: Histogram;
  readonly uncovered: Histogram;
  /** Longest of the stalls that ended since the snapshot before (or, of a difference, in between). */
  readonly longestStall: Stall | undefined;
  /** How long, at the snapshot, the vCPU had completed no touch; 0 when it is not running. */
  readonly sinceTouchNs: number;
  /** It did all its passes. */
  readonly finished: boolean;
  readonly exits: ExitCounts;
}

/** Statistics of KVM by the kernel's name (KVM_GET_STATS_FD); those of vCPUs are summed. */
export type KvmStats = Readonly<Record<string, number>>;

/** All counts since the start of the guest, or between two snapshots. */
export interface GuestSnapshot {
  /** CLOCK_MONOTONIC of the snapshot, ns; of a difference: of the later one. */
  readonly atNs: number;
  /** Since the first run(), not counting time stopped; of a difference: from one snapshot to the other. */
  readonly elapsedNs: number;
  readonly tscKhz: number;
  readonly vcpus: readonly VcpuSnapshot[];
  readonly stats: { readonly vm: KvmStats; readonly vcpus: KvmStats };
}

/** One touch, as the guest timed it. */
export interface Sample {
  readonly vcpu: number;
  /** Number of the touch, from 1. */
  readonly touch: number;
  /** CLOCK_MONOTONIC at its end, ns. */
  readonly endNs: number;
  readonly durationNs: number;
  readonly gfn: number;
  readonly write: boolean;
  readonly covered: boolean;
}
