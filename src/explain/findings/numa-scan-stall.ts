/**
 * NUMA-scan stall: automatic NUMA balancing unmaps guest memory in large ranges, from a thread of the guest
 * itself.
 */
import { agentAdvice } from './advice.js';
import { duration, invalidationEvidence, number, plural, type FindingRule } from './finding.js';
import { invalidationRow } from '../summarise-invalidations.js';
import { largest } from '../tables.js';

/** A scan of a few thousand pages takes well under a millisecond when nothing is in its way. */
const LONG_NS = 10_000_000;
const VERY_LONG_NS = 1_000_000_000;
/** Retries that make even short scans matter. */
const MANY_RETRIES = 100;

export const numaScanStall: FindingRule = ({ analysis, summary }) => {
  const { agents, invalidations, trace, causes } = analysis;
  const weight = new Float64Array(invalidations.count);
  let retries = 0;
  let pages = 0;
  for (let row = 0; row < invalidations.count; row++) {
    if (agents.guesses[agents.ofInvalidation[row]].agent !== 'numa-balancing') continue;
    weight[row] = 1 + trace.time[invalidations.lastEvent[row]] - trace.time[invalidations.startEvent[row]];
    retries += causes.retries[row];
    pages += invalidations.pageEnd[row] - invalidations.pageStart[row];
  }
  const rows = largest(weight, weight.length, 10).map((row) => invalidationRow(analysis, row));
  const [worst] = rows;
  if (!worst) return undefined;
  const longest = worst.endAtLeast - worst.start;
  if (longest < LONG_NS && retries < MANY_RETRIES) return undefined;
  const summed = summary.invalidations.byAgent.find(({ agent }) => agent === 'numa-balancing');
  const span = summary.kernel.numaNotifierSpan;
  return {
    id: 'numa-scan-stall',
    severity: longest >= VERY_LONG_NS ? 'critical' : 'warning',
    title: `NUMA balancing held guest memory unmapped for ${duration(longest)}`,
    text:
      `NUMA balancing made ${plural(summed?.count ?? rows.length, 'invalidation')} of ${number(pages)} ` +
      `pages; the longest, by ` +
      `${worst.comm} ${worst.tid}, covered ${plural(worst.pages, 'page')} for at least ` +
      `${duration(longest)}, and ` +
      `${plural(retries, 'fault')} were retried while such scans were under way` +
      (span.answer === 'unknown' ? '.' : ` (${span.why}).`),
    advice: agentAdvice(['numa-balancing']),
    evidence: rows
      .filter(({ retries: own, start, endAtLeast }) => own > 0 || endAtLeast - start >= LONG_NS)
      .map(invalidationEvidence),
    numbers: { longestNs: longest, retries, pages, count: summed?.count ?? rows.length },
  };
};
