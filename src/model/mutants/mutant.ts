/** What a mutant is. */
import type { InvariantName } from '../invariants/names.js';
import type { PolicyChange } from '../policies.js';

/** safety: an invariant breaks; liveness: somebody waits for ever; performance: only slower. */
export type MutantClass = 'safety' | 'liveness' | 'performance';

export interface Mutant {
  /** Mutants of one number are forms of one mistake. */
  readonly number: number;
  readonly name: string;
  readonly classes: readonly MutantClass[];
  /** What must be seen to go wrong, and how. */
  readonly shows: string;
  /** Kernel to try it on. */
  readonly kernel: string;
  /** What must be so for the mistake to matter: the control has it too. */
  readonly context?: PolicyChange;
  /** The mistake. */
  readonly change: PolicyChange;
  /** Invariants that it breaks; for the safety class. */
  readonly breaks?: readonly InvariantName[];
  /** Where it really happened. */
  readonly happened?: string;
  /** Strongest memory model that shows it: sc shows with every one, weak with none that x86 has. */
  readonly memory: 'sc' | 'tso' | 'weak';
  /** Why no run can tell it from the original; it calibrates a checker. */
  readonly equivalent?: string;
  /** What the machine or the schedule must have, beyond a vCPU and an invalidation. */
  readonly needs?: string;
}
