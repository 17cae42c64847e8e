/** What a storm has done. */
import { errnoName } from '../ffi/errno.js';
import type { ThreadCounts } from './control.js';
import { Latencies } from './latencies.js';

/** What a storm has done since it was started, or between two moments. */
export interface StormCounts {
  /**
   * Operations that ended, the refused ones too. Of storms that threads of the kernel are: pages that ksmd
   * scanned, page table entries that NUMA balancing changed.
   */
  readonly operations: number;
  /** Operations that the kernel refused. */
  readonly errors: number;
  /** Of those, by name of the error: `EAGAIN`. */
  readonly errorNames: Readonly<Record<string, number>>;
  /** How long each operation took. Empty for storms of the kernel's own threads. */
  readonly latency: Latencies;
  /** How much later than its period says each operation began. Empty without a period. */
  readonly delay: Latencies;
  /** What came of the operations, by kind of storm: `pagesShared`, `dirtyPages`, `pagesMoved`, ... */
  readonly effects: Readonly<Record<string, number>>;
}

/** The sum over the threads of a storm. @param effects names of what they count */
export function countsOf(threads: readonly ThreadCounts[], effects: readonly string[]): StormCounts {
  const sum = (words: (thread: ThreadCounts) => Float64Array, index: number): number =>
    threads.reduce((total, thread) => total + words(thread)[index], 0);
  const errorNames: Record<string, number> = {};
  let errors = 0;
  for (let errno = 1; errno < (threads[0]?.errnos.length ?? 0); errno++) {
    const times = sum(({ errnos }) => errnos, errno);
    if (times === 0) continue;
    errorNames[errnoName(errno)] = times;
    errors += times;
  }
  return {
    operations: sum(({ operations }) => operations, 0),
    errors,
    errorNames,
    latency: Latencies.of(threads.map(({ latency }) => latency)),
    delay: Latencies.of(threads.map(({ delay }) => delay)),
    effects: Object.fromEntries(effects.map((name, index) => [name, sum((each) => each.effects, index)])),
  };
}

/** What was done between two counts of one storm. */
export function stormDifference(later: StormCounts, earlier: StormCounts): StormCounts {
  const less = (
    all: Readonly<Record<string, number>>,
    before: Readonly<Record<string, number>>,
  ): Record<string, number> =>
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value - (before[name] ?? 0)]));
  const errorNames = Object.entries(less(later.errorNames, earlier.errorNames)).filter(
    ([, times]) => times > 0,
  );
  return {
    operations: later.operations - earlier.operations,
    errors: later.errors - earlier.errors,
    errorNames: Object.fromEntries(errorNames),
    latency: later.latency.minus(earlier.latency),
    delay: later.delay.minus(earlier.delay),
    effects: less(later.effects, earlier.effects),
  };
}
