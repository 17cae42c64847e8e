/**
 * Policies: every way in which one KVM differs from another, by kernel, by proposal or by mistake.
 *
 * A policy names a decision of the protocol and lists its possible answers; the model asks at the place
 * where the kernel's versions differ. `kernels.ts` gives each kernel's answers, `mutants.ts` wrong ones.
 */

/** Every decision, its possible answers (the first is that of current kernels), and what it decides. */
export const POLICIES = {
  mmu: {
    values: ['tdp', 'shadow', 'shadow-paging'],
    meaning:
      'Which MMU maps guest memory: the TDP MMU (faults take mmu_lock for read), the rmap-based MMU' +
      ' for two-dimensional paging (tdp_mmu=N; for write), or shadow paging of the guest’s own' +
      ' tables (no EPT or NPT, PVM; for write).',
  },
  preCheck: {
    values: ['both', 'before-pfn', 'none', 'after-pfn', 'inverted', 'gfn-against-hva'],
    meaning:
      'Whether a fault asks without the lock if its page is being invalidated: before the page is' +
      ' looked up (P1) and after (P2; both since 6.8), neither, one of them, P1 guarded by the' +
      ' wrong sign (the patch’s v4), or P2 comparing a gfn with a range of host addresses (v2 on' +
      ' 6.7).',
  },
  preCheckRepeats: {
    values: ['re-enter', 'spin-on-cached-value'],
    meaning: 'What a retry loop in the kernel re-reads; the second is a loop whose load was hoisted.',
  },
  retry: {
    values: ['re-enter', 'loop', 'wait-for-end'],
    meaning:
      'What a vCPU does that has to retry: re-enter the guest and fault again, loop inside the' +
      ' kernel, or sleep until an invalidation ends.',
  },
  snapshot: {
    values: ['before-gup', 'after-gup'],
    meaning: 'When the fault samples mmu_invalidate_seq: before it looks the page up, or after.',
  },
  snapshotBarrier: {
    values: ['rmb', 'none'],
    meaning: 'smp_rmb() between the sample of mmu_invalidate_seq and the lookup of the page.',
  },
  recheck: {
    values: ['full', 'none', 'in-progress-only', 'seq-only', 'gfn-against-hva'],
    meaning: 'What the fault asks again under mmu_lock.',
  },
  preCheckResult: {
    values: ['retry', 'continue'],
    meaning: 'What a positive pre-check returns: RET_PF_RETRY, or RET_PF_CONTINUE with no page.',
  },
  earlyRetryPut: {
    values: ['put', 'leak'],
    meaning:
      'Whether a retry after the lookup drops the reference to the page (v1 and v2 of the patch did' +
      ' not).',
  },
  seqBump: {
    values: ['end', 'start', 'end-if-zapped'],
    meaning: 'When mmu_invalidate_seq moves.',
  },
  endOrder: {
    values: ['seq-then-count', 'count-then-seq'],
    meaning: 'In which order an ending invalidation moves the sequence and drops the count.',
  },
  endBarrier: {
    values: ['wmb', 'none'],
    meaning: 'smp_wmb() between the sequence and the count in the end of an invalidation.',
  },
  endLock: {
    values: ['write', 'none'],
    meaning: 'Whether the end of an invalidation takes mmu_lock for write.',
  },
  endCount: {
    values: ['decrement', 'zero'],
    meaning: 'How the end of an invalidation changes the count of those in progress.',
  },
  beginOrder: {
    values: ['before-zap', 'count-after-zap', 'range-after-zap'],
    meaning: 'Whether an invalidation is announced (its count, its range) before it zaps.',
  },
  rangeUnit: {
    values: ['gfn', 'hva'],
    meaning:
      'What the range of invalidations in progress counts: guest frames (since 6.8) or host addresses.',
  },
  rangeTracking: {
    values: [
      'hull',
      'exact',
      'none',
      'overwrite',
      'hull-reset-at-begin',
      'hull-cleared-at-end',
      'hull-never-reset',
    ],
    meaning:
      'How ranges of overlapping invalidations are kept: one hull, each by itself (a proposal), not' +
      ' at all (5.10); the others are mistakes.',
  },
  rangeEnd: {
    values: ['exclusive', 'off-by-one'],
    meaning: 'Whether the range’s last page is covered.',
  },
  sequence: {
    values: ['global', 'per-range'],
    meaning:
      'Whether a completed invalidation of any page makes a fault retry, or only one whose range' +
      ' holds its page.',
  },
  notifierUnmap: {
    values: ['leaves', 'subtrees', 'skip-invalid-roots'],
    meaning:
      'What a notifier zaps in the TDP MMU: leaf entries one by one (since f47e5bbbc92f, 5.18), or' +
      ' whole page tables where the range covers them; or, wrongly, nothing in invalid roots.',
  },
  notifierYield: {
    values: ['if-blockable', 'never', 'always'],
    meaning:
      'Whether the TDP MMU may drop mmu_lock while a notifier zaps (since 5.13, if the caller can' +
      ' block).',
  },
  needBreak: {
    values: ['contended', 'never', 'after-batch', 'waiter-useful', 'time-slice', 'readers-waiting'],
    meaning:
      'When rwlock_needbreak() says yes, apart from needBreakGate: the lock is contended; never;' +
      ' contended and a batch of entries was done; contended by a fault outside the range;' +
      ' contended and the time slice is over; contended by a reader.',
  },
  needBreakGate: {
    values: ['preempt-model', 'config-preemption', 'always'],
    meaning:
      'What else rwlock_needbreak() asks: the live preemption model (since 6.11), CONFIG_PREEMPTION' +
      ' (true on kernels with PREEMPT_DYNAMIC), or nothing.',
  },
  yieldDrops: {
    values: ['lock', 'nothing'],
    meaning: 'Whether a yield drops the lock, or only relaxes the CPU.',
  },
  progressGuard: {
    values: ['step', 'none', 'current-gfn'],
    meaning:
      'What must have moved before the TDP iterator yields again: its goal (tdp_iter_next),' +
      ' nothing, or the gfn it stands on.',
  },
  afterYield: {
    values: ['restart-at-root', 'continue-in-table'],
    meaning: 'Where the TDP iterator goes on after a yield.',
  },
  rootIteration: {
    values: ['yield-safe', 'plain'],
    meaning: 'Whether the notifier holds a reference to the root that it walks (7533377215b6).',
  },
  flushOnYield: {
    values: ['full', 'none', 'ranged', 'keep-pending', 'forgotten'],
    meaning:
      'What a walk flushes before it drops the lock: everything, nothing (unsafe), a range; or' +
      ' everything while it goes on believing that a flush is due, or while each test forgets the' +
      ' flush that is due even if it did not yield.',
  },
  flushAtEnd: {
    values: ['under-lock', 'after-unlock'],
    meaning: 'Whether the start of an invalidation flushes before it releases mmu_lock.',
  },
  flushAcrossRoots: {
    values: ['accumulate', 'last-only'],
    meaning: 'Whether a flush that one root or slot needs survives the next.',
  },
  flushInvalidRoots: {
    values: ['skip', 'flush'],
    meaning: 'Whether zapping an invalid root asks for a flush (it does not since 6.9).',
  },
  flushRequest: {
    values: ['wait', 'no-wait'],
    meaning: 'Whether a remote flush waits until every vCPU has left the guest.',
  },
  kickCondition: {
    values: ['not-outside', 'in-guest-only'],
    meaning: 'Which vCPUs a waiting request interrupts.',
  },
  entryOrder: {
    values: ['mode-then-requests', 'requests-then-mode', 'no-barrier'],
    meaning: 'In which order a vCPU that enters the guest announces it and looks for requests.',
  },
  shadowWalkEnd: {
    values: ['release', 'early'],
    meaning: 'Whether a lockless shadow walk says that it is over after its last read.',
  },
  activeCount: {
    values: ['always', 'on-memslot-hit', 'not-awaited'],
    meaning:
      'Whether mn_active_invalidate_count is kept for every invalidation and awaited by memslot' +
      ' updates.',
  },
  endElision: {
    values: ['never', 'no-memslot'],
    meaning: 'Whether the end of an invalidation is left out when its range no longer hits a memslot.',
  },
  faultLock: {
    values: ['queue', 'trylock-spin'],
    meaning:
      'How the TDP fault takes mmu_lock: in the queue, or spinning on read_trylock() (a proposal of' +
      ' the thread).',
  },
  lock: {
    values: ['qrwlock', 'test-and-set', 'ticket', 'fair', 'rt', 'contract'],
    meaning:
      'What mmu_lock is: queued rwlock; a rwlock whose queue is an unfair test-and-set (hypervisor' +
      ' without PV locks); a spinlock in order of tickets (5.10); a rwlock that admits in strict' +
      ' order; PREEMPT_RT’s sleeping rwlock; or every lock reduced to what it promises, exclusion' +
      ' in any order and nobody seen to wait, for checks that are not about locks.',
  },
  rtWriterInheritance: {
    values: ['boost', 'none'],
    meaning: 'PREEMPT_RT: whether a reader that was preempted inherits the priority of a waiting writer.',
  },
  preempt: {
    values: ['lazy', 'full', 'voluntary', 'none', 'rt'],
    meaning: 'The preemption model.',
  },
  faultSpteWrite: {
    values: ['cmpxchg', 'store'],
    meaning: 'How a fault under the shared lock writes an SPTE.',
  },
  frozenSpte: {
    values: ['respect', 'ignore'],
    meaning: 'Whether a fault stops at an entry that another task is changing.',
  },
  unfreeze: {
    values: ['after-flush', 'before-flush'],
    meaning: 'When a frozen entry becomes usable again (huge page replaced by a table).',
  },
  fastPath: {
    values: ['tdp-and-shadow', 'shadow-only', 'plain-store'],
    meaning: 'Where the lockless fast page fault runs; or, wrongly, that it writes without cmpxchg.',
  },
  prefetch: {
    values: ['unless-invalidating', 'always'],
    meaning: 'Whether neighbours of a faulting page are mapped too while an invalidation is in progress.',
  },
  hostLevel: {
    values: ['after-recheck', 'before-recheck'],
    meaning: 'When the fault reads how large the host maps its page.',
  },
  spurious: {
    values: ['check', 'none'],
    meaning: 'Whether the TDP map notices that an entry already permits the access (since 6.12).',
  },
  rootLock: {
    values: ['read', 'write'],
    meaning: 'How vCPUs take mmu_lock to load a root (read since 6.9).',
  },
  rootZapLevels: {
    values: ['4k-2m-1g-top', '1g-top'],
    meaning: 'In which steps a root is zapped (finer since 6.9).',
  },
  rootInvalidation: {
    values: ['wait', 'no-wait'],
    meaning: 'Whether the request to leave obsolete roots waits for vCPUs in the guest.',
  },
  memslotDelete: {
    values: ['zap-after-srcu', 'zap-before-srcu'],
    meaning: 'Whether a deleted memslot is zapped after every reader has left the old memslots.',
  },
  memslotZap: {
    values: ['all-fast', 'slot-only'],
    meaning: 'Whether deleting a memslot makes all page tables obsolete (quirk) or zaps its own.',
  },
  shadowNotifierYield: {
    values: ['per-head', 'never'],
    meaning: 'Whether the shadow MMU may drop mmu_lock while a notifier zaps (since 6.12).',
  },
  shadowBatch: {
    values: ['10', '1'],
    meaning: 'After how many zapped obsolete shadow pages the lock may be dropped.',
  },
  agingLock: {
    values: ['lockless', 'write'],
    meaning: 'How accessed bits are aged: without mmu_lock (since 6.15), or holding it for write.',
  },
  agingFlush: {
    values: ['never', 'if-young'],
    meaning: 'Whether clear_flush_young flushes (until 6.12).',
  },
  agingWrite: {
    values: ['cmpxchg', 'store'],
    meaning: 'How lockless aging clears a bit.',
  },
  apicPage: {
    values: ['retry', 'no-retry'],
    meaning: 'Whether the reload of the APIC access page asks for invalidations (since 6.5).',
  },
  pfnCache: {
    values: ['own-seq', 'mmu-seq'],
    meaning: 'Which sequence a gfn_to_pfn_cache refresh compares: its own (7.3) or mmu_invalidate_seq.',
  },
  dirtyWriteBack: {
    values: ['none', 'on-zap'],
    meaning: 'Whether a zap writes dirty and accessed bits back to the page (until 6.12).',
  },
  numaRange: {
    values: ['pud', 'pmd'],
    meaning: 'How much a NUMA scan announces at once: from the first populated PUD (since 6.12) or PMD.',
  },
  preemptDynamic: {
    values: ['dynamic', 'static'],
    meaning:
      'Whether the kernel is built with PREEMPT_DYNAMIC, which sets CONFIG_PREEMPTION whatever' +
      ' model runs; static: it is set for full and rt alone (5.10). For needBreakGate' +
      ' config-preemption.',
  },
  hugeSplit: {
    values: ['prefilled-table', 'zap-first'],
    meaning:
      'How a fault in the TDP MMU splits a huge page: it links a table that maps the same, or (6.1)' +
      ' freezes the entry, flushes, zaps it and then links an empty table.',
  },
  changePte: {
    values: ['none', 'write-lock'],
    meaning:
      'Whether KSM and COW call the change_pte notifier (until 6.9), which takes mmu_lock for write' +
      ' while an invalidation is in progress.',
  },
} as const satisfies Record<string, { values: readonly [string, ...string[]]; meaning: string }>;

export type PolicyName = keyof typeof POLICIES;

/** Settings that are numbers. */
export const POLICY_NUMBERS = {
  breakBatch: { default: 512, meaning: 'needBreak after-batch: entries between two yields.' },
  breakSliceNs: {
    default: 100_000,
    meaning: 'needBreak time-slice: ns that the lock is held before a yield.',
  },
  progressSteps: { default: 1, meaning: 'progressGuard step: sideways steps between two yields.' },
} as const satisfies Record<string, { default: number; meaning: string }>;

export type PolicyNumberName = keyof typeof POLICY_NUMBERS;

/** One answer to every decision. */
export type Policy = {
  readonly [Name in PolicyName]: (typeof POLICIES)[Name]['values'][number];
} & { readonly [Name in PolicyNumberName]: number };

/** Answers to some decisions. */
export type PolicyChange = Partial<Policy>;
