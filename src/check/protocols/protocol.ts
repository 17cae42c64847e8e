/** What a protocol is, and the small machines that most of them run on. */
import { SlotFlag } from '../../model/kvm.js';
import type { Machine } from '../../model/machine.js';
import type { Policy } from '../../model/policies.js';
import type { CheckProgram } from '../program.js';
import { kvmProgram, type KvmScope } from './kvm-program.js';
import type { Scope } from './scope.js';

export interface Protocol {
  readonly name: string;
  /** What is checked against what. */
  readonly about: string;
  /** Policies that it needs whatever the kernel has. */
  readonly needs: Partial<Policy>;
  /** Whether mmu_lock is what it really is, and not its contract. */
  readonly isAboutLocks?: boolean;
  /** Whether loops that threads need never leave are looked for. */
  readonly findsLoops?: boolean;
  /** Scope when nothing is asked for. */
  readonly scope: Scope;
  program(policy: Policy, scope: Scope): CheckProgram;
}

const SMALL: Scope = { vcpus: 1, gfns: 2, invalidators: 1, touches: 1, rounds: 1 };

export type Parts = Omit<KvmScope, 'policy' | 'gfns'>;

/** A protocol of a small virtual machine. */
export function kvmProtocol(
  name: string,
  about: string,
  needs: Partial<Policy>,
  scope: Partial<Scope>,
  parts: (scope: Scope) => Parts,
  more: Pick<Protocol, 'isAboutLocks' | 'findsLoops'> = {},
): Protocol {
  return {
    ...more,
    name,
    about,
    needs,
    scope: { ...SMALL, ...scope },
    program: (policy, asked) => kvmProgram({ policy, gfns: asked.gfns, ...parts(asked) }),
  };
}

/** Policies of the two MMUs for two-dimensional paging. */
export const TDP: Partial<Policy> = { mmu: 'tdp' };
export const SHADOW: Partial<Policy> = { mmu: 'shadow' };

/** Dirty logging is on when the check begins. */
export function logDirty({ kvm, memory }: Machine): void {
  for (const { flags } of kvm.slots) memory.cells[flags] |= SlotFlag.LogDirty;
}
