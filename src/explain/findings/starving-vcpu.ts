/**
 * Starving vCPU: one page fault kept a vCPU from its guest for so long that the guest's users notice.
 */
import type { EpisodeRow } from '../types.js';
import { agentAdvice, preCheckAdvice } from './advice.js';
import { duration, episodeEvidence, pageName, plural, threadName, type FindingRule } from './finding.js';

/** Interactive software stutters, and network round trips time out, from about 100 ms. */
const NOTICEABLE_NS = 100_000_000;
/** Guests report soft lockups and lose clock sources from seconds; 1 s is the last warning. */
const FROZEN_NS = 1_000_000_000;

export const starvingVcpu: FindingRule = ({ summary }) => {
  const stalls = summary.fault.topStalls.filter(
    ({ durationNs, outcome }) => durationNs >= NOTICEABLE_NS && outcome !== 'emulated',
  );
  const [worst] = stalls;
  if (!worst) return undefined;
  const off = worst.offCpuNs === undefined ? '' : ` and ${duration(worst.offCpuNs)} off the CPU`;
  return {
    id: 'starving-vcpu',
    severity: worst.durationNs >= FROZEN_NS ? 'critical' : 'warning',
    title: `a vCPU stood still for ${duration(worst.durationNs)}`,
    text:
      `${threadName(worst)} could not run its guest for ${duration(worst.durationNs)}: ` +
      `${plural(worst.attempts, 'fault')} on ${pageName(worst)}, ${duration(worst.lockWaitNs)} of it ` +
      `waiting for ` +
      `locks${off}.`,
    advice: [...preCheckAdvice(summary.kernel), ...agentAdvice(worst.agents), ...offCpu(worst)],
    evidence: stalls.slice(0, 10).map(episodeEvidence),
    numbers: {
      durationNs: worst.durationNs,
      attempts: worst.attempts,
      lockWaitNs: worst.lockWaitNs,
      stalls: stalls.length,
    },
  };
};

/** A stall that is mostly time off the CPU is not explained by mmu_lock. */
function offCpu(episode: EpisodeRow): string[] {
  if (episode.offCpuNs !== undefined && 2 * episode.offCpuNs > episode.durationNs) {
    return [
      'The thread was off the CPU for most of it: look for what it slept on (swap, userfaultfd, ' +
        'mmap_lock) or who ' +
        'preempted it.',
    ];
  }
  if (episode.attempts > 4 || 2 * episode.lockWaitNs > episode.durationNs) return [];
  return [
    'Few faults and little lock waiting: the time went into one fault, or the host itself had no CPU for it.',
  ];
}
