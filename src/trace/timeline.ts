/**
 * A drawing of a trace: tracks with slices on them, and flows between slices. `explain` makes one from what
 * it understood; the Perfetto and Chrome writers and the HTML report draw it.
 */

export interface TimelineTrack {
  readonly id: number;
  readonly name: string;
  /** vCPU thread, invalidating task, a lock, or anything else. */
  readonly kind: 'vcpu' | 'invalidator' | 'lock' | 'other';
  /** Thread that the track shows, if it shows one. */
  readonly tid?: number;
  /** Track that this one is drawn under. */
  readonly parent?: number;
}

export interface TimelineSlice {
  readonly id: number;
  readonly track: number;
  /** ns since the trace's origin. */
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly category: 'fault' | 'wait' | 'invalidation' | 'flush' | 'hold' | 'other';
  /** The end (or the slice itself) was inferred, not recorded. */
  readonly inferred?: boolean;
  /** Shown on selection. */
  readonly details: Readonly<Record<string, string | number>>;
  /** First and last event behind it. */
  readonly events: readonly [first: number, last: number];
}

/** An arrow from a slice to the one that it waited for, or that ended its wait. */
export interface TimelineFlow {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

export interface Timeline {
  readonly tracks: readonly TimelineTrack[];
  readonly slices: readonly TimelineSlice[];
  readonly flows: readonly TimelineFlow[];
}

/**
 * Category prefix of slices in exported traces, so that a reader does not take what was worked out for
 * events.
 */
export const DRAWN = 'faultline.';
