/**
 * Results about locks: waits paired from contention_begin and contention_end.
 */
import type { Confidence } from './types-finding.js';

/** How a lock was waited for; read from the LCB_F_* flags. Kinds are never added into one another. */
export type WaitKind =
  /** qrwlock, reader and writer. */
  | 'spin-read'
  | 'spin-write'
  /** Queued spinlock. */
  | 'spin'
  | 'mutex'
  | 'rwsem-read'
  | 'rwsem-write'
  | 'percpu-read'
  | 'percpu-write'
  /** PREEMPT_RT sleeping locks. */
  | 'rt'
  | 'rt-read'
  | 'rt-write'
  /** rt_mutex and semaphores: no flags. */
  | 'other';

export interface WaitStatistics {
  readonly waits: number;
  /**
   * From time stamps rounded to the microsecond, as every text form of a trace has them: the same digits from
   * all.
   */
  readonly totalNs: number;
  readonly maxNs: number;
  /** From the stamps as recorded. */
  readonly exactTotalNs: number;
  readonly exactMaxNs: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
}

export interface LockSummary extends WaitStatistics {
  /** Hexadecimal, without 0x. */
  readonly address: string;
  readonly byKind: readonly (WaitStatistics & { readonly kind: WaitKind })[];
  /** Tasks that waited longest, at most `options.top`. */
  readonly byTask: readonly LockTask[];
  readonly tasks: number;
  readonly openAtEnd: number;
  readonly unmatchedBegins: number;
  readonly unmatchedEnds: number;
  /** Most waiters at once. */
  readonly mostWaiters: number;
  /** Time during which somebody waited. */
  readonly contendedNs: number;
  readonly mmuLock: MmuLockGuess;
  /** First and last event about it. */
  readonly events: readonly [first: number, last: number];
  /** Event pair of the longest completed wait. */
  readonly longestWait?: readonly [begin: number, end: number];
}

export interface LockTask {
  readonly tid: number;
  readonly comm: string;
  readonly waits: number;
  readonly totalNs: number;
  readonly maxNs: number;
}

/** Whether the lock is a VM's mmu_lock. */
export interface MmuLockGuess {
  readonly likely: boolean;
  readonly confidence: Confidence;
  /** 0 to 1. */
  readonly score: number;
  /** What speaks for and against it. */
  readonly why: readonly string[];
}

/** Bookkeeping of the pairing over all locks. */
export interface LockPairing {
  readonly locks: number;
  readonly waits: number;
  /** contention_begin without an end, though the task went on. */
  readonly unmatchedBegins: number;
  /** contention_end without a begin. */
  readonly unmatchedEnds: number;
  /** Waits still under way when the trace ends. */
  readonly openAtEnd: number;
  /** Second contention_begin of one mutex wait (spinning gave way to sleeping): part of the same wait. */
  readonly mutexRestarts: number;
}
