/**
 * Long write hold: a zapper held mmu_lock for write so long that every fault of the guest had to wait.
 */
import { agentWord } from '../agent-words.js';
import { invalidationRow } from '../summarise-invalidations.js';
import { largest } from '../tables.js';
import { agentAdvice } from './advice.js';
import { duration, invalidationEvidence, plural, type FindingRule } from './finding.js';

/** A fault takes some ten microseconds: a millisecond holds back a hundred of them on every vCPU. */
const LONG_NS = 1_000_000;
/** From here on the hold alone is a stall that the guest's users notice. */
const VERY_LONG_NS = 100_000_000;

export const longWriteHold: FindingRule = ({ analysis }) => {
  const { heldNs } = analysis.yields;
  const rows = largest(heldNs, heldNs.length, 10).map((row) => invalidationRow(analysis, row));
  const long = rows.filter(({ heldAtLeastNs }) => heldAtLeastNs >= LONG_NS);
  const [worst] = long;
  if (!worst) return undefined;
  return {
    id: 'long-write-hold',
    severity: worst.heldAtLeastNs >= VERY_LONG_NS ? 'critical' : 'warning',
    title: `mmu_lock held for write for ${duration(worst.heldAtLeastNs)} or more`,
    text:
      `${worst.comm} ${worst.tid} (${agentWord(worst.agent)}) zapped leaves ` +
      `for ${duration(worst.heldAtLeastNs)} without letting go of ` +
      `mmu_lock, in an invalidation of ${plural(worst.pages, 'page')} with ` +
      `${plural(worst.leaves, 'leaf', 'leaves')}; ` +
      'no fault of the guest that needs the lock can finish meanwhile.',
    advice: [
      ...agentAdvice([worst.agent]),
      ...(worst.leaves >= 512 ? ['Back the guest with huge pages: one leaf then stands for 512.'] : []),
    ],
    evidence: long.map(invalidationEvidence),
    numbers: { heldAtLeastNs: worst.heldAtLeastNs, leaves: worst.leaves, holds: long.length },
  };
};
