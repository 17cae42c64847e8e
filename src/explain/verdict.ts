/**
 * The trace in one or two sentences.
 */
import { agentWord } from './agent-words.js';
import { duration, number, pageName, percent, plural, threadName, type Summary } from './findings/finding.js';
import type { Finding } from './types-finding.js';

export function verdictOf(summary: Summary, findings: readonly Finding[]): string[] {
  const { fault, invalidations } = summary;
  if (summary.events === 0) return ['The trace is empty.'];
  if (fault.attempts === 0 && invalidations.count === 0) {
    return [
      `The trace has ${plural(summary.events, 'event')}, none of which shows a guest fault or an ` +
        `invalidation.`,
    ];
  }
  return [first(summary), second(summary, findings)];
}

function first({ fault, invalidations, trace }: Summary): string {
  const agents = invalidations.byAgent.filter(({ agent }) => agent !== 'unknown').slice(0, 2);
  const by =
    agents.length === 0 ? '' : `, mostly by ${agents.map(({ agent }) => agentWord(agent)).join(' and ')}`;
  const lost = fault.outcomes.retried;
  return (
    `In ${duration(trace.durationNs)}, ${plural(fault.attempts, 'page fault')} met ` +
    `${plural(invalidations.count, 'invalidation')}${by}; ${number(lost)} faults ` +
    `(${percent(lost, fault.attempts)}) ` +
    'came back without a mapping.'
  );
}

function second({ fault }: Summary, findings: readonly Finding[]): string {
  const worst = findings.find(({ severity }) => severity === 'critical' || severity === 'warning');
  const [longest] = fault.topEpisodes;
  if (worst) return worst.text;
  if (!longest || longest.attempts < 2) return 'No fault had to be repeated.';
  return (
    `The longest stall was ${plural(longest.attempts, 'fault')} of ${threadName(longest)} on ` +
    `${pageName(longest)}.`
  );
}
