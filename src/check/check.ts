/** One check: a protocol, a kernel's policy, a scope and a memory model; and its answer. */
import { InputError } from '../trace/errors.js';
import { kernelPolicy } from '../model/kernels.js';
import { mutantPolicy, type Mutant } from '../model/mutants.js';
import type { Policy } from '../model/policies.js';
import { resolvePolicy, type PolicyChanges } from '../model/resolve-policy.js';
import { replay, type ReplayedStep } from './counterexample/replay.js';
import { exploreInSlices, type Explored, type ExploreProgress } from './explicit/explore.js';
import type { MemoryModel } from './explicit/machine.js';
import { enumerate } from './graphs/enumerate.js';
import type { Finding } from './program.js';
import type { Protocol } from './protocols/protocol.js';
import type { Scope } from './protocols/scope.js';

export interface CheckSetup {
  readonly protocol: Protocol;
  readonly policy: Policy;
  /** Whose policy it is, for people: `v7.3`, or a mutant's name. */
  readonly whose: string;
  readonly scope: Scope;
  readonly memory: MemoryModel;
  readonly mostStates?: number;
  /** ms */
  readonly timeLimit?: number;
}

type Figures = 'states' | 'transitions' | 'depth' | 'complete' | 'finding' | 'bytesPerState' | 'time';

export interface CheckResult extends Pick<Explored, Figures> {
  /** The counterexample; empty without one. */
  readonly steps: readonly ReplayedStep[];
  /** What comes again and again after them, when somebody waits for ever. */
  readonly loop: readonly ReplayedStep[];
}

/**
 * The policy of a kernel, as a protocol is checked with it: what the protocol needs, and every lock reduced
 * to its contract unless the lock is what is checked. Whatever a real lock does is one of the things that its
 * contract allows, so what holds for the contract holds for the lock.
 */
export function checkedPolicy(protocol: Protocol, kernel: string, changes: PolicyChanges = {}): Policy {
  const policy = Object.keys(changes).length === 0 ? kernelPolicy(kernel) : resolvePolicy(kernel, changes);
  return withContract(protocol, policy);
}

/** The policy of a mutant, on its own kernel or another that can have it. */
export function checkedMutant(protocol: Protocol, mutant: Mutant, kernel = mutant.kernel): Policy {
  return withContract(protocol, mutantPolicy(mutant, kernel));
}

function withContract({ needs, isAboutLocks }: Protocol, policy: Policy): Policy {
  const isReduced =
    isAboutLocks !== true &&
    policy.faultLock === 'queue' &&
    (policy.lock === 'qrwlock' || policy.lock === 'ticket');
  return { ...policy, ...(isReduced ? { lock: 'contract' } : {}), ...needs };
}

/** Checks in slices: see exploreInSlices. */
export function* checkInSlices(
  setup: CheckSetup,
): Generator<ExploreProgress, CheckResult, boolean | undefined> {
  const { protocol, policy, scope, memory, mostStates, timeLimit } = setup;
  const explored: Explored = yield* exploreInSlices(protocol.program(policy, scope), {
    memory,
    findsLoops: protocol.findsLoops === true,
    ...(mostStates === undefined ? {} : { mostStates }),
    ...(timeLimit === undefined ? {} : { timeLimit }),
  });
  const { automata, moves, loop, finding, states, transitions, depth, complete, bytesPerState, time } =
    explored;
  const replayed = finding === undefined ? [] : replay(automata, memory, [...moves, ...loop]);
  const steps = replayed.slice(0, moves.length);
  return {
    states,
    transitions,
    depth,
    complete,
    finding,
    steps,
    loop: replayed.slice(moves.length),
    bytesPerState,
    time,
  };
}

/** What the stateless engine counts. */
export interface ExecutionCount {
  /** Executions in which every thread ends; each was seen once. */
  readonly executions: number;
  /** Executions in which somebody waits for what does not come. */
  readonly blocked: number;
  readonly complete: boolean;
  readonly finding: Finding | undefined;
  readonly seconds: number;
  readonly executionsPerSecond: number;
}

/**
 * Counts executions instead of states: the other engine, for programs whose steps touch shared memory through
 * their operations alone.
 *
 * @throws InputError for others
 */
export function countExecutions({ protocol, policy, scope, memory, timeLimit }: CheckSetup): ExecutionCount {
  try {
    const { executions, blocked, complete, finding, time, executionsPerSecond } = enumerate(
      protocol.program(policy, scope),
      { memory, ...(timeLimit === undefined ? {} : { timeLimit }) },
    );
    return { executions, blocked, complete, finding, seconds: time / 1000, executionsPerSecond };
  } catch (error) {
    if (!(error instanceof Error) || error instanceof InputError) throw error;
    throw new InputError(`${protocol.name} has steps that this engine cannot take: ${error.message}`, {
      field: '--executions',
    });
  }
}
