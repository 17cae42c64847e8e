/**
 * Hull retries: faults on pages that nobody invalidates, inside the one range that KVM keeps for all
 * invalidations.
 */
import { Outcome } from '../episodes.js';
import { CAUSES } from '../causes.js';
import { episodeRow } from '../summarise-faults.js';
import { largest } from '../tables.js';
import { agentAdvice } from './advice.js';
import { episodeEvidence, number, percent, plural, type FindingRule } from './finding.js';

/** Fewer are noise beside the retries that are due. */
const MANY = 100;
const SHARE = 0.1;

export const hullRetries: FindingRule = ({ analysis, summary }) => {
  const { fault, invalidations } = summary;
  const hull = fault.retryCauses.find(({ cause }) => cause === 'invalidation-hull')?.count ?? 0;
  const { retried } = fault.outcomes;
  if (hull < MANY || hull < SHARE * retried) return undefined;
  const code = CAUSES.indexOf('invalidation-hull');
  const perEpisode = new Uint32Array(analysis.episodes.count);
  for (let row = 0; row < analysis.attempts.count; row++) {
    if (analysis.outcome[row] !== Outcome.retried || analysis.causes.cause[row] !== code) continue;
    perEpisode[analysis.episodes.ofAttempt[row]]++;
  }
  return {
    id: 'hull-retries',
    severity: 'warning',
    title: `${percent(hull, retried)} of the retries hit pages that nobody invalidated`,
    text:
      `${plural(hull, 'retried fault')} of ${number(retried)} were on pages between invalidations, not ` +
      `in one: KVM keeps a single ` +
      `range for all that are under way (up to ${number(invalidations.mostAtOnce)} at once here), which ` +
      `grows until none is left.`,
    advice: [
      'No released kernel keeps the ranges apart: make invalidations of distant pages overlap less.',
      ...agentAdvice(fault.retriesByAgent.slice(0, 2).map(({ agent }) => agent)),
    ],
    evidence: largest(perEpisode, perEpisode.length, 10).map((row) =>
      episodeEvidence(episodeRow(analysis, row)),
    ),
    numbers: { hull, retried, mostAtOnce: invalidations.mostAtOnce },
  };
};
