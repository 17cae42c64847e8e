/**
 * Aging storm: reclaim or DAMON asks for accessed bits so often that it disturbs faults, on kernels where
 * aging takes mmu_lock for write.
 */
import { number, plural, type FindingRule } from './finding.js';

/** Each takes the lock for write for microseconds: from a thousand a second on that adds up. */
const HIGH_RATE = 1000;

export const agingStorm: FindingRule = ({ summary }) => {
  const { aging, kernel } = summary;
  if (aging.perSecond < HIGH_RATE || kernel.agingTakesLock.answer === 'no') return undefined;
  const [task] = aging.tasks;
  const who = task ? `, mostly by ${task.comm} ${task.tid}` : '';
  const takesLock = kernel.agingTakesLock.answer === 'yes';
  const why = takesLock
    ? kernel.agingTakesLock.why
    : 'kernels before v6.15 take mmu_lock for write each time';
  return {
    id: 'aging-storm',
    severity: takesLock ? 'warning' : 'notice',
    title: `${number(aging.perSecond)} agings a second`,
    text:
      `Guest pages were aged ${plural(aging.count, 'time')}, ${number(aging.perSecond)} a second${who}; ` +
      `${why}.`,
    advice: [
      'Run Linux 6.15 or later (lockless aging), or slow DAMON’s sampling and reclaim’s scanning down.',
    ],
    evidence: [],
    numbers: { count: aging.count, perSecond: aging.perSecond },
  };
};
