/**
 * Who made each invalidation: named from the thread's comm, from what a vCPU thread was doing, and from
 * events of the same thread close by. A name is a judgement, so each carries how sure it is and why.
 */
import type { Trace } from '../trace/store/trace.js';
import type { Attempts } from './attempts.js';
import type { Invalidations } from './invalidations.js';
import { neighboursOf, type Neighbours } from './neighbours.js';
import { groupBy, NONE } from './tables.js';
import type { Threads } from './threads.js';
import type { Confidence } from './types-finding.js';
import type { Agent } from './types.js';

export interface AgentGuess {
  readonly agent: Agent;
  readonly confidence: Confidence;
  readonly why: string;
}

export interface Agents {
  /** Index into `guesses`, per invalidation. */
  readonly ofInvalidation: Uint8Array;
  /** Distinct guesses; few, as they share their reasons. */
  readonly guesses: readonly AgentGuess[];
  /** vCPU threads. */
  readonly isVcpu: Uint8Array;
}

/** 4 KiB pages of a transparent huge page; NUMA scans move in steps of at least that. */
const HUGE_PAGES = 512;
/** Ranges of one size, from one thread, that make "it calls madvise in a loop" the best guess. */
const SAME_SIZE_RANGES = 8;

const KERNEL_THREADS: readonly (readonly [RegExp, Agent, Confidence])[] = [
  [/^ksmd/, 'ksm', 'high'],
  [/^khugepaged/, 'khugepaged', 'high'],
  [/^kswapd/, 'reclaim', 'high'],
  [/^(kcompactd|kmigrated)/, 'migration', 'high'],
  [/^kdamond/, 'damon', 'high'],
  [/^oom_reaper/, 'oom-reaper', 'high'],
];

export function agentsOf(
  trace: Trace,
  threads: Threads,
  attempts: Attempts,
  invalidations: Invalidations,
): Agents {
  const isVcpu = vcpuThreads(trace, threads, attempts);
  const guesses: AgentGuess[] = [];
  const ofInvalidation = new Uint8Array(invalidations.count);
  const near = neighboursOf(trace, threads, invalidations);
  const inFault = attemptsAround(threads, attempts, invalidations);
  const groups = groupBy(invalidations.thread, invalidations.count, threads.count);
  for (let thread = 0; thread < threads.count; thread++) {
    const rows = groups.rows.subarray(groups.offsets[thread], groups.offsets[thread + 1]);
    if (rows.length === 0) continue;
    const context: Context = { invalidations, near, inFault, comm: threads.comm[thread] };
    const rule = ruleFor(context, isVcpu[thread] === 1, rows);
    const bursts = burstsOf(invalidations, rows);
    // Guesses of one thread by their name: the same words make one guess.
    const ids = new Map<string, number>();
    rows.forEach((row, at) => {
      const guess = rule(row, bursts[at]);
      const known = ids.get(guess.why);
      const id = known ?? addGuess(guesses, guess);
      if (known === undefined) ids.set(guess.why, id);
      ofInvalidation[row] = id;
    });
  }
  return { ofInvalidation, guesses, isVcpu };
}

/**
 * The number of a guess; a dozen rules and a few thread names never make 256, but if they did the last is
 * shared.
 */
function addGuess(guesses: AgentGuess[], guess: AgentGuess): number {
  const same = (other: AgentGuess) => other.why === guess.why && other.agent === guess.agent;
  const known = guesses.findIndex((other) => same(other) && other.confidence === guess.confidence);
  if (known >= 0) return known;
  return guesses.length < 256 ? guesses.push(guess) - 1 : 255;
}

type Rule = (row: number, burst: Burst | undefined) => AgentGuess;

function ruleFor(context: Context, isVcpu: boolean, rows: Uint32Array): Rule {
  const { comm, invalidations, near } = context;
  const named = KERNEL_THREADS.find(([pattern]) => pattern.test(comm));
  if (named) {
    const guess: AgentGuess = {
      agent: named[1],
      confidence: named[2],
      why: `made by the kernel thread ${comm}`,
    };
    return () => guess;
  }
  if (isVcpu) return (row, burst) => near.guess(row) ?? ofVcpu(context, row, burst);
  const sameSize = commonestSize(invalidations, rows);
  const process = processGuesses(comm, sameSize);
  return (row, burst) => near.guess(row) ?? ofProcess(context, row, burst, sameSize, process);
}

interface Context {
  readonly invalidations: Invalidations;
  readonly near: Neighbours;
  readonly inFault: Uint32Array;
  readonly comm: string;
}

/** A run of invalidations of one thread with nothing else between, ranges ascending. */
interface Burst {
  ranges: number;
  /** Pages of the largest range. */
  largest: number;
}

/** A thread runs a vCPU if it enters a guest or takes its faults. */
function vcpuThreads(trace: Trace, threads: Threads, attempts: Attempts): Uint8Array {
  const isVcpu = new Uint8Array(threads.count);
  for (let row = 0; row < attempts.count; row++) isVcpu[attempts.thread[row]] = 1;
  for (const name of ['kvm_entry', 'kvm_exit']) {
    for (const event of trace.named(name)?.events ?? []) isVcpu[threads.ofTask[trace.task[event]]] = 1;
  }
  return isVcpu;
}

/** The attempt that each invalidation's own thread was in; NONE outside. */
function attemptsAround(threads: Threads, attempts: Attempts, invalidations: Invalidations): Uint32Array {
  const latest = new Uint32Array(threads.count).fill(NONE);
  const result = new Uint32Array(invalidations.count).fill(NONE);
  let attempt = 0;
  for (let row = 0; row < invalidations.count; row++) {
    const event = invalidations.startEvent[row];
    while (attempt < attempts.count && attempts.startEvent[attempt] < event)
      latest[attempts.thread[attempt]] = attempt++;
    const around = latest[invalidations.thread[row]];
    if (around !== NONE && event < attempts.endEvent[around]) result[row] = around;
  }
  return result;
}

/** For each row, the burst that it belongs to; most rows are a burst of one small range, which they share. */
function burstsOf(invalidations: Invalidations, rows: Uint32Array): (Burst | undefined)[] {
  const { startEvent, endEvent, pageStart, pageEnd } = invalidations;
  const bursts: (Burst | undefined)[] = [];
  let burst: Burst | undefined;
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at];
    const before = rows[at - 1];
    const follows = at > 0 && endEvent[before] === startEvent[row] && pageStart[row] >= pageEnd[before];
    const pages = pageEnd[row] - pageStart[row];
    if (!follows) {
      burst = undefined;
    } else {
      if (!burst) bursts[at - 1] = burst = { ranges: 1, largest: pageEnd[before] - pageStart[before] };
      burst.ranges++;
      burst.largest = Math.max(burst.largest, pages);
    }
    bursts.push(burst);
  }
  return bursts;
}

/** The size in pages of at least half of a thread's ranges, if there are enough of them; else 0. */
function commonestSize(invalidations: Invalidations, rows: Uint32Array): number {
  const sizes = new Map<number, number>();
  for (const row of rows) {
    const pages = invalidations.pageEnd[row] - invalidations.pageStart[row];
    sizes.set(pages, (sizes.get(pages) ?? 0) + 1);
  }
  for (const [pages, count] of sizes) if (count >= SAME_SIZE_RANGES && 2 * count >= rows.length) return pages;
  return 0;
}

const SCAN: AgentGuess = {
  agent: 'numa-balancing',
  confidence: 'high',
  why: 'a vCPU thread worked through large ranges before it entered its guest: task_numa_work does that',
};
const LARGE_RANGE: AgentGuess = {
  agent: 'numa-balancing',
  confidence: 'medium',
  why: 'a vCPU thread changed a range of more than 2 MiB: task_numa_work does that',
};
const SMALL_RANGE: AgentGuess = {
  agent: 'numa-balancing',
  confidence: 'low',
  why: 'a vCPU thread changed a range before it entered its guest, as task_numa_work does',
};
const COPY: AgentGuess = {
  agent: 'copy-on-write',
  confidence: 'medium',
  why: 'a vCPU thread replaced one page inside its own fault: a write to a shared page copies it',
};
const HUGE_COPY: AgentGuess = {
  agent: 'copy-on-write',
  confidence: 'low',
  why: 'a vCPU thread replaced one huge page inside its own fault',
};
const UNKNOWN_VCPU: AgentGuess = {
  agent: 'unknown',
  confidence: 'low',
  why: 'a vCPU thread outside a fault; its system calls were not recorded',
};

/** A scan covers the process: several ranges in ascending order, of which at least one is large. */
function isScan(burst: Burst | undefined): boolean {
  return burst !== undefined && burst.ranges >= 3 && burst.largest >= HUGE_PAGES;
}

function ofVcpu({ invalidations, inFault }: Context, row: number, burst: Burst | undefined): AgentGuess {
  const pages = invalidations.pageEnd[row] - invalidations.pageStart[row];
  if (isScan(burst)) return SCAN;
  if (pages > HUGE_PAGES) return LARGE_RANGE;
  if (inFault[row] === NONE) return UNKNOWN_VCPU;
  if (pages === 1) return COPY;
  return pages === HUGE_PAGES ? HUGE_COPY : SMALL_RANGE;
}

const SCAN_OR_EXIT: AgentGuess = {
  agent: 'numa-balancing',
  confidence: 'low',
  why: 'a thread worked through ascending ranges without a pause: task_numa_work does that, and so does exit',
};
const UNKNOWN_PROCESS: AgentGuess = {
  agent: 'unknown',
  confidence: 'low',
  why: 'a thread of a process; its system calls were not recorded',
};

interface ProcessGuesses {
  readonly always?: AgentGuess;
  readonly sameSize: AgentGuess;
}

function processGuesses(comm: string, sameSize: number): ProcessGuesses {
  const again = `ranges of ${sameSize} page${sameSize === 1 ? '' : 's'} again and again`;
  const isQemu = /^qemu/i.test(comm) && (sameSize === 1 || sameSize % HUGE_PAGES === 0);
  const sameSizeGuess: AgentGuess = isQemu
    ? {
        agent: 'balloon',
        confidence: 'medium',
        why: `${comm} gave back ${again}, as a balloon or page reporting does`,
      }
    : {
        agent: 'madvise',
        confidence: 'medium',
        why: `the thread ${comm} invalidated ${again}: madvise or the like`,
      };
  if (!/balloon/i.test(comm)) return { sameSize: sameSizeGuess };
  return {
    always: { agent: 'balloon', confidence: 'high', why: `made by the thread ${comm}` },
    sameSize: sameSizeGuess,
  };
}

function ofProcess(
  { invalidations }: Context,
  row: number,
  burst: Burst | undefined,
  sameSize: number,
  guesses: ProcessGuesses,
): AgentGuess {
  if (guesses.always) return guesses.always;
  if (sameSize > 0 && invalidations.pageEnd[row] - invalidations.pageStart[row] === sameSize)
    return guesses.sameSize;
  return isScan(burst) ? SCAN_OR_EXIT : UNKNOWN_PROCESS;
}
