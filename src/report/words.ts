/** The words that reports use for what `explain` found: one place, so that terminal and page say the same. */
import type { FaultOutcomes, RetryCause } from '../explain/types.js';
import type { Severity } from '../explain/types-finding.js';
import type { WaitKind } from '../explain/types-lock.js';

export const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {
  critical: 'critical',
  warning: 'warning',
  notice: 'notice',
  info: 'info',
};

/** One character per severity, so that colour is never the only sign. */
export const SEVERITY_MARKS: Readonly<Record<Severity, string>> = {
  critical: '✖',
  warning: '▲',
  notice: '◆',
  info: '·',
};

export const CAUSE_WORDS: Readonly<Record<RetryCause, string>> = {
  'invalidation-in-flight': 'page being invalidated',
  'invalidation-hull': 'between two invalidated ranges',
  'sequence-bump': 'an invalidation elsewhere',
  'lost-race': 'lost a race to another vCPU',
  'waited-for-lock': 'waited for mmu_lock in vain',
  unknown: 'unknown',
};

export const OUTCOME_WORDS: Readonly<Record<keyof FaultOutcomes, string>> = {
  mapped: 'mapped',
  fast: 'fixed without the lock',
  spurious: 'already fixed',
  emulated: 'emulated (MMIO)',
  retried: 'retried',
  unfinished: 'cut off',
};

export const WAIT_WORDS: Readonly<Record<WaitKind, string>> = {
  'spin-read': 'rwlock, read',
  'spin-write': 'rwlock, write',
  spin: 'spinlock',
  mutex: 'mutex',
  'rwsem-read': 'rwsem, read',
  'rwsem-write': 'rwsem, write',
  'percpu-read': 'percpu rwsem, read',
  'percpu-write': 'percpu rwsem, write',
  rt: 'RT lock',
  'rt-read': 'RT lock, read',
  'rt-write': 'RT lock, write',
  other: 'other',
};

/** `CPU 1/KVM` with its vCPU number or thread id. */
export function threadName(thread: { comm: string; tid: number; vcpu?: number }): string {
  const name = thread.comm === '' ? 'thread' : thread.comm;
  return thread.vcpu === undefined ? `${name} (${thread.tid})` : `vCPU ${thread.vcpu} (${thread.tid})`;
}
