/**
 * Invalidations of which as little as possible comes in the primary page table. Nothing in the kernel
 * makes one and nothing else; MADV_FREE comes nearest: it calls the notifier for its range and leaves
 * every page where it is. Where it is not to be had, MADV_DONTNEED unmaps.
 */
import { Advice, adviseSteps } from './advice.js';
import type { Kind } from './kind.js';
import type { StormContext } from '../types.js';

const leavesPages = ({ sharing, backing }: StormContext['memory']): boolean =>
  sharing === 'private' && backing !== 'hugetlb';

export const unmap: Kind<'unmap'> = {
  deviations({ blockable, window }) {
    const phrases: string[] = [];
    if (!blockable) phrases.push('blockable: only the OOM reaper makes invalidations that may not block');
    if (window > 0) phrases.push('window: the kernel alone decides how long an invalidation takes');
    return phrases;
  },
  says(_, memory) {
    if (leavesPages(memory)) return 'MADV_FREE: an invalidation that leaves pages where they are';
    return memory.sharing === 'shared'
      ? 'MADV_DONTNEED of shared memory: pages are unmapped, and kept by the memfd'
      : 'MADV_DONTNEED of hugetlb memory: pages are unmapped, and lost';
  },
  calls: (task) => adviseSteps(task, leavesPages(task.memory) ? Advice.Free : Advice.DontNeed),
};
