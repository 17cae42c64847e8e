/**
 * Lock figures of an explanation.
 */
import type { Analysis } from './analysis.js';
import { contentionOf, type Contention } from './contention.js';
import { percentile } from './distribution.js';
import { groupBy, largest } from './tables.js';
import type { LockPairing, LockSummary, LockTask, WaitKind, WaitStatistics } from './types-lock.js';
import { LockFlag, WaitState } from './waits.js';

/** Kind of a wait from its LCB_F_* flags. */
export function waitKindOf(flags: number): WaitKind {
  const way = flags & LockFlag.read ? 'read' : flags & LockFlag.write ? 'write' : undefined;
  if (flags & LockFlag.mutex) return 'mutex';
  if (flags & LockFlag.percpu) return way === 'write' ? 'percpu-write' : 'percpu-read';
  if (flags & LockFlag.rt) return way ? `rt-${way}` : 'rt';
  if (flags & LockFlag.spin) return way ? `spin-${way}` : 'spin';
  return way ? `rwsem-${way}` : 'other';
}

/**
 * Rounds a time stamp to the microsecond as the kernel's text forms do, so that figures from any form of a
 * trace agree. Clocks that do not count nanoseconds are printed unrounded.
 */
function roundedStamp({ trace }: Analysis): (event: number) => number {
  const { time } = trace;
  if (trace.meta.timeUnit === 'ticks') return (event) => time[event];
  const offset = Number(trace.origin % 1000n);
  return (event) => Math.floor((time[event] + offset + 500) / 1000) * 1000;
}

export function summariseLocks(analysis: Analysis, top: number, topLocks: number): LockSummary[] {
  const { waits } = analysis;
  const { addresses, firstMatched } = waits.locks;
  const groups = groupBy(waits.lock, waits.count, addresses.length);
  const matched = new Uint32Array(addresses.length);
  for (let wait = 0; wait < waits.count; wait++)
    if (waits.state[wait] === WaitState.matched) matched[waits.lock[wait]]++;
  const order = addresses.map((_, lock) => lock);
  order.sort((a, b) => matched[b] - matched[a] || firstMatched[a] - firstMatched[b] || a - b);
  const stamp = roundedStamp(analysis);
  const crowd = contentionOf(analysis.trace, waits);
  return order.slice(0, topLocks).map((lock) => {
    const rows = groups.rows.subarray(groups.offsets[lock], groups.offsets[lock + 1]);
    return { ...summariseLock(analysis, lock, rows, stamp, top), ...crowd[lock] };
  });
}

type Stamp = (event: number) => number;

function summariseLock(
  analysis: Analysis,
  lock: number,
  all: Uint32Array,
  stamp: Stamp,
  top: number,
): Omit<LockSummary, keyof Contention> {
  const { mmuLocks, waits } = analysis;
  const table = waits.locks;
  const rows = all.filter((wait) => waits.state[wait] === WaitState.matched);
  const kinds = new Map<WaitKind, number[]>();
  for (const wait of rows) {
    const kind = waitKindOf(waits.flags[wait]);
    const list = kinds.get(kind);
    if (list) list.push(wait);
    else kinds.set(kind, [wait]);
  }
  const byKind = [...kinds].map(([kind, list]) => {
    return { kind, ...statisticsOf(analysis, Uint32Array.from(list), stamp) };
  });
  byKind.sort((a, b) => b.waits - a.waits || b.exactTotalNs - a.exactTotalNs);
  const tasks = tasksOf(analysis, rows, stamp);
  const inState = (state: number) =>
    all.reduce((sum, wait) => sum + (waits.state[wait] === state ? 1 : 0), 0);
  return {
    address: table.addresses[lock].toString(16),
    ...statisticsOf(analysis, rows, stamp),
    byKind,
    byTask: tasks.slice(0, top),
    tasks: tasks.length,
    openAtEnd: inState(WaitState.open),
    unmatchedBegins: inState(WaitState.unmatched),
    unmatchedEnds: table.unmatchedEnds[lock],
    mmuLock: mmuLocks[lock],
    events: [table.firstEvent[lock], table.lastEvent[lock]],
    ...longestOf(analysis, rows),
  };
}

function statisticsOf({ trace, waits }: Analysis, rows: Uint32Array, stamp: Stamp): WaitStatistics {
  const exact = new Float64Array(rows.length);
  const sums = { totalNs: 0, maxNs: 0, exactTotalNs: 0, exactMaxNs: 0 };
  rows.forEach((wait, at) => {
    const [begin, end] = [waits.beginEvent[wait], waits.endEvent[wait]];
    const rounded = stamp(end) - stamp(begin);
    exact[at] = trace.time[end] - trace.time[begin];
    sums.totalNs += rounded;
    sums.maxNs = Math.max(sums.maxNs, rounded);
    sums.exactTotalNs += exact[at];
    sums.exactMaxNs = Math.max(sums.exactMaxNs, exact[at]);
  });
  return {
    waits: rows.length,
    ...sums,
    p50Ns: percentile(exact, 0.5),
    p99Ns: percentile(exact, 0.99),
  };
}

/** Per task, longest total first. */
function tasksOf({ threads, waits }: Analysis, rows: Uint32Array, stamp: Stamp): LockTask[] {
  const tasks = new Map<number, { waits: number; totalNs: number; maxNs: number }>();
  for (const wait of rows) {
    const duration = stamp(waits.endEvent[wait]) - stamp(waits.beginEvent[wait]);
    const task = tasks.get(waits.thread[wait]) ?? { waits: 0, totalNs: 0, maxNs: 0 };
    tasks.set(waits.thread[wait], task);
    task.waits++;
    task.totalNs += duration;
    task.maxNs = Math.max(task.maxNs, duration);
  }
  const list = [...tasks].map(([thread, sums]) => ({
    tid: threads.tid[thread],
    comm: threads.comm[thread],
    ...sums,
  }));
  return list.sort((a, b) => b.totalNs - a.totalNs);
}

function longestOf(
  { trace, waits }: Analysis,
  rows: Uint32Array,
): { longestWait?: readonly [number, number] } {
  const durations = Float64Array.from(
    rows,
    (wait) => trace.time[waits.endEvent[wait]] - trace.time[waits.beginEvent[wait]],
  );
  const [at] = durations.length === 0 ? [] : (largest(durations, durations.length, 1).concat(0) as [number]);
  return at === undefined ? {} : { longestWait: [waits.beginEvent[rows[at]], waits.endEvent[rows[at]]] };
}

export function summarisePairing({ waits }: Analysis): LockPairing {
  const counts = new Uint32Array(3);
  for (let wait = 0; wait < waits.count; wait++) counts[waits.state[wait]]++;
  return {
    locks: waits.locks.addresses.length,
    waits: counts[WaitState.matched],
    unmatchedBegins: counts[WaitState.unmatched],
    unmatchedEnds: waits.locks.unmatchedEnds.reduce((sum, count) => sum + count, 0),
    openAtEnd: counts[WaitState.open],
    mutexRestarts: waits.mutexRestarts,
  };
}
