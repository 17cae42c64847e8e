/** What a kind of storm is made from. Each has a file of its own; kinds/index.ts has them all. */
import type { StormSettings } from '../../../model/host/settings.js';
import type { Pace } from '../pace.js';
import { HUGE_PAGE, PAGE } from '../pages.js';
import type { Walk } from '../walk.js';
import type { KindName, KnobsOf, SpecOf, StormContext } from '../types.js';

/** What a step is a multiple of, bytes: a page of the host. */
export function unitOf({ backing }: StormContext['memory']): number {
  return backing === 'hugetlb' ? HUGE_PAGE : PAGE;
}

/** What a thread is started with: plain data. */
export interface ThreadTask<K extends KindName = KindName> {
  readonly storm: SpecOf<K>;
  /**
   * Its share of the storm's range: pages of this process's memory, and which of them each operation is
   * about.
   */
  readonly steps: StormSettings;
  /** Its number among the threads of the storm, from 0. */
  readonly copy: number;
  readonly memory: StormContext['memory'];
  readonly vm: StormContext['vm'];
  /** This process. */
  readonly pid: number;
}

/** Memory of this process, whole pages. */
export interface MemoryRange {
  readonly address: number;
  readonly bytes: number;
}

/** What a thread does again and again. */
export interface Operations {
  /**
   * One operation.
   *
   * @returns 0, or the errno with which the kernel refused it
   */
  run(): number;
  /** What follows an operation that worked and is no part of it. */
  after?(): void;
  /** Puts back what is not as it was. */
  end?(): void;
}

/** Operations that are one system call each: machine code makes them, and no JavaScript is in between. */
export interface SystemCalls {
  readonly number: number;
  /** First two arguments. */
  readonly walk: Walk;
  /** The third argument, below 2^53, of the call that the walk has come to. */
  argument(walk: Walk): number;
  /** Puts back what is not as it was. */
  end?(): void;
}

/** Threads of the kernel that do the work, and are switched here. */
export interface Agent {
  on(): void;
  off(): void;
  /** Since the storm was made. */
  counts(): { readonly operations: number; readonly effects: Readonly<Record<string, number>> };
  /** Puts back what is not as it was. */
  end(): void;
}

/**
 * Members are methods, so that a kind is one of `Kind<KindName>` too. A kind that threads of ours work at
 * has `operations` or `calls`, one that the kernel works at `agent`.
 */
export interface Kind<K extends KindName> {
  /** What this host cannot do at all: one phrase that names what is missing. */
  unsupported?(knobs: KnobsOf<K>): string | undefined;
  /** Fields that are not honoured here: `field: why`, one phrase each. */
  deviations?(knobs: KnobsOf<K>): string[];
  /** What the storm is here, where it is not obvious: a sentence. */
  says?(storm: SpecOf<K>, memory: StormContext['memory']): string | undefined;
  /** What does not fit: a message for an InputError. */
  misfit?(storm: SpecOf<K>, context: StormContext): string | undefined;
  /** What it counts beside operations, in the order of ThreadCounts.effects. */
  readonly effects?: readonly string[];
  /** In the main thread, before there are threads. @returns what undoes it when there are none any more */
  setUp?(storm: SpecOf<K>, context: StormContext, range: MemoryRange): () => void;
  /** In the storm's thread. @param effects its counters, which it adds to */
  operations?(task: ThreadTask<K>, effects: Float64Array, pace: Pace): Operations;
  /** The same, for kinds that are one system call. */
  calls?(task: ThreadTask<K>): SystemCalls;
  /** In the main thread. @returns undefined: this storm of the kind has threads of ours */
  agent?(storm: SpecOf<K>, context: StormContext, range: MemoryRange): Agent | undefined;
}
