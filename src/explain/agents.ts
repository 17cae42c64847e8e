/**
 * Who made each invalidation: named from the thread's comm, from what a vCPU thread was doing, and from events of the
 * same thread close by. A name is a judgement, so each carries how sure it is and why.
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
  const guesses = new Guesses();
  const ofInvalidation = new Uint8Array(invalidations.count);
  const near = neighboursOf(trace, threads, invalidations);
  const inFault = attemptsAround(threads, attempts, invalidations);
  const groups = groupBy(invalidations.thread, invalidations.count, threads.count);
  for (let thread = 0; thread < threads.count; thread++) {
    const rows = groups.rows.subarray(groups.offsets[thread], groups.offsets[thread + 1]);
    if (rows.length === 0) continue;
    const context: Context = { trace, invalidations, near, inFault, rows, comm: threads.comm[thread] };
    const named = KERNEL_THREADS.find(([pattern]) => pattern.test(context.comm));
    const sameSize = named || isVcpu[thread] ? 0 : commonestSize(invalidations, rows);
    const bursts = named ? undefined : burstsOf(invalidations, rows);
    rows.forEach((row, at) => {
      const burst = bursts?.[at] ?? { ranges: 1, pages: 0 };
      let guess: AgentGuess;
      if (named)
        guess = { agent: named[1], confidence: named[2], why: `made by the kernel thread ${context.comm}` };
      else guess = isVcpu[thread] ? ofVcpu(context, row, burst) : ofProcess(context, row, burst, sameSize);
      ofInvalidation[row] = guesses.add(guess);
    });
  }
  return { ofInvalidation, guesses: guesses.list, isVcpu };
}

interface Context {
  readonly trace: Trace;
  readonly invalidations: Invalidations;
  readonly near: Neighbours;
  readonly inFault: Uint32Array;
  readonly rows: Uint32Array;
  readonly comm: string;
}

/** A run of invalidations of one thread with nothing else between, ranges ascending. */
interface Burst {
  ranges: number;
  pages: number;
}

class Guesses {
  readonly list: AgentGuess[] = [];
  readonly #ids = new Map<string, number>();

  add(guess: AgentGuess): number {
    const key = `${guess.agent}/${guess.confidence}/${guess.why}`;
    let id = this.#ids.get(key);
    if (id === undefined) {
      // 256 distinct reasons never arise from a dozen rules and a few thread names; if they did, share the last.
      if (this.list.length === 256) return 255;
      id = this.list.length;
      this.#ids.set(key, id);
      this.list.push(guess);
    }
    return id;
  }
}

/** A thread runs a vCPU if it enters a guest or takes its faults. */
function vcpuThreads(trace: Trace, threads: Threads, attempts: Attempts): Uint8Array {
  const isVcpu = new Uint8Array(threads.count);
  for (let row = 0; row < attempts.count; row++) isVcpu[attempts.thread[row]] = 1;
  for (const name of ['kvm:kvm_entry', 'kvm:kvm_exit']) {
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

/** For each row, the burst that it belongs to. */
function burstsOf(invalidations: Invalidations, rows: Uint32Array): Burst[] {
  const bursts: Burst[] = [];
  rows.forEach((row, at) => {
    const before = rows[at - 1];
    const follows =
      at > 0 &&
      invalidations.endEvent[before] === invalidations.startEvent[row] &&
      invalidations.pageStart[row] >= invalidations.pageEnd[before];
    const burst = follows ? bursts[at - 1] : { ranges: 0, pages: 0 };
    burst.ranges++;
    burst.pages += invalidations.pageEnd[row] - invalidations.pageStart[row];
    bursts.push(burst);
  });
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

function ofVcpu(context: Context, row: number, burst: Burst): AgentGuess {
  const { invalidations, near, inFault } = context;
  const pages = invalidations.pageEnd[row] - invalidations.pageStart[row];
  const neighbour = near.guess(row);
  if (neighbour) return neighbour;
  if (burst.ranges >= 3 || pages > HUGE_PAGES || burst.pages > 2 * HUGE_PAGES) {
    const why =
      'a vCPU thread worked through large ranges before it entered its guest: task_numa_work does that';
    return { agent: 'numa-balancing', confidence: burst.ranges >= 3 ? 'high' : 'medium', why };
  }
  if (inFault[row] !== NONE && (pages === 1 || pages === HUGE_PAGES)) {
    const why = 'a vCPU thread replaced one page inside its own fault: a write to a shared page copies it';
    return { agent: 'copy-on-write', confidence: pages === 1 ? 'medium' : 'low', why };
  }
  if (pages > 1 && inFault[row] !== NONE) {
    const why = 'a vCPU thread changed a range before it entered its guest, as task_numa_work does';
    return { agent: 'numa-balancing', confidence: 'low', why };
  }
  return {
    agent: 'unknown',
    confidence: 'low',
    why: 'a vCPU thread outside a fault; its system calls were not recorded',
  };
}

function ofProcess(context: Context, row: number, burst: Burst, sameSize: number): AgentGuess {
  const { invalidations, near, comm } = context;
  const pages = invalidations.pageEnd[row] - invalidations.pageStart[row];
  const neighbour = near.guess(row);
  if (neighbour) return neighbour;
  if (/balloon/i.test(comm))
    return { agent: 'balloon', confidence: 'high', why: `made by the thread ${comm}` };
  if (sameSize > 0 && pages === sameSize) {
    if (/^qemu/i.test(comm) && (pages === 1 || pages % HUGE_PAGES === 0)) {
      const why = `${comm} gave back ranges of ${pages} pages again and again, as a balloon or free page reporting does`;
      return { agent: 'balloon', confidence: 'medium', why };
    }
    const why = `the thread ${comm} invalidated ranges of ${pages} pages again and again: madvise or the like`;
    return { agent: 'madvise', confidence: 'medium', why };
  }
  if (burst.ranges >= 3 && burst.pages > 2 * HUGE_PAGES) {
    const why =
      'a thread worked through ascending ranges without a pause: task_numa_work does that, and so does exit';
    return { agent: 'numa-balancing', confidence: 'low', why };
  }
  const why = 'a thread of a process; its system calls were not recorded';
  return { agent: 'unknown', confidence: 'low', why };
}
