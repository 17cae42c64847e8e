/** What lies where in the private cells of a thread. */

/** The TDP iterator: 12 fields and a table per level (tdp-iter.ts). */
export const SCRATCH_ITER = 0;
/** 1 while SPTEs of valid roots were zapped under mmu_lock and not flushed. */
export const SCRATCH_UNFLUSHED = 24;
/** Left by an invalidation: 1 if a memslot was hit. */
export const SCRATCH_FOUND = 25;
/** Steps of the iterator since it last yielded or began. */
export const SCRATCH_STEPS = 26;
/** 1 once an SPTE was zapped since the invalidation began (policy seqBump end-if-zapped). */
export const SCRATCH_ZAPPED = 27;
/** The record of a tracked range (policy rangeTracking exact). */
export const SCRATCH_RECORD = 28;
/** Free for the coroutine that the thread began with: its agent or storm. */
export const SCRATCH_AGENT = 32;
export const SCRATCH_CELLS = 64;
