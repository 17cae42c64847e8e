/** One recording of a study in numbers, for the comparison in terminal and page. */
import { agentWord } from '../explain/agent-words.js';
import type { ComparisonRow, StudyRecording } from './types.js';

export function comparisonRow({ name, explanation, storm, preempt }: StudyRecording): ComparisonRow {
  const { fault, trace, kernel } = explanation;
  const mmuLocks = explanation.locks.filter(({ mmuLock }) => mmuLock.likely);
  const agents = explanation.invalidations.byAgent.filter(({ count }) => count > 0).slice(0, 3);
  return {
    name,
    kernel: kernel.release ?? trace.kernel ?? 'unknown',
    preempt: kernel.preempt ?? trace.preempt ?? preempt ?? 'unknown',
    storm: storm ?? (agents.map(({ agent }) => agentWord(agent)).join(', ') || 'none'),
    durationNs: trace.durationNs,
    events: explanation.events,
    lostEvents: trace.lostEvents,
    attempts: fault.attempts,
    mapped: fault.mapped,
    retried: fault.outcomes.retried,
    longestEpisode: fault.longestEpisode,
    episodesWithRetry: fault.episodesWithRetry,
    longestStallNs: fault.stallLatency.maxNs,
    invalidations: explanation.invalidations.count,
    lockWaits: mmuLocks.reduce((sum, { waits }) => sum + waits, 0),
    lockWaitTotalNs: mmuLocks.reduce((sum, { totalNs }) => sum + totalNs, 0),
    lockWaitMaxNs: mmuLocks.reduce((most, { maxNs }) => Math.max(most, maxNs), 0),
    verdict: explanation.verdict.at(0) ?? '',
  };
}
