/**
 * KSM storm: samepage merging invalidates guest pages at a high rate.
 */
import { invalidationRow } from '../summarise-invalidations.js';
import { largest } from '../tables.js';
import { agentAdvice } from './advice.js';
import { invalidationEvidence, number, percent, plural, type FindingRule } from './finding.js';

/**
 * Up to two notifiers per merge: 250 merges a second are more than a quiet host makes with the default
 * settings.
 */
const HIGH_RATE = 500;
/** Rates over less than this many invalidations say little. */
const FEW = 100;
/** From this share of retried faults on, KSM hurts the guest and does not just work hard. */
const HURTING_SHARE = 0.1;

export const ksmStorm: FindingRule = ({ analysis, summary }) => {
  const ksm = summary.invalidations.byAgent.find(({ agent }) => agent === 'ksm');
  const seconds = summary.trace.durationNs / 1e9;
  if (!ksm || ksm.count < FEW || seconds === 0) return undefined;
  const rate = ksm.count / seconds;
  if (rate < HIGH_RATE) return undefined;
  const { attempts } = summary.fault;
  const retries = summary.fault.retriesByAgent.find(({ agent }) => agent === 'ksm')?.count ?? 0;
  const copies = summary.invalidations.byAgent.find(({ agent }) => agent === 'copy-on-write')?.count ?? 0;
  const { agents, causes, invalidations } = analysis;
  const weight = Uint32Array.from({ length: invalidations.count }, (_, row) =>
    agents.guesses[agents.ofInvalidation[row]].agent === 'ksm' ? 1 + causes.retries[row] : 0,
  );
  return {
    id: 'ksm-storm',
    severity: retries >= HURTING_SHARE * Math.max(1, attempts) ? 'warning' : 'notice',
    title: `KSM made ${number(rate)} invalidations a second`,
    text:
      `KSM made ${plural(ksm.count, 'invalidation')}, ${number(rate)} a second, and the guest undid ` +
      `${number(copies)} merges by ` +
      `writing; ${plural(retries, 'fault')} (${percent(retries, attempts)}) were retried while KSM ` +
      `invalidations were under way.`,
    advice: agentAdvice(['ksm']),
    evidence: largest(weight, weight.length, 5).map((row) =>
      invalidationEvidence(invalidationRow(analysis, row)),
    ),
    numbers: { count: ksm.count, perSecond: rate, retries, copies },
  };
};
