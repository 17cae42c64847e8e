/**
 * A timeline as the page carries it: columns of small numbers, sorted by track and start, which compress
 * well.
 */
import type { TimelineSlice, TimelineTrack } from '../../trace/timeline.js';

/** Categories by their code, the least alarming first: where slices share a pixel, the highest code wins. */
export const CATEGORIES = ['other', 'hold', 'flush', 'fault', 'invalidation', 'wait'] as const;

/** Bits of `PackedTimeline.style` above the three of the category. */
export const INFERRED = 8;
/** A fault, or an episode of faults, that had to be retried: more alarming than any category. */
export const RETRIED = 16;

/** What one pixel or slice looks like: category code plus the two bits. */
export function styleOf(slice: TimelineSlice): number {
  const { details } = slice;
  const retried =
    slice.category === 'fault' && (details['outcome'] === 'retried' || Number(details['retried'] ?? 0) > 0);
  return (
    CATEGORIES.indexOf(slice.category) + (slice.inferred === true ? INFERRED : 0) + (retried ? RETRIED : 0)
  );
}

/** How alarming a style is; larger is worse. Inferred or not makes no difference. */
export function rankOf(style: number): number {
  return style & RETRIED ? CATEGORIES.length : style & 7;
}

/** Values of one detail of one shape: numbers as they are, or indices into `strings`, or both in turn. */
export type DetailColumn =
  | { readonly key: number; readonly kind: 'number'; readonly values: readonly number[] }
  | { readonly key: number; readonly kind: 'string'; readonly values: readonly number[] }
  /** Numbers as they are, strings as one-element lists of their index. */
  | {
      readonly key: number;
      readonly kind: 'mixed';
      readonly values: readonly (number | readonly [number])[];
    };

/** Slices too many to be drawn singly, counted per lane, style and piece of time. */
export interface Density {
  readonly track: number;
  readonly style: number;
  /** Differences between bucket numbers, in order; bucket i covers [start + i * width, ... + width). */
  readonly buckets: readonly number[];
  readonly counts: readonly number[];
}

export interface PackedTimeline {
  /** ns since the trace's origin: the whole range shown. */
  readonly start: number;
  readonly end: number;
  readonly tracks: readonly TimelineTrack[];
  readonly strings: readonly string[];
  /** Slices of each track, in the order of `tracks`; the columns below run through all tracks. */
  readonly perTrack: readonly number[];
  /** ns since the slice before on the same track. */
  readonly startDelta: readonly number[];
  readonly duration: readonly number[];
  /** Index into `strings`. */
  readonly name: readonly number[];
  readonly style: readonly number[];
  /** First event, as the difference to the slice before; and how many more. */
  readonly eventDelta: readonly number[];
  readonly eventSpan: readonly number[];
  /** Which keys a slice's details have; details are stored per shape, in slice order. */
  readonly shape: readonly number[];
  readonly shapes: readonly (readonly DetailColumn[])[];
  /** Pairs of slice numbers and the name, as three columns. */
  readonly flowFrom: readonly number[];
  readonly flowTo: readonly number[];
  readonly flowName: readonly number[];
  readonly densityBucketNs: number;
  readonly density: readonly Density[];
  /** How many slices the trace has; more than the columns hold when some were merged. */
  readonly total: number;
  /** Every merged slice was shorter than this, ns; 0 when none was merged. */
  readonly mergedBelowNs: number;
}
