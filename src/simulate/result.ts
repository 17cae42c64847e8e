/**
 * What a simulation found out. Plain data: it survives JSON.stringify and is what `--json` prints.
 *
 * All of it is in virtual time and counts what happened in the scenario's counted phases, except where a
 * field says otherwise; the same setup gives the same result to the last digit.
 */
import type { Policy } from '../model/policies.js';

export interface SimulationResult {
  readonly version: 1;
  readonly run: RunSummary;
  readonly guest: GuestResult;
  readonly faults: FaultResult;
  readonly invalidations: InvalidationResult;
  readonly mmuLock: LockResult;
  readonly yields: YieldResult;
  readonly flushes: FlushResult;
}

/** What was run, and how it ended. */
export interface RunSummary {
  readonly scenario: string;
  /** Kernel that the policy began with: `v6.12`. */
  readonly kernel: string;
  /** All decisions, those changed by `--set` included. */
  readonly policy: Policy;
  /** Of those, the ones that differ from the kernel's. */
  readonly changes: Readonly<Record<string, string | number>>;
  readonly seed: number;
  /** Version of Faultline. */
  readonly version: string;
  readonly machine: {
    readonly cpus: number;
    readonly sockets: number;
    readonly nodes: number;
    readonly vcpus: number;
    /** Guest memory in pages of 4 KiB. */
    readonly pages: number;
  };
  /** Virtual time at the end, ns. */
  readonly simulatedNs: number;
  /**
   * `done`: every thread came to its end; `end`: the scenario's duration was over. The others cut the run
   * short.
   */
  readonly stopped: 'done' | 'end' | 'until' | 'max-events' | 'interrupted' | 'stuck';
  /** Events of the executor's queue. */
  readonly events: number;
  /** Operations of the model's threads. */
  readonly operations: number;
  /** Hash over the order of events and the memory at the end: equal runs have equal ones. Hexadecimal. */
  readonly unseed: string;
}

/**
 * Durations in ns; all 0 when `count` is 0. Percentiles (nearest rank) err by at most 1/128 of their value.
 */
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

export interface GuestResult {
  /** Time that counts, ns. */
  readonly countedNs: number;
  /** Accesses that guests completed. */
  readonly touches: number;
  /** Of those, to pages in the range of a storm. */
  readonly coveredTouches: number;
  readonly touchesPerSecond: number;
  /** Longest time in which a vCPU completed no access, and whose it was; absent when no vCPU ran. */
  readonly longestStall?: StallResult;
  /** How evenly touches are spread over vCPUs. */
  readonly fairness: FairnessResult;
  /** By number of the vCPU. */
  readonly vcpus: readonly VcpuResult[];
}

export interface StallResult {
  readonly vcpu: number;
  readonly startNs: number;
  readonly durationNs: number;
  /** The run ended before the vCPU went on. */
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
  readonly attempts: number;
  readonly retries: number;
  readonly longestStallNs: number;
}

export interface FaultResult {
  /** Attempts that began. */
  readonly attempts: number;
  /** How attempts ended, by RET_PF_*; `error`: a negative errno. They add up to the attempts that ended. */
  readonly outcomes: {
    readonly fixed: number;
    readonly spurious: number;
    readonly retry: number;
    readonly emulate: number;
    readonly writeProtected: number;
    readonly invalid: number;
    readonly error: number;
  };
  /** Why attempts were told to come back. */
  readonly retries: RetryResult;
  /**
   * From the first fault exit on a page until the guest's access succeeded; by whether a storm covers the
   * page.
   */
  readonly covered: EpisodeResult;
  readonly uncovered: EpisodeResult;
}

export interface RetryResult {
  readonly total: number;
  /** Before the page was looked up. */
  readonly preCheck1: number;
  /** After that, still without the lock. */
  readonly preCheck2: number;
  /** Under mmu_lock. */
  readonly recheck: number;
  /** Another task was changing the entry. */
  readonly frozen: number;
  /** The entry changed underneath. */
  readonly lostRace: number;
  readonly other: number;
}

export interface EpisodeResult {
  /** Of episodes that came to an end. */
  readonly latency: LatencyDistribution;
  /** Attempts in the episode with most. */
  readonly mostAttempts: number;
  /** Episodes of more than one attempt. */
  readonly withRetry: number;
  /** Episodes that the end of the run cut off, and how long the oldest had lasted. */
  readonly unfinished: number;
  readonly oldestUnfinishedNs: number;
}

export interface InvalidationResult {
  /** Calls of invalidate_range_start. */
  readonly count: number;
  /** Calls whose range hit a memslot; only these have an end, and time under the lock. */
  readonly hits: number;
  /** Pages of 4 KiB of their ranges, added up. */
  readonly pages: number;
  /** How long invalidate_range_start kept its caller. */
  readonly start: LatencyDistribution;
  /** From the start until the end had moved the sequence: how long faults in the range came back. */
  readonly startToEnd: LatencyDistribution;
  /** Of that, holding mmu_lock. */
  readonly underLock: LatencyDistribution;
  /** Still under way when the run ended. */
  readonly unfinished: number;
  /** Most work first. */
  readonly byAgent: readonly AgentInvalidations[];
}

export interface AgentInvalidations {
  /** Kind of storm; or `numa-balancing` (task work of a vCPU), `own-fault` (inside a fault of a vCPU). */
  readonly agent: string;
  readonly count: number;
  readonly hits: number;
  readonly pages: number;
  readonly start: LatencyDistribution;
  readonly startToEnd: LatencyDistribution;
  readonly underLock: LatencyDistribution;
}

export interface LockResult {
  readonly read: LockModeResult;
  readonly write: LockModeResult;
  /** By user and mode, longest total wait first. */
  readonly byUser: readonly LockUserResult[];
}

export interface LockModeResult {
  /** Times the lock was taken. */
  readonly acquisitions: number;
  /** Those that had to wait: `wait.count` of `acquisitions`. */
  readonly wait: LatencyDistribution;
  readonly hold: LatencyDistribution;
}

export interface LockUserResult extends LockModeResult {
  /**
   * `fault`: a vCPU in a fault; `guest-entry`: a vCPU outside of faults; `aging`; else the agent, as in
   * AgentInvalidations.
   */
  readonly user: string;
  readonly mode: 'read' | 'write';
}

/** Times that a walk let go of mmu_lock because someone waited. */
export interface YieldResult {
  readonly count: number;
  /** Someone let in meanwhile installed a mapping. */
  readonly useful: number;
  /** Someone was let in, and nobody installed a mapping. */
  readonly useless: number;
  /** Nobody took the lock. */
  readonly toNobody: number;
  /** From letting go to having the lock again. */
  readonly away: LatencyDistribution;
  readonly byUser: readonly { readonly user: string; readonly count: number; readonly useful: number }[];
}

export interface FlushResult {
  /** Remote TLB flushes. */
  readonly count: number;
  /** vCPUs that were asked to flush, added up. */
  readonly requests: number;
  /** Interrupts sent for that. */
  readonly ipis: number;
  /** Time that flushers waited for vCPUs to leave their guests; one value for each flush. */
  readonly wait: LatencyDistribution;
  /** Interrupts that KVM sent for whatever reason. */
  readonly allIpis: number;
}
