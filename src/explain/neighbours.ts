/**
 * Events of the same thread around an invalidation that tell its purpose: a migration, a merge, a system
 * call.
 */
import type { Trace } from '../trace/store/trace.js';
import type { AgentGuess } from './agents.js';
import { firstAfter } from './episodes.js';
import type { Invalidations } from './invalidations.js';
import { NONE, numbersOf } from './tables.js';
import type { Threads } from './threads.js';

export interface Neighbours {
  /** Purpose of the invalidation by what stands next to it; undefined when nothing does. */
  guess(row: number): AgentGuess | undefined;
}

/** Longest time from the start of an invalidation to the event that reports what it was for. */
const NEAR_NS = 20_000_000;
/** enum migrate_reason: MR_NUMA_MISPLACED. */
const NUMA_MISPLACED = 5;

interface Hint {
  readonly pattern: RegExp;
  readonly guess: AgentGuess;
  /** The event follows the invalidation (a report) or precedes it (a system call). */
  readonly follows: boolean;
}

const sure = (agent: AgentGuess['agent'], why: string): AgentGuess => ({ agent, confidence: 'high', why });

const HINTS: readonly Hint[] = [
  {
    pattern: /^mm_migrate_pages$/,
    guess: sure('migration', 'the same thread then reported mm_migrate_pages'),
    follows: true,
  },
  { pattern: /^ksm_merge_/, guess: sure('ksm', 'the same thread then reported a KSM merge'), follows: true },
  {
    pattern: /^mm_(collapse_huge_page|khugepaged_collapse)/,
    guess: sure('khugepaged', 'the same thread then reported a collapsed huge page'),
    follows: true,
  },
  { pattern: /^sched_process_fork$/, guess: sure('fork', 'the same thread then forked'), follows: true },
  { pattern: /^sched_process_exit$/, guess: sure('unmap', 'the same thread was exiting'), follows: false },
  {
    pattern: /^sys_enter_(p?madvise|process_madvise)$/,
    guess: sure('madvise', 'inside madvise()'),
    follows: false,
  },
  {
    pattern: /^sys_enter_(munmap|mremap|mmap|exit_group)$/,
    guess: sure('unmap', 'inside munmap() or the like'),
    follows: false,
  },
  { pattern: /^sys_enter_(clone3?|v?fork)$/, guess: sure('fork', 'inside fork()'), follows: false },
  {
    pattern: /^sys_enter_(migrate_pages|move_pages|mbind)$/,
    guess: sure('migration', 'inside move_pages() or the like'),
    follows: false,
  },
];

const NUMA_FAULT = sure(
  'numa-balancing',
  'the same thread then reported mm_migrate_pages with reason numa_misplaced: a NUMA hinting fault ' +
    'moved the page',
);

export function neighboursOf(trace: Trace, threads: Threads, invalidations: Invalidations): Neighbours {
  const hints = HINTS.flatMap((hint) =>
    trace.kinds
      .filter((kind) => kind.length > 0 && hint.pattern.test(kind.name))
      .map((kind) => ({ ...hint, byThread: eventsByThread(trace, threads, kind.events), kind })),
  );
  const reasons = numbersOf(trace.named('mm_migrate_pages')?.column('reason'));
  const guess = (row: number): AgentGuess | undefined => {
    const thread = invalidations.thread[row];
    const start = invalidations.startEvent[row];
    for (const hint of hints) {
      const events = hint.byThread.get(thread);
      if (!events) continue;
      const at = firstAfter(events, start);
      if (hint.follows) {
        if (at === events.length || !reports(trace, invalidations, row, events[at])) continue;
        const isNuma =
          hint.kind.name === 'mm_migrate_pages' && reasons?.[trace.row[events[at]]] === NUMA_MISPLACED;
        return isNuma ? NUMA_FAULT : hint.guess;
      }
      // A system call counts while no other began; its own exit follows the invalidation.
      if (at > 0 && trace.time[start] - trace.time[events[at - 1]] <= NEAR_NS) return hint.guess;
    }
    return undefined;
  };
  return { guess };
}

/** The report is the event that ended the invalidation, or follows it closely. */
function reports(trace: Trace, invalidations: Invalidations, row: number, event: number): boolean {
  if (event === invalidations.endEvent[row]) return true;
  const end = invalidations.endEvent[row];
  if (end === NONE || trace.time[event] - trace.time[invalidations.startEvent[row]] > NEAR_NS) return false;
  // The thread did something else in between that says what it was doing: entering the guest, or another
  // range.
  return trace.kind[end] === trace.kind[event] || event < end;
}

function eventsByThread(trace: Trace, threads: Threads, events: Uint32Array): Map<number, Uint32Array> {
  const lists = new Map<number, number[]>();
  for (const event of events) {
    const thread = threads.ofTask[trace.task[event]];
    const list = lists.get(thread);
    if (list) list.push(event);
    else lists.set(thread, [event]);
  }
  return new Map([...lists].map(([thread, list]) => [thread, Uint32Array.from(list)]));
}
