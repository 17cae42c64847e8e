/**
 * Missing pre-check: the kernel is too old to turn covered faults away before they take mmu_lock.
 */
import { Outcome } from '../episodes.js';
import { preCheckAdvice } from './advice.js';
import { number, type FindingRule } from './finding.js';

/** A few retries cost nothing that a pre-check would save. */
const MANY_RETRIES = 16;

export const missingPreCheck: FindingRule = ({ analysis, summary }) => {
  const { fault, invalidations, kernel } = summary;
  if (invalidations.count === 0 || fault.source === 'none' || kernel.preCheck.answer === 'yes')
    return undefined;
  const { retried } = fault.outcomes;
  const isUnknown = kernel.preCheck.answer === 'unknown';
  if (isUnknown && retried < MANY_RETRIES) return undefined;
  let queued = 0;
  for (let row = 0; row < analysis.attempts.count; row++) {
    if (analysis.outcome[row] === Outcome.retried && analysis.joins.attemptWaitNs[row] > 0) queued++;
  }
  const waited = `${number(queued)} of ${number(retried)} retried faults had waited for a lock first`;
  return {
    id: 'missing-pre-check',
    severity: isUnknown ? 'info' : retried >= MANY_RETRIES ? 'warning' : 'notice',
    title: isUnknown
      ? 'kernel unknown: it may lack the pre-check'
      : `Linux ${kernel.version} lacks the pre-check`,
    text: isUnknown
      ? `The trace does not name its kernel, so whether it has the pre-check of v6.8 is open; ${waited}.`
      : `Faults on pages under invalidation queue for mmu_lock only to be told to retry ` +
        `(${kernel.preCheck.why}); ${waited}.`,
    advice: preCheckAdvice(kernel),
    evidence: [],
    numbers: { retried, queued },
  };
};
