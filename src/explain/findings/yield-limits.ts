/**
 * From how many yields on they count as thrash.
 */
import type { Severity } from '../types-finding.js';

export const YIELD_LIMITS = {
  /** A range of some thousand pages against a few vCPUs yields a handful of times when it helps. */
  inOne: 8,
  /** So many flushes for one range hold everybody up for longer than the zap itself. */
  inOneCritical: 100,
  /** Many small invalidations that each yield once or twice add up to the same. */
  inAll: 100,
} as const;

/** Undefined when there is nothing to report. */
export function yieldsSeverity(inOne: number, inAll: number): Severity | undefined {
  if (inOne >= YIELD_LIMITS.inOneCritical) return 'critical';
  return inOne >= YIELD_LIMITS.inOne || inAll >= YIELD_LIMITS.inAll ? 'warning' : undefined;
}
