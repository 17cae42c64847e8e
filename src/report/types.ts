/** What reports are made from. */
import type { Explanation } from '../explain/types.js';
import type { Timeline } from '../trace/timeline.js';
import type { ClaimReport } from './claims.js';
import type { MeasuredScenario } from './measurement.js';

/** One recording, explained. */
export interface ReportInput {
  /** File name, or what the user calls it. */
  readonly name: string;
  readonly explanation: Explanation;
  /** `dropped`: slices that its maker left out. */
  readonly timeline: Timeline & { readonly dropped?: number };
}

/** One recording of a study. */
export interface StudyRecording extends ReportInput {
  /** What was done on the machine, one or two sentences. */
  readonly description: string;
  /** What invalidated guest memory, in a few words; the agents that were seen when left out. */
  readonly storm?: string;
  /** Preemption model of its kernel, for recordings that do not say. */
  readonly preempt?: string;
}

/** A study: the same question asked of several recordings. */
export interface StudyInput {
  readonly title: string;
  /** Paragraphs: what was asked, on what. */
  readonly intro: readonly string[];
  readonly recordings: readonly StudyRecording[];
  /** The answer, in a sentence or two. */
  readonly verdict: readonly string[];
  /** Statements that were simulated, and recordings of the model: not compared with those of kernels. */
  readonly claims?: readonly ClaimReport[];
  readonly simulated?: readonly StudyRecording[];
  /** Scenarios that were measured on this host, and recordings of them: not compared either. */
  readonly measured?: readonly MeasuredScenario[];
  readonly measuredRecordings?: readonly StudyRecording[];
}

/** A recording in one row of the comparison. Lock figures are of the mmu_locks alone. */
export interface ComparisonRow {
  readonly name: string;
  readonly kernel: string;
  readonly preempt: string;
  readonly storm: string;
  readonly durationNs: number;
  readonly events: number;
  /** Events that the kernel says are missing. */
  readonly lostEvents: number;
  readonly attempts: number;
  readonly mapped: number;
  /** By outcome, as in the verdict. */
  readonly retried: number;
  /** Attempts of the longest episode. */
  readonly longestEpisode: number;
  readonly episodesWithRetry: number;
  readonly longestStallNs: number;
  readonly invalidations: number;
  readonly lockWaits: number;
  readonly lockWaitTotalNs: number;
  readonly lockWaitMaxNs: number;
  /** First sentence of the explanation's verdict. */
  readonly verdict: string;
}
