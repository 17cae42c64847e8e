/**
 * Invalidation and aging figures of an explanation.
 */
import { Outcome } from './episodes.js';
import { AGENTS, type Analysis } from './analysis.js';
import { distributionOf } from './distribution.js';
import { kindsMatching, largest, NONE } from './tables.js';
import type { Confidence } from './types-finding.js';
import type { AgentSummary, AgingSummary, InvalidationRow, InvalidationsSummary } from './types.js';

/**
 * Ranges above 2^32 pages (16 TiB) stand for "everything": soft-dirty clearing, exit. They would drown the
 * sums.
 */
const UNBOUNDED_PAGES = 2 ** 32;

/** From start to the last sign of life, ns. */
function underWayNs({ invalidations, trace }: Analysis, row: number): number {
  return trace.time[invalidations.lastEvent[row]] - trace.time[invalidations.startEvent[row]];
}

/** From start to the first event that rules it out, ns. */
export function underWayAtMostNs({ invalidations, trace }: Analysis, row: number): number {
  const end = invalidations.endEvent[row];
  const late = invalidations.exactEnd[row] || end === NONE ? invalidations.lastEvent[row] : end;
  return trace.time[late] - trace.time[invalidations.startEvent[row]];
}

/** Flushes of guest translations: recorded ones, else one per yield after a zap and one at the end. */
function guestFlushesOf({ invalidations, yields }: Analysis, row: number): number {
  if (invalidations.guestFlushSource !== 'none') return invalidations.guestFlushes[row];
  return invalidations.leaves[row] === 0 ? 0 : yields.count[row] + 1;
}

function pagesOfRange({ invalidations }: Analysis, row: number): number {
  return invalidations.pageEnd[row] - invalidations.pageStart[row];
}

export function summariseInvalidations(analysis: Analysis, top: number): InvalidationsSummary {
  const { invalidations, yields, causes } = analysis;
  const { count } = invalidations;
  const atLeast = new Float64Array(count);
  const atMost = new Float64Array(count);
  // Half a nanosecond keeps invalidations of no length in the list.
  const weights = new Float64Array(count);
  const sums = {
    pages: 0,
    unbounded: 0,
    leaves: 0,
    withLeaves: 0,
    hostFlushes: 0,
    guestFlushes: 0,
    yields: yields.outside,
  };
  let inferred = 0;
  for (let row = 0; row < count; row++) {
    atLeast[row] = underWayNs(analysis, row);
    atMost[row] = underWayAtMostNs(analysis, row);
    weights[row] = atMost[row] + 0.5;
    const pages = pagesOfRange(analysis, row);
    if (pages < UNBOUNDED_PAGES) sums.pages += pages;
    else sums.unbounded++;
    sums.leaves += invalidations.leaves[row];
    if (invalidations.leaves[row] > 0) sums.withLeaves++;
    sums.hostFlushes += invalidations.hostFlushes[row];
    sums.guestFlushes += guestFlushesOf(analysis, row);
    sums.yields += yields.count[row];
    inferred += 1 - invalidations.exactEnd[row];
  }
  const seesLeaves = analysis.trace.named('kvm_tdp_mmu_spte_changed') !== undefined;
  const recorded = invalidations.guestFlushSource;
  return {
    count,
    ...sums,
    guestFlushSource: recorded === 'none' && seesLeaves && count > 0 ? 'inferred' : recorded,
    yieldSource: yields.source,
    handovers: handovers(analysis),
    endsInferred: inferred > 0,
    top: largest(weights, count, top).map((row) => invalidationRow(analysis, row)),
    byAgent: byAgent(analysis, atLeast, atMost),
    underWay: distributionOf(atLeast),
    underWayAtMost: distributionOf(atMost),
    mostAtOnce: causes.mostAtOnce,
  };
}

/** What the waiters that got mmu_lock in a yield did with it. */
function handovers({ attempts, joins, outcome, waits, yields }: Analysis): InvalidationsSummary['handovers'] {
  const counts = { useful: 0, useless: 0, other: 0 };
  for (let wait = 0; wait < waits.count; wait++) {
    if (yields.handoverOf[wait] === NONE) continue;
    const attempt = joins.attemptOfWait[wait];
    if (attempt === NONE || attempt >= attempts.count) counts.other++;
    else if (outcome[attempt] === Outcome.mapped) counts.useful++;
    else counts.useless++;
  }
  return counts;
}

interface Sums {
  count: number;
  pages: number;
  leaves: number;
  flushes: number;
  yields: number;
  underWayNs: number;
  underWayAtMostNs: number;
  longestNs: number;
}

/** Sums per guess (agent, confidence, reason) first, then per agent: there are only a few guesses. */
function byAgent(analysis: Analysis, atLeast: Float64Array, atMost: Float64Array): AgentSummary[] {
  const { agents, invalidations, yields } = analysis;
  const perGuess: Sums[] = agents.guesses.map(noSums);
  for (let row = 0; row < invalidations.count; row++) {
    const sums = perGuess[agents.ofInvalidation[row]];
    const pages = pagesOfRange(analysis, row);
    sums.count++;
    if (pages < UNBOUNDED_PAGES) sums.pages += pages;
    sums.leaves += invalidations.leaves[row];
    sums.flushes += guestFlushesOf(analysis, row);
    sums.yields += yields.count[row];
    sums.underWayNs += atLeast[row];
    sums.underWayAtMostNs += atMost[row];
    if (atLeast[row] > sums.longestNs) sums.longestNs = atLeast[row];
  }
  const tasks = tasksByAgent(analysis);
  const list = AGENTS.flatMap((agent, code) => {
    const guesses = agents.guesses.flatMap((guess, at) =>
      guess.agent === agent ? [{ ...guess, sums: perGuess[at] }] : [],
    );
    if (guesses.length === 0) return [];
    guesses.sort((a, b) => b.sums.count - a.sums.count);
    const confidence: Record<Confidence, number> = { high: 0, medium: 0, low: 0 };
    for (const guess of guesses) confidence[guess.confidence] += guess.sums.count;
    const sums = guesses.reduce((total, guess) => add(total, guess.sums), noSums());
    return [{ agent, confidence, why: guesses[0].why, tasks: tasks[code].slice(0, 20), ...sums }];
  });
  return list.sort((a, b) => b.count - a.count);
}

function noSums(): Sums {
  return {
    count: 0,
    pages: 0,
    leaves: 0,
    flushes: 0,
    yields: 0,
    underWayNs: 0,
    underWayAtMostNs: 0,
    longestNs: 0,
  };
}

function add(a: Sums, b: Sums): Sums {
  return {
    count: a.count + b.count,
    pages: a.pages + b.pages,
    leaves: a.leaves + b.leaves,
    flushes: a.flushes + b.flushes,
    yields: a.yields + b.yields,
    underWayNs: a.underWayNs + b.underWayNs,
    underWayAtMostNs: a.underWayAtMostNs + b.underWayAtMostNs,
    longestNs: Math.max(a.longestNs, b.longestNs),
  };
}

/** Threads of each agent, by invalidations. */
function tasksByAgent({
  agents,
  invalidations,
  threads,
}: Analysis): { tid: number; comm: string; count: number }[][] {
  const codes = agents.guesses.map(({ agent }) => AGENTS.indexOf(agent));
  const counts = AGENTS.map(() => new Uint32Array(threads.count));
  for (let row = 0; row < invalidations.count; row++) {
    counts[codes[agents.ofInvalidation[row]]][invalidations.thread[row]]++;
  }
  return counts.map((perThread) =>
    largest(perThread, perThread.length, perThread.length).map((thread) => {
      return { tid: threads.tid[thread], comm: threads.comm[thread], count: perThread[thread] };
    }),
  );
}

export function invalidationRow(analysis: Analysis, row: number): InvalidationRow {
  const { agents, causes, invalidations, joins, threads, trace, yields } = analysis;
  const start = trace.time[invalidations.startEvent[row]];
  const thread = invalidations.thread[row];
  const hex = (page: number) => (BigInt(page) * 4096n).toString(16);
  return {
    start,
    endAtLeast: start + underWayNs(analysis, row),
    endAtMost: start + underWayAtMostNs(analysis, row),
    inferredEnd: invalidations.exactEnd[row] === 0,
    tid: threads.tid[thread],
    comm: threads.comm[thread],
    ...agents.guesses[agents.ofInvalidation[row]],
    hva: [hex(invalidations.pageStart[row]), hex(invalidations.pageEnd[row])],
    ...(causes.gfnStart[row] < 0 ? {} : { gfn: [causes.gfnStart[row], causes.gfnEnd[row]] as const }),
    pages: pagesOfRange(analysis, row),
    leaves: invalidations.leaves[row],
    hostFlushes: invalidations.hostFlushes[row],
    guestFlushes: guestFlushesOf(analysis, row),
    yields: yields.count[row],
    heldAtLeastNs: yields.heldNs[row],
    retries: causes.retries[row],
    lockWaitNs: joins.invalidationWaitNs[row],
    events: [invalidations.startEvent[row], invalidations.lastEvent[row]],
  };
}

export function summariseAging({ threads, trace }: Analysis): AgingSummary {
  const tasks = new Map<number, number>();
  let count = 0;
  for (const kind of kindsMatching(trace, /^kvm_(age_hva|test_age_hva|age_page)$/)) {
    count += kind.length;
    for (const event of kind.events) {
      const thread = threads.ofTask[trace.task[event]];
      tasks.set(thread, (tasks.get(thread) ?? 0) + 1);
    }
  }
  const seconds = trace.length > 1 ? (trace.time[trace.length - 1] - trace.time[0]) / 1e9 : 0;
  const list = [...tasks].map(([thread, n]) => ({
    tid: threads.tid[thread],
    comm: threads.comm[thread],
    count: n,
  }));
  list.sort((a, b) => b.count - a.count);
  return {
    count,
    tasks: list.slice(0, 20),
    perSecond: seconds > 0 ? Math.round((count / seconds) * 10) / 10 : 0,
  };
}
