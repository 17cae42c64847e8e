/**
 * What one run measured. Names and units are those of a simulated run (src/simulate/result.ts) wherever
 * the same thing is meant. Times are ns of this host. Only phases that count are in it, except where a
 * field says otherwise.
 */

/** Durations in ns; all 0 when `count` is 0. Percentiles are those of a log-linear histogram. */
export interface LatencyDistribution {
  readonly count: number;
  readonly totalNs: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
  /** `counts[i]` durations were below `upToNs[i]` and not below the bound before it, up to that error. */
  readonly histogram: { readonly upToNs: readonly number[]; readonly counts: readonly number[] };
}

export interface RunResult {
  readonly guest: GuestResult;
  /**
   * How long single accesses of the guest took, timed inside the guest, by whether a storm covers the
   * page. Most find their page mapped; those that fault are in the tail.
   */
  readonly touches: { readonly covered: LatencyDistribution; readonly uncovered: LatencyDistribution };
  readonly storms: readonly StormResult[];
  /** Single touches, oldest first, where the scenario asks for them: the whole run's, whatever counts. */
  readonly samples?: SampleColumns;
  /**
   * What KVM counted meanwhile (KVM_GET_STATS_FD), the VM's and its vCPUs' together; what stayed 0 is left
   * out.
   */
  readonly kvm: Readonly<Record<string, number>>;
}

/** One entry of each for each touch. */
export interface SampleColumns {
  readonly vcpu: readonly number[];
  /** CLOCK_MONOTONIC at its end, ns: the clock of traces. */
  readonly endNs: readonly number[];
  readonly durationNs: readonly number[];
  readonly gfn: readonly number[];
  /** 1: it wrote. */
  readonly write: readonly number[];
  /** 1: in the range of a storm. */
  readonly covered: readonly number[];
}

export interface GuestResult {
  /** Time that counts, ns. */
  readonly countedNs: number;
  /** Accesses that guests completed. */
  readonly touches: number;
  /** Of those, to pages in the range of a storm. */
  readonly coveredTouches: number;
  readonly touchesPerSecond: number;
  /** The longest access of all, and whose it was; absent when no vCPU completed one. */
  readonly longestStall?: StallResult;
  readonly fairness: FairnessResult;
  /** By number of the vCPU. */
  readonly vcpus: readonly VcpuResult[];
}

export interface StallResult {
  readonly vcpu: number;
  readonly durationNs: number;
  /** It went on when the time was over, and ended before the vCPU could be stopped. */
  readonly unfinished: boolean;
}

export interface FairnessResult {
  /** Jain's index: 1 when all got the same, 1 / vCPUs when one got all. */
  readonly jain: number;
  /** Share of the vCPU that got least and of the one that got most, times the number of vCPUs: 1 is even. */
  readonly minShare: number;
  readonly maxShare: number;
}

export interface VcpuResult {
  readonly vcpu: number;
  readonly touches: number;
  readonly longestStallNs: number;
}

export interface StormResult {
  readonly name: string;
  readonly kind: string;
  readonly threads: number;
  /** Operations that ended: system calls of a storm that makes them, else what its notes say. */
  readonly operations: number;
  readonly operationsPerSecond: number;
  readonly errors: number;
  /** Of one operation. */
  readonly latency: LatencyDistribution;
  /** What came of the operations, by kind of storm: `pagesShared`, `dirtyPages` ... */
  readonly effects: Readonly<Record<string, number>>;
  /** What this host does in its own way, one sentence each. */
  readonly notes: readonly string[];
}
