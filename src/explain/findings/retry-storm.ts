/**
 * Retry storm: one vCPU faults on one page again and again.
 */
import { agentWord } from '../agent-words.js';
import type { EpisodeRow } from '../types.js';
import { YIELD_LIMITS } from './yield-limits.js';
import { agentAdvice, preCheckAdvice, yieldAdvice } from './advice.js';
import {
  duration,
  episodeEvidence,
  pageName,
  percent,
  plural,
  threadName,
  type FindingRule,
} from './finding.js';

/** An invalidation that is over when the vCPU comes back costs one or two rounds; 16 are a loop. */
const MANY_ATTEMPTS = 16;
/** A hundred rounds keep a vCPU from its work for the best part of a millisecond even on fast hardware. */
const VERY_MANY_ATTEMPTS = 100;

export const retryStorm: FindingRule = ({ analysis, summary }) => {
  const { episodes } = analysis;
  const { fault, invalidations, kernel } = summary;
  const storms = fault.topEpisodes.filter(({ attempts }) => attempts >= MANY_ATTEMPTS);
  const [worst] = storms;
  if (!worst) return undefined;
  let count = 0;
  let attempts = 0;
  for (let row = 0; row < episodes.count; row++) {
    if (episodes.attempts[row] < MANY_ATTEMPTS) continue;
    count++;
    attempts += episodes.attempts[row];
  }
  const agents =
    worst.agents.length > 0 ? worst.agents : invalidations.byAgent.slice(0, 2).map(({ agent }) => agent);
  const by = agents.length === 0 ? '' : ` while ${agents.map(agentWord).join(' and ')} invalidated memory`;
  const others = count > 1 ? ` ${plural(count, 'run')} of ${MANY_ATTEMPTS} faults or more took` : ' It took';
  // Yields are worth a word only where there are some.
  const yields = invalidations.yields >= YIELD_LIMITS.inOne ? yieldAdvice(kernel) : [];
  return {
    id: 'retry-storm',
    severity: worst.attempts >= VERY_MANY_ATTEMPTS ? 'critical' : 'warning',
    title: `${plural(worst.attempts, 'fault')} in a row on one page`,
    text:
      `${threadName(worst)} faulted ${pageName(worst)} ${plural(worst.attempts, 'time')} in ` +
      `${duration(worst.durationNs)}${by}${causeOf(worst, summary.mapping.known)}.${others} ` +
      `${percent(attempts, fault.attempts)} of all faults.`,
    advice: [...preCheckAdvice(kernel), ...agentAdvice(agents), ...yields],
    evidence: storms.slice(0, 10).map(episodeEvidence),
    numbers: { longest: worst.attempts, durationNs: worst.durationNs, runs: count, attempts },
  };
};

function causeOf(episode: EpisodeRow, knowsPlaces: boolean): string {
  if (episode.cause === 'invalidation-in-flight') return ', over that very page';
  if (episode.cause === 'invalidation-hull') return ' on both sides of it';
  if (episode.cause !== 'sequence-bump') return '';
  return knowsPlaces ? ' elsewhere' : '; the trace does not tell where';
}
