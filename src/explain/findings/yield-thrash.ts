/**
 * Yield thrash: a zapper lets go of mmu_lock again and again, flushing all TLBs of the guest each time.
 */
import { agentWord } from '../agent-words.js';
import { yieldsSeverity, YIELD_LIMITS } from './yield-limits.js';
import { agentAdvice, preCheckAdvice, yieldAdvice } from './advice.js';
import { duration, number, percent, plural, type FindingRule } from './finding.js';
import { invalidationRow } from '../summarise-invalidations.js';
import { largest } from '../tables.js';

export const yieldThrash: FindingRule = ({ analysis, summary }) => {
  const { yields } = analysis;
  const { invalidations, kernel } = summary;
  const rows = largest(yields.count, yields.count.length, 10).map((row) => invalidationRow(analysis, row));
  const [worst] = rows;
  if (!worst) return undefined;
  const severity = yieldsSeverity(worst.yields, invalidations.yields);
  if (!severity) return undefined;
  const { useful, useless, other } = invalidations.handovers;
  const served = useful + useless + other;
  const how =
    invalidations.yieldSource === 'exact' ? '' : ' (inferred from lock hand-overs between zapped leaves)';
  const hands =
    served === 0
      ? ''
      : ` Of ${plural(served, 'waiter')} let in, ${number(useful)} (${percent(useful, served)}) mapped ` +
        `a page.`;
  return {
    id: 'yield-thrash',
    severity,
    title: `mmu_lock yielded ${plural(worst.yields, 'time')} in one invalidation`,
    text:
      `An invalidation of ${plural(worst.pages, 'page')} by ${agentWord(worst.agent)} ` +
      `(${worst.comm} ${worst.tid}) yielded mmu_lock ` +
      `${plural(worst.yields, 'time')} in ${duration(worst.endAtLeast - worst.start)}${how}: one flush ` +
      `of the guest's TLBs ` +
      `per ${number(worst.leaves / (worst.yields + 1))} leaves. ` +
      `${plural(invalidations.yields, 'yield')} in all.${hands}`,
    advice: [...preCheckAdvice(kernel), ...yieldAdvice(kernel), ...agentAdvice([worst.agent])],
    evidence: rows
      .filter((row) => row.yields >= YIELD_LIMITS.inOne)
      .map((row) => ({
        label: `${plural(row.yields, 'yield')} over ${plural(row.leaves, 'leaf', 'leaves')}, ${agentWord(row.agent)}`,
        events: row.events,
        time: [row.start, row.endAtLeast] as const,
        tid: row.tid,
      })),
    numbers: {
      worst: worst.yields,
      total: invalidations.yields,
      leaves: worst.leaves,
      useful,
      useless,
      other,
    },
  };
};
