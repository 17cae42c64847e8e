/** madvise(): what a VMM or its allocator tells the kernel about memory. */
import { hasSwap } from '../host-parts.js';
import { Advice, adviseSteps } from './advice.js';
import { HUGE_PAGE } from '../pages.js';
import { type Kind } from './kind.js';

const ADVICE = {
  dontneed: Advice.DontNeed,
  free: Advice.Free,
  pageout: Advice.PageOut,
  collapse: Advice.Collapse,
} as const;

export const madvise: Kind<'madvise'> = {
  unsupported: ({ advice }) =>
    advice === 'pageout' && !hasSwap()
      ? 'advice pageout does nothing without swap (/proc/swaps is empty; swapon FILE gives some)'
      : undefined,
  says({ advice }, { sharing }) {
    return advice === 'dontneed' && sharing === 'shared'
      ? 'MADV_DONTNEED of shared memory unmaps pages that the memfd keeps: nothing is lost'
      : undefined;
  },
  misfit({ advice, step }, { memory }) {
    if (advice === 'free' && (memory.sharing === 'shared' || memory.backing === 'hugetlb'))
      return 'MADV_FREE knows private memory of 4KiB and thp alone; use advice dontneed';
    if (advice === 'pageout' && memory.backing === 'hugetlb')
      return 'hugetlb pages are never paged out; use another backing';
    if (advice !== 'collapse') return undefined;
    if (memory.backing !== 'thp')
      return `MADV_COLLAPSE makes huge pages, which backing ${memory.backing} rules out; use backing thp`;
    return (step ?? HUGE_PAGE) < HUGE_PAGE
      ? 'MADV_COLLAPSE works on 2MiB; write a step of 2MiB or more'
      : undefined;
  },
  calls: (task) => adviseSteps(task, ADVICE[task.storm.advice]),
};
