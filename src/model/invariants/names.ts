/** The invariants, by the names that checker, simulator, explain and lab bench share. */
export const INVARIANTS = {
  noStaleTranslation:
    'From the return of range_start() to range_end() no root and no guest TLB maps a page of the range.',
  noUseAfterFree:
    'When the host frees a page no SPTE, TLB, gfn_to_pfn_cache or VMCS refers to it; none ever comes to.',
  noDirectRemap: 'A present leaf is never replaced by a present leaf with another page.',
  countMatches:
    'mmu_invalidate_in_progress is the number of invalidations that began and did not end, and their hull covers them.',
  flushedBeforeUnlock: 'When mmu_lock is dropped, what was zapped in valid roots has been flushed.',
  frozenUntouched: 'An entry that one task has frozen is changed by no other.',
  noSleepWhenNotBlockable: 'An invalidation that is not blockable neither sleeps nor lets others in.',
  referencesBalanced: 'A fault drops every reference to a page that it took, once.',
} as const;

export type InvariantName = keyof typeof INVARIANTS;
