/**
 * A balloon that inflates: ram_block_discard_range() of QEMU. What the guest touches again, it gets back
 * as zeros.
 */
import { Advice, adviseSteps } from './advice.js';
import type { Kind } from './kind.js';

export const balloon: Kind<'balloon'> = {
  says: (_, { sharing }) =>
    sharing === 'shared' ? 'takes pages with MADV_REMOVE, which punches holes into the memfd' : undefined,
  calls: (task) => adviseSteps(task, task.memory.sharing === 'shared' ? Advice.Remove : Advice.DontNeed),
};
