/**
 * The full tables behind an explanation: one row per attempt, episode, invalidation and lock wait.
 *
 * `explain` sums them up; the report and the timeline draw from them.
 */
import type { Trace } from '../trace/store/trace.js';
import { agentsOf, type Agents } from './agents.js';
import { attemptsOf, type Attempts } from './attempts.js';
import { causesOf, type Causes } from './causes.js';
import { episodesOf, outcomesOf, type Episodes } from './episodes.js';
import { invalidationsOf, type Invalidations } from './invalidations.js';
import { joinWaits, type Joins } from './joins.js';
import { kernelFacts } from './kernel-facts.js';
import { learnMapping } from './mapping.js';
import { guessMmuLocks, mmuLockOfThreads } from './mmu-locks.js';
import { threadsOf, type Threads } from './threads.js';
import type { MmuLockGuess } from './types-lock.js';
import type { Agent, KernelFacts, MappingSummary } from './types.js';
import { waitsOf, type Waits } from './waits.js';
import { yieldsOf, type Yields } from './yields.js';

export interface ExplainOptions {
  /** Longest lists in the result, default 20; locks have their own. */
  readonly top?: number;
  /** Most locks in the result, default 100. */
  readonly topLocks?: number;
  /** `uname -r` of the traced machine, where the trace does not say. */
  readonly kernel?: string;
  /** Its preemption model, where the trace does not say: none, voluntary, full, lazy, rt. */
  readonly preempt?: string;
}

export interface Analysis {
  readonly trace: Trace;
  readonly kernel: KernelFacts;
  readonly threads: Threads;
  readonly attempts: Attempts;
  /** Code of OUTCOMES per attempt. */
  readonly outcome: Uint8Array;
  readonly episodes: Episodes;
  readonly invalidations: Invalidations;
  readonly agents: Agents;
  readonly waits: Waits;
  readonly joins: Joins;
  /** Guess per lock number. */
  readonly mmuLocks: readonly MmuLockGuess[];
  /** The mmu_lock that each thread is judged by; NONE without one. */
  readonly lockOfThread: Uint32Array;
  readonly yields: Yields;
  readonly mapping: MappingSummary;
  readonly causes: Causes;
}

/** Agents in the order of their bits in `Causes.agents`. */
export const AGENTS: readonly Agent[] = [
  'numa-balancing',
  'ksm',
  'khugepaged',
  'madvise',
  'migration',
  'balloon',
  'reclaim',
  'fork',
  'copy-on-write',
  'unmap',
  'damon',
  'oom-reaper',
  'unknown',
];

export function analyse(trace: Trace, options: ExplainOptions = {}): Analysis {
  const kernel = kernelFacts(options.kernel ?? trace.meta.kernel, options.preempt ?? trace.meta.preempt);
  const threads = threadsOf(trace);
  const attempts = attemptsOf(trace, threads);
  const { outcome, lostRace } = outcomesOf(trace, threads, attempts);
  const episodes = episodesOf(trace, threads, attempts, outcome);
  const invalidations = invalidationsOf(trace, threads);
  const agents = agentsOf(trace, threads, attempts, invalidations);
  const waits = waitsOf(trace, threads);
  const joins = joinWaits(trace, threads, waits, attempts, invalidations);
  const mmuLocks = guessMmuLocks(trace, waits, joins);
  const lockOfThread = mmuLockOfThreads(waits, mmuLocks, threads.count);
  const yields = yieldsOf(trace, threads, invalidations, waits, lockOfThread);
  const mapping = learnMapping(invalidations, attempts, outcome);
  const bits = agents.guesses.map((guess) => 1 << AGENTS.indexOf(guess.agent));
  const causes = causesOf({
    trace,
    attempts,
    outcome,
    lostRace,
    attemptWaitNs: joins.attemptWaitNs,
    invalidations,
    mapping,
    agentBit: (row) => bits[agents.ofInvalidation[row]],
  });
  return {
    trace,
    kernel,
    threads,
    attempts,
    outcome,
    episodes,
    invalidations,
    agents,
    waits,
    joins,
    mmuLocks,
    lockOfThread,
    yields,
    mapping,
    causes,
  };
}

/** Agents whose bits are set. */
export function agentsOfBits(bits: number): Agent[] {
  return AGENTS.filter((_, index) => bits & (1 << index));
}
