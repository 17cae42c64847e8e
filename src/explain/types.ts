/**
 * What `explain` says about a trace. Plain data: it survives JSON.stringify and is what `--json` prints.
 *
 * Times are nanoseconds since the trace's origin, durations nanoseconds, both plain numbers. `events` pairs
 * are the first and the last event index of the evidence, both included. Lists of things that a long trace
 * has many of are cut to the largest (`options.top`); the counts beside them are always complete.
 */
import type { Confidence, Finding } from './types-finding.js';
import type { LockPairing, LockSummary } from './types-lock.js';

export interface Explanation {
  readonly version: 1;
  readonly trace: TraceSummary;
  /** Events in the trace. */
  readonly events: number;
  /** Events by name, most frequent first. */
  readonly byEvent: Readonly<Record<string, number>>;
  /** What the kernel that made the trace does when faults meet invalidations. */
  readonly kernel: KernelFacts;
  /** One or two sentences that sum the trace up. */
  readonly verdict: readonly string[];
  /** Worst first. */
  readonly findings: readonly Finding[];
  readonly fault: FaultSummary;
  /** One per vCPU thread, most attempts first. */
  readonly vcpus: readonly VcpuSummary[];
  readonly invalidations: InvalidationsSummary;
  readonly aging: AgingSummary;
  /** Where guest memory lies in the host's address space, as far as the trace tells. */
  readonly mapping: MappingSummary;
  /** Locks by waits, most first; at most `options.top` of `lockPairing.locks`. */
  readonly locks: readonly LockSummary[];
  readonly lockPairing: LockPairing;
}

export interface TraceSummary {
  readonly format: string;
  readonly clock: string;
  readonly timeUnit: 'ns' | 'ticks';
  /** Width of one step of the time stamps, ns; 1 when the trace does not say. */
  readonly resolutionNs: number;
  readonly start: number;
  readonly end: number;
  readonly durationNs: number;
  readonly kernel?: string;
  readonly preempt?: string;
  readonly cpus: number;
  readonly tasks: number;
  readonly hashedPointers: boolean;
  /**
   * Events that the kernel says are missing; `lossesOfUnknownSize` counts places where it does not say how
   * many.
   */
  readonly lostEvents: number;
  readonly lossesOfUnknownSize: number;
  readonly clockBackwards: number;
  readonly unknownLines: number;
  readonly unparsedFields: number;
  readonly unknownEvents: readonly string[];
  readonly damage: readonly string[];
  readonly notes: readonly string[];
  /** Events left out by the user's own filters. */
  readonly filtered: number;
}

/** Answer to "does this kernel do X": with the reason, since a release string alone is weak evidence. */
export interface KernelAnswer {
  readonly answer: 'yes' | 'no' | 'depends' | 'unknown';
  readonly why: string;
}

export interface KernelFacts {
  readonly release?: string;
  /** Major and minor version read from the release. */
  readonly version?: string;
  readonly preempt?: string;
  readonly isRealTime: boolean;
  /** Are covered faults turned away before they take mmu_lock (d02c357e5bfa, v6.8)? */
  readonly preCheck: KernelAnswer;
  /** Does the TDP MMU drop mmu_lock for waiters while it zaps? */
  readonly yieldsOnContention: KernelAnswer;
  /** How far one NUMA-balancing notifier reaches. */
  readonly numaNotifierSpan: KernelAnswer;
  /** Does aging (MGLRU, DAMON) take mmu_lock for write? */
  readonly agingTakesLock: KernelAnswer;
}

/** Durations in ns; all 0 when `count` is 0. */
export interface Distribution {
  readonly count: number;
  readonly totalNs: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
  /** `counts[i]` durations were below `upToNs[i]` and not below the bound before it. */
  readonly histogram: { readonly upToNs: readonly number[]; readonly counts: readonly number[] };
}

/** Why an attempt ended without a mapping, as far as the trace can show. */
export type RetryCause =
  /** Its page was inside an invalidation that was under way. */
  | 'invalidation-in-flight'
  /** Its page was in no single invalidation, but inside the hull that KVM keeps of all those under way. */
  | 'invalidation-hull'
  /**
   * An invalidation elsewhere, or at a place that the trace does not tell, was under way or ended during the
   * attempt: its end advances mmu_invalidate_seq, which every fault in flight compares.
   */
  | 'sequence-bump'
  /** It passed the check, then another thread changed the same entry first. */
  | 'lost-race'
  /** It waited for mmu_lock and came back empty-handed; no invalidation in sight. */
  | 'waited-for-lock'
  | 'unknown';

/** Exclusive outcomes; they add up to `attempts`. */
export interface FaultOutcomes {
  readonly mapped: number;
  /** Fixed without mmu_lock (fast_page_fault). */
  readonly fast: number;
  /** Somebody else had fixed it already. */
  readonly spurious: number;
  /** An access to emulated memory (MMIO). */
  readonly emulated: number;
  /** No mapping; the guest faults again. Includes lost races. */
  readonly retried: number;
  /** The trace ends before the thread enters its guest again. */
  readonly unfinished: number;
}

export interface FaultSummary {
  /** Which events the attempts were read from. */
  readonly source: 'kvm_page_fault' | 'kvmmmu' | 'none';
  /** Fault exits (`kvm_page_fault`), or guest page-table walks where the host has no such event. */
  readonly attempts: number;
  /** Attempts with a `kvm_mmu_spte_requested` before the thread's next `kvm_entry`. */
  readonly mapped: number;
  /** Attempts with a `handle_mmio_page_fault` or `mark_mmio_spte` in that window. */
  readonly emulated: number;
  /** attempts - mapped - emulated. Attempts cut off by the end of the trace are in here. */
  readonly retried: number;
  /**
   * Attempts that are both mapped and emulated (an MMIO entry being installed): `retried` is too low by
   * these.
   */
  readonly mappedAndEmulated: number;
  /** Attempts whose end the trace does not contain. */
  readonly unfinished: number;
  /** Attempts that fast_page_fault fixed; they are in `retried`, whose definition knows nothing of them. */
  readonly fastInRetried: number;
  readonly outcomes: FaultOutcomes;
  /** Runs of consecutive attempts of one thread on one page. */
  readonly episodes: number;
  /** Attempts in the longest episode. */
  readonly longestEpisode: number;
  /** Episodes of more than one attempt. */
  readonly episodesWithRetry: number;
  /** kvm_page_fault to kvm_entry. */
  readonly latency: Distribution;
  /** kvm_page_fault to kvm_mmu_set_spte, of mapped attempts. */
  readonly mapLatency: Distribution;
  /** First fault to last entry, of episodes with retries. */
  readonly stallLatency: Distribution;
  /**
   * Of `outcomes.retried`. `likely`: rests on the inferred end of an invalidation or on the inferred mapping.
   */
  readonly retryCauses: readonly {
    readonly cause: RetryCause;
    readonly count: number;
    readonly likely: number;
  }[];
  /**
   * Of the attempts with causes in-flight and hull: how many had any invalidation of agent X covering them.
   */
  readonly retriesByAgent: readonly { readonly agent: Agent; readonly count: number }[];
  /** Number of episodes by attempts: 1, 2, 3-4, 5-8, ... `upTo` is included. */
  readonly episodeLengths: { readonly upTo: readonly number[]; readonly counts: readonly number[] };
  /** Longest first, by attempts. */
  readonly topEpisodes: readonly EpisodeRow[];
  /** Longest first, by time; a single attempt that waited long counts too. */
  readonly topStalls: readonly EpisodeRow[];
}

export interface EpisodeRow {
  readonly tid: number;
  readonly comm: string;
  readonly vcpu?: number;
  /** Faulting page: address / 4096. A guest frame under TDP; a guest-virtual page on shadow-only hosts. */
  readonly page: number;
  readonly gfn?: number;
  readonly attempts: number;
  readonly retried: number;
  /** How the last attempt ended. */
  readonly outcome: keyof FaultOutcomes;
  readonly start: number;
  readonly end: number;
  readonly durationNs: number;
  /** Of that, waiting for locks. */
  readonly lockWaitNs: number;
  /**
   * Of that, off the CPU (preempted or asleep); absent without sched_switch events. May overlap lock waits.
   */
  readonly offCpuNs?: number;
  /** Most frequent cause of its retries. */
  readonly cause?: RetryCause;
  readonly agents: readonly Agent[];
  readonly events: readonly [first: number, last: number];
}

export interface VcpuSummary {
  readonly tid: number;
  readonly comm: string;
  readonly vcpu?: number;
  readonly attempts: number;
  readonly outcomes: FaultOutcomes;
  readonly episodes: number;
  readonly episodesWithRetry: number;
  readonly longestEpisode: number;
  readonly latency: Distribution;
  /** Time inside episodes with retries. */
  readonly stalledNs: number;
  /** Longest time inside one episode. */
  readonly longestStallNs: number;
  readonly lockWaitNs: number;
  /** Invalidations that this thread itself issued (NUMA scans, copy on write). */
  readonly invalidations: number;
}

/** Who changed host memory. */
export type Agent =
  | 'numa-balancing'
  | 'ksm'
  | 'khugepaged'
  | 'madvise'
  | 'migration'
  | 'balloon'
  | 'reclaim'
  | 'fork'
  | 'copy-on-write'
  | 'unmap'
  | 'damon'
  | 'oom-reaper'
  | 'unknown';

export interface AgentSummary {
  readonly agent: Agent;
  /** How sure the naming is, by invalidations. */
  readonly confidence: Readonly<Record<Confidence, number>>;
  /** The reason given most often. */
  readonly why: string;
  readonly tasks: readonly { readonly tid: number; readonly comm: string; readonly count: number }[];
  readonly count: number;
  readonly pages: number;
  readonly leaves: number;
  readonly flushes: number;
  readonly yields: number;
  /** Sum of start to estimated end (at least, at most). */
  readonly underWayNs: number;
  readonly underWayAtMostNs: number;
  readonly longestNs: number;
}

export interface InvalidationsSummary {
  /** `kvm_unmap_hva_range` events. */
  readonly count: number;
  /**
   * 4 KiB pages of their ranges, added up. Ranges of a whole address space are left out and counted in
   * `unbounded`.
   */
  readonly pages: number;
  readonly unbounded: number;
  /** Leaf entries zapped inside them. */
  readonly leaves: number;
  /** Invalidations that zapped at least one leaf. */
  readonly withLeaves: number;
  /** Host TLB flushes that the invalidating tasks sent inside them (`tlb_flush`, remote shoot-downs only). */
  readonly hostFlushes: number;
  /** Flushes of the guest's translations. `source`: where the count comes from. */
  readonly guestFlushes: number;
  readonly guestFlushSource: 'kprobe' | 'ipi' | 'inferred' | 'none';
  /** Times a zapper let go of mmu_lock. */
  readonly yields: number;
  readonly yieldSource: 'exact' | 'inferred' | 'none';
  /**
   * Waiters that got mmu_lock in the middle of a zap, by what they did with it: mapped their page, or came
   * back empty-handed, or were no faults.
   */
  readonly handovers: { readonly useful: number; readonly useless: number; readonly other: number };
  /**
   * Ends are not recorded: from the last related event (`underWay`) to the first unrelated one
   * (`underWayAtMost`).
   */
  readonly endsInferred: boolean;
  readonly underWay: Distribution;
  readonly underWayAtMost: Distribution;
  /** Most invalidations under way at once. */
  readonly mostAtOnce: number;
  /** Most agents' work first. */
  readonly byAgent: readonly AgentSummary[];
  /** Longest first. */
  readonly top: readonly InvalidationRow[];
}

export interface InvalidationRow {
  readonly start: number;
  /** Last event that belongs to it for certain. */
  readonly endAtLeast: number;
  /** First event that cannot belong to it. */
  readonly endAtMost: number;
  readonly inferredEnd: boolean;
  readonly tid: number;
  readonly comm: string;
  readonly agent: Agent;
  readonly confidence: Confidence;
  readonly why: string;
  /** Host virtual range, hex without 0x, end excluded. */
  readonly hva: readonly [first: string, end: string];
  readonly gfn?: readonly [first: number, end: number];
  readonly pages: number;
  readonly leaves: number;
  readonly hostFlushes: number;
  readonly guestFlushes: number;
  readonly yields: number;
  /**
   * Longest time from one zapped leaf to another without a yield between: mmu_lock was held for write that
   * long.
   */
  readonly heldAtLeastNs: number;
  /** Faults retried because of it. */
  readonly retries: number;
  readonly lockWaitNs: number;
  readonly events: readonly [first: number, last: number];
}

export interface AgingSummary {
  /** kvm_age_hva, kvm_test_age_hva, kvm_age_page. */
  readonly count: number;
  readonly tasks: readonly { readonly tid: number; readonly comm: string; readonly count: number }[];
  readonly perSecond: number;
}

export interface MappingSummary {
  readonly known: boolean;
  /** Why not, or how it was learnt. */
  readonly why: string;
  readonly slots: readonly MappingSlot[];
}

/** A run of guest frames at a constant distance in host memory: hva page = gfn + `offsetPages`. */
export interface MappingSlot {
  readonly offsetPages: number;
  /** Guest frames seen in it; the slot may be larger. */
  readonly gfn: readonly [first: number, end: number];
  /** Invalidations whose zapped frames fit this distance, and that fit it and no other. */
  readonly votes: number;
  readonly exactVotes: number;
  /** Invalidations that zapped frames of this range elsewhere. */
  readonly against: number;
  readonly confidence: Confidence;
}
