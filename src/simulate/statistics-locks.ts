/**
 * mmu_lock: who waited for it, who held it, and what yields were good for.
 *
 * A yield is useful if someone who was let in meanwhile installed a mapping. Acquisitions are numbered; a
 * thread that has the lock again compares the last number that installed something with the number that was
 * current when it let go. For a yielding writer this is exact, because nobody it let in still holds the
 * lock; for a reader it counts what was installed until then.
 */
import { Histogram } from './histogram.js';
import type { LockModeResult, LockResult, LockUserResult, YieldResult } from './result.js';

/** Values of faultline:lock_acquired's mode and of faultline:yield's useful. */
const MODES = ['read', 'write'] as const;
export const Usefulness = { Unknown: 0, Useful: 1, Useless: 2 } as const;

const NOT_WAITING = -1;

interface Use {
  acquisitions: number;
  readonly wait: Histogram;
  readonly hold: Histogram;
}

const newUse = (): Use => ({ acquisitions: 0, wait: new Histogram(), hold: new Histogram() });

export class LockStatistics {
  /** By user, then mode. */
  readonly #uses: readonly Use[];
  readonly #away = new Histogram();
  #yields = 0;
  readonly #yieldsOfUser: Float64Array;
  readonly #usefulOfUser: Float64Array;
  #useless = 0;
  #toNobody = 0;

  // By thread.
  readonly #waitSince: Float64Array;
  readonly #heldSince: Float64Array;
  readonly #userOfHold: Uint8Array;
  /** Number of the acquisition that the thread holds the lock by. */
  readonly #acquisition: Float64Array;
  /** The latest acquisition of anyone when the thread let go, and when that was. */
  readonly #releaseAfter: Float64Array;
  readonly #releasedAt: Float64Array;
  /**
   * Of the thread's last acquisition: how many were let in before it, how useful they were, how long it was
   * away.
   */
  readonly #letIn: Float64Array;
  readonly #useful: Uint8Array;
  readonly #awayNs: Float64Array;
  #acquisitions = 0;
  /** The latest acquisition that has installed a mapping. */
  #productive = 0;

  constructor(
    threads: number,
    private readonly users: readonly string[],
  ) {
    this.#uses = users.flatMap(() => [newUse(), newUse()]);
    this.#yieldsOfUser = new Float64Array(users.length);
    this.#usefulOfUser = new Float64Array(users.length);
    this.#waitSince = new Float64Array(threads).fill(NOT_WAITING);
    this.#heldSince = new Float64Array(threads);
    this.#userOfHold = new Uint8Array(threads);
    this.#acquisition = new Float64Array(threads);
    this.#releaseAfter = new Float64Array(threads);
    this.#releasedAt = new Float64Array(threads);
    this.#letIn = new Float64Array(threads);
    this.#useful = new Uint8Array(threads);
    this.#awayNs = new Float64Array(threads);
  }

  /** The thread begins to wait, for the lock or for the queue inside it: the first of both counts. */
  waits(now: number, thread: number): void {
    if (this.#waitSince[thread] === NOT_WAITING) this.#waitSince[thread] = now;
  }

  /** @returns how long the thread waited, ns; 0 if the lock was free */
  acquired(now: number, thread: number, user: number, mode: number, counted: boolean): number {
    const since = this.#waitSince[thread];
    const waited = since === NOT_WAITING ? 0 : now - since;
    if (counted) {
      const use = this.#uses[2 * user + (mode === 1 ? 0 : 1)];
      use.acquisitions++;
      if (since !== NOT_WAITING) use.wait.record(waited);
    }
    this.#waitSince[thread] = NOT_WAITING;
    this.#heldSince[thread] = now;
    this.#userOfHold[thread] = user;
    const before = this.#releaseAfter[thread];
    this.#letIn[thread] = this.#acquisitions - before;
    this.#useful[thread] = this.#productive > before ? Usefulness.Useful : Usefulness.Useless;
    this.#awayNs[thread] = now - this.#releasedAt[thread];
    this.#acquisition[thread] = ++this.#acquisitions;
    return waited;
  }

  /** @returns how long the thread held the lock, ns */
  released(now: number, thread: number, mode: number, counted: boolean): number {
    const held = now - this.#heldSince[thread];
    if (counted) this.#uses[2 * this.#userOfHold[thread] + (mode === 1 ? 0 : 1)].hold.record(held);
    this.#releaseAfter[thread] = this.#acquisitions;
    this.#releasedAt[thread] = now;
    this.#acquisition[thread] = 0;
    return held;
  }

  /** The thread installed a mapping. */
  installed(thread: number): void {
    if (this.#acquisition[thread] > this.#productive) this.#productive = this.#acquisition[thread];
  }

  /** The thread has the lock again after a yield. @returns a value of Usefulness */
  yielded(thread: number, counted: boolean): number {
    const useful = this.#useful[thread];
    if (!counted) return useful;
    const user = this.#userOfHold[thread];
    this.#yields++;
    this.#yieldsOfUser[user]++;
    this.#away.record(this.#awayNs[thread]);
    if (useful === Usefulness.Useful) this.#usefulOfUser[user]++;
    else if (this.#letIn[thread] > 0) this.#useless++;
    else this.#toNobody++;
    return useful;
  }

  result(): LockResult {
    const byUser = this.users.flatMap((user, index) =>
      MODES.map((mode, place): LockUserResult => {
        return { user, mode, ...modeResult(this.#uses[2 * index + place]) };
      }),
    );
    const ofMode = (place: number): LockModeResult => {
      const sum = newUse();
      for (let index = place; index < this.#uses.length; index += 2) {
        const use = this.#uses[index];
        sum.acquisitions += use.acquisitions;
        sum.wait.add(use.wait);
        sum.hold.add(use.hold);
      }
      return modeResult(sum);
    };
    return {
      read: ofMode(0),
      write: ofMode(1),
      byUser: byUser
        .filter(({ acquisitions, hold }) => acquisitions > 0 || hold.count > 0)
        .sort((a, b) => b.wait.totalNs - a.wait.totalNs),
    };
  }

  yieldResult(): YieldResult {
    const byUser = this.users.map((user, index) => {
      return { user, count: this.#yieldsOfUser[index], useful: this.#usefulOfUser[index] };
    });
    return {
      count: this.#yields,
      useful: this.#usefulOfUser.reduce((sum, count) => sum + count, 0),
      useless: this.#useless,
      toNobody: this.#toNobody,
      away: this.#away.distribution(),
      byUser: byUser.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count),
    };
  }
}

function modeResult({ acquisitions, wait, hold }: Use): LockModeResult {
  return { acquisitions, wait: wait.distribution(), hold: hold.distribution() };
}
