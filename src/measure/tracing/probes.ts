/**
 * Probes on functions of the kernel that have no tracepoint, where it permits them: whether mmu_lock was
 * yielded, where an invalidation ends, when a VM's TLBs are flushed. explain takes them in place of what it
 * otherwise infers.
 */
import { appendFileSync, existsSync } from 'node:fs';
import type { Journal } from '../host/journal.js';
import { KPROBE_EVENTS, removeKprobes } from '../host/kprobes.js';
import type { EventChoice, RecordingLevel } from './levels.js';

/** One for each run, so that two of them would not meet. */
const groupOf = (pid: number): string => `faultline_${pid}`;

/** Of kprobe_events: `r` returns, `p` entries. Kernels lack some functions. */
const PROBES: readonly { readonly type: 'p' | 'r'; readonly function: string; readonly fetch: string }[] = [
  { type: 'r', function: '__cond_resched_rwlock_write', fetch: 'ret=$retval:s32' },
  { type: 'r', function: '__cond_resched_rwlock_read', fetch: 'ret=$retval:s32' },
  { type: 'p', function: 'kvm_mmu_notifier_invalidate_range_end', fetch: '' },
  { type: 'p', function: 'kvm_flush_remote_tlbs', fetch: '' },
  { type: 'p', function: 'kvm_flush_remote_tlbs_range', fetch: '' },
];

/** Probes of a run. */
export interface Probes {
  /** What to enable in an instance, as in levels.ts. */
  readonly choices: readonly EventChoice[];
  readonly notes: readonly string[];
  /** When no instance has them enabled any more. */
  remove(): void;
}

const none = (...notes: string[]): Probes => ({ choices: [], notes, remove: () => undefined });

/** At level full; none where the kernel answers EPERM, which is final. */
export function addProbes(level: RecordingLevel, journal: Journal): Probes {
  if (level !== 'full') return none();
  if (!existsSync(KPROBE_EVENTS))
    return none('this kernel has no kprobes: yields and ends of invalidations are inferred');
  const group = groupOf(process.pid);
  const registered = journal.register({ kind: 'kprobes', group });
  const refusals: string[] = [];
  let made = 0;
  for (const { type, function: name, fetch } of PROBES) {
    try {
      // Opened to append: to truncate it removes everybody's probes.
      appendFileSync(KPROBE_EVENTS, `${type}:${group}/${name} ${name} ${fetch}`.trimEnd());
      made++;
    } catch (error) {
      refusals.push(error instanceof Error ? error.message : String(error));
    }
  }
  const remove = (): void => {
    if (made > 0) removeKprobes(group);
    registered.gone();
  };
  if (made > 0) return { choices: [{ system: group }], notes: [], remove };
  remove();
  const why = /EPERM|EACCES|not permitted|denied/.test(refusals[0] ?? '') ? 'refuses' : 'has none of the';
  return none(`this kernel ${why} kprobes: yields and ends of invalidations are inferred`);
}
