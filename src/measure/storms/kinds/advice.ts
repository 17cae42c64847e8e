/** Storms that are one madvise() for each step. */
import { Walk } from '../walk.js';
import type { SystemCalls, ThreadTask } from './kind.js';

/** MADV_*, include/uapi/asm-generic/mman-common.h. */
export const Advice = {
  DontNeed: 4,
  Free: 8,
  Remove: 9,
  Mergeable: 12,
  Unmergeable: 13,
  PageOut: 21,
  Collapse: 25,
} as const;

const SYS_MADVISE = 28;

export function adviseSteps({ steps }: Pick<ThreadTask, 'steps'>, advice: number): SystemCalls {
  return { number: SYS_MADVISE, walk: new Walk(steps), argument: () => advice };
}
