/**
 * Findings: short sentences with numbers, each with its evidence and, where there is one, advice.
 */

/** How sure a guess is. */
export type Confidence = 'high' | 'medium' | 'low';

export type FindingId =
  | 'retry-storm'
  | 'starving-vcpu'
  | 'yield-thrash'
  | 'lock-convoy'
  | 'long-write-hold'
  | 'writer-starvation'
  | 'numa-scan-stall'
  | 'ksm-storm'
  | 'aging-storm'
  | 'hull-retries'
  | 'missing-pre-check'
  | 'lossy-trace'
  | 'no-kvm-events'
  | 'clock-backwards'
  | 'hashed-pointers';

/**
 * critical: a guest stood still; warning: it was slowed; notice: limits what the trace shows; info: context.
 */
export type Severity = 'critical' | 'warning' | 'notice' | 'info';

export interface Evidence {
  /** What this place shows. */
  readonly label: string;
  /** First and last event, both included. */
  readonly events: readonly [first: number, last: number];
  /** ns since the trace's origin. */
  readonly time: readonly [start: number, end: number];
  readonly tid?: number;
}

export interface Finding {
  readonly id: FindingId;
  readonly severity: Severity;
  /** A few words. */
  readonly title: string;
  /** One or two sentences with the numbers. */
  readonly text: string;
  /** What to do: names a kernel version, a setting or a patch. Empty when there is nothing to do. */
  readonly advice: readonly string[];
  /** Largest first. Empty when the finding is about the whole trace. */
  readonly evidence: readonly Evidence[];
  /** The figures behind the text, by name. */
  readonly numbers: Readonly<Record<string, number>>;
}
