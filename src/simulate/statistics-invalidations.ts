/**
 * Invalidations: how long they took, and how long they held mmu_lock.
 *
 * A thread may begin one inside another (madvise splits a huge page inside its own range), so each has a
 * small stack.
 */
import { Histogram } from './histogram.js';
import type { AgentInvalidations, InvalidationResult } from './result.js';

/** Most invalidations of one thread inside one another; the kernel nests two. */
const DEPTH = 4;

/** What is known of an invalidation under way. */
const Flag = { Hit: 1, Ended: 2 } as const;

interface AgentFigures {
  count: number;
  hits: number;
  pages: number;
  readonly start: Histogram;
  readonly startToEnd: Histogram;
  readonly underLock: Histogram;
}

const newFigures = (): AgentFigures => ({
  count: 0,
  hits: 0,
  pages: 0,
  start: new Histogram(),
  startToEnd: new Histogram(),
  underLock: new Histogram(),
});

export class InvalidationStatistics {
  readonly #figures: readonly AgentFigures[];

  // By thread.
  readonly #depth: Uint8Array;
  // By thread, then depth.
  readonly #since: Float64Array;
  readonly #held: Float64Array;
  readonly #agent: Uint8Array;
  readonly #flags: Uint8Array;

  constructor(
    threads: number,
    private readonly users: readonly string[],
  ) {
    this.#figures = users.map(newFigures);
    this.#depth = new Uint8Array(threads);
    this.#since = new Float64Array(threads * DEPTH);
    this.#held = new Float64Array(threads * DEPTH);
    this.#agent = new Uint8Array(threads * DEPTH);
    this.#flags = new Uint8Array(threads * DEPTH);
  }

  /** Whether the thread is inside an invalidation of its own. */
  isInside(thread: number): boolean {
    return this.#depth[thread] > 0;
  }

  /** Who the innermost invalidation of the thread is by; only while `isInside`. */
  agentOf(thread: number): number {
    return this.#agent[this.#top(thread)];
  }

  /** invalidate_range_start is called, for a range of `pages`. */
  started(now: number, thread: number, agent: number, pages: number, counted: boolean): void {
    this.#dropEnded(thread, counted);
    if (counted) {
      const figures = this.#figures[agent];
      figures.count++;
      figures.pages += pages;
    }
    if (this.#depth[thread] === DEPTH) throw new Error(`a thread is inside ${DEPTH} invalidations at once`);
    this.#depth[thread]++;
    const place = this.#top(thread);
    this.#since[place] = now;
    this.#held[place] = 0;
    this.#agent[place] = agent;
    this.#flags[place] = 0;
  }

  /** It hit a memslot and is announced. One that no notifier began (APICv and the like) begins here. */
  begun(now: number, thread: number, agent: number, pages: number, counted: boolean): void {
    if (!this.isInside(thread) || (this.#flags[this.#top(thread)] & (Flag.Hit | Flag.Ended)) !== 0) {
      this.started(now, thread, agent, pages, counted);
    }
    const place = this.#top(thread);
    this.#flags[place] |= Flag.Hit;
    if (counted) this.#figures[this.#agent[place]].hits++;
  }

  /** invalidate_range_start returns. */
  returned(now: number, thread: number, counted: boolean): void {
    if (!this.isInside(thread) || !counted) return;
    const place = this.#top(thread);
    this.#figures[this.#agent[place]].start.record(now - this.#since[place]);
  }

  /** invalidate_range_end is called: nothing more will come of an invalidation that hit no memslot. */
  ending(thread: number): void {
    if (this.isInside(thread) && this.#flags[this.#top(thread)] === 0) this.#depth[thread]--;
  }

  /** The sequence has moved; mmu_lock is still held. */
  ended(now: number, thread: number, counted: boolean): void {
    if (!this.isInside(thread)) return;
    const place = this.#top(thread);
    this.#flags[place] |= Flag.Ended;
    if (counted) this.#figures[this.#agent[place]].startToEnd.record(now - this.#since[place]);
  }

  /** The thread held mmu_lock for `ns`. */
  held(thread: number, ns: number, counted: boolean): void {
    if (!this.isInside(thread)) return;
    this.#held[this.#top(thread)] += ns;
    this.#dropEnded(thread, counted);
  }

  /** Forget the innermost if it has ended: its last time under the lock is over. */
  #dropEnded(thread: number, counted: boolean): void {
    if (!this.isInside(thread)) return;
    const place = this.#top(thread);
    if ((this.#flags[place] & Flag.Ended) === 0) return;
    if (counted) this.#figures[this.#agent[place]].underLock.record(this.#held[place]);
    this.#depth[thread]--;
  }

  #top(thread: number): number {
    return thread * DEPTH + this.#depth[thread] - 1;
  }

  result(): InvalidationResult {
    const sum = newFigures();
    for (const figures of this.#figures) {
      sum.count += figures.count;
      sum.hits += figures.hits;
      sum.pages += figures.pages;
      sum.start.add(figures.start);
      sum.startToEnd.add(figures.startToEnd);
      sum.underLock.add(figures.underLock);
    }
    const byAgent = this.#figures.map((figures, index): AgentInvalidations => {
      return { agent: this.users[index], ...summaryOf(figures) };
    });
    let unfinished = 0;
    for (let thread = 0; thread < this.#depth.length; thread++) {
      unfinished += this.#depth[thread];
      if (this.isInside(thread) && this.#flags[this.#top(thread)] & Flag.Ended) unfinished--;
    }
    return {
      ...summaryOf(sum),
      unfinished,
      byAgent: byAgent.filter(({ count }) => count > 0).sort((a, b) => b.pages - a.pages),
    };
  }
}

function summaryOf(figures: AgentFigures): Omit<AgentInvalidations, 'agent'> {
  return {
    count: figures.count,
    hits: figures.hits,
    pages: figures.pages,
    start: figures.start.distribution(),
    startToEnd: figures.startToEnd.distribution(),
    underLock: figures.underLock.distribution(),
  };
}
