/** What one run does: a guest, storms, and phases that switch them. */
import type { StormSpec } from '../storms/types.js';
import type { GuestSpec } from '../types.js';

export interface RunPhase {
  readonly name: string;
  readonly durationNs: number;
  /** Whether results count it; a warm-up is not. */
  readonly counted: boolean;
  /** Which storms are on, by name. */
  readonly storms: 'all' | 'none' | readonly string[];
}

export interface RunPlan {
  /** Name of the scenario. */
  readonly scenario: string;
  readonly guest: GuestSpec;
  readonly storms: readonly StormSpec[];
  /** One after the other, at least one. */
  readonly phases: readonly RunPhase[];
}
