/**
 * Lock convoy: mmu_lock is waited for during a good part of the trace, by several at once.
 */
import { agentAdvice } from './advice.js';
import { duration, eventEvidence, number, percent, plural, type FindingRule } from './finding.js';

/** Below a tenth of the time, waiting for one lock is not what holds a guest up. */
const CONTENDED_SHARE = 0.1;
/** From half of the time on the lock is the bottleneck. */
const BOTTLENECK_SHARE = 0.5;
/** One waiter behind one holder is contention; a queue needs two. */
const QUEUE = 2;

export const lockConvoy: FindingRule = ({ analysis, summary }) => {
  const { locks, trace, invalidations } = summary;
  const crowded = locks.filter(
    (lock) =>
      lock.mmuLock.likely &&
      lock.mostWaiters >= QUEUE &&
      lock.contendedNs >= CONTENDED_SHARE * Math.max(1, trace.durationNs),
  );
  crowded.sort((a, b) => b.contendedNs - a.contendedNs);
  const [lock] = crowded;
  if (!lock) return undefined;
  const kinds = lock.byKind.map(
    ({ kind, waits, exactTotalNs }) => `${number(waits)} as ${kind} (${duration(exactTotalNs)})`,
  );
  return {
    id: 'lock-convoy',
    severity: lock.contendedNs >= BOTTLENECK_SHARE * trace.durationNs ? 'critical' : 'warning',
    title: `mmu_lock was waited for ${percent(lock.contendedNs, trace.durationNs)} of the time`,
    text:
      `Somebody waited for mmu_lock ${lock.address} during ${duration(lock.contendedNs)} of ` +
      `${duration(trace.durationNs)} ` +
      `(${percent(lock.contendedNs, trace.durationNs)}), up to ${number(lock.mostWaiters)} at once: ` +
      `${plural(lock.waits, 'wait')}, ${kinds.join(', ')}, the longest ${duration(lock.exactMaxNs)}.`,
    advice: agentAdvice(invalidations.byAgent.slice(0, 2).map(({ agent }) => agent)),
    evidence: crowded.flatMap(({ address, longestWait }) =>
      longestWait ? [eventEvidence(analysis.trace, `longest wait for ${address}`, longestWait)] : [],
    ),
    numbers: {
      contendedNs: lock.contendedNs,
      waits: lock.waits,
      mostWaiters: lock.mostWaiters,
      maxNs: lock.exactMaxNs,
    },
  };
};
