/**
 * Kernels as sets of policies: each is the one before it and what changed.
 *
 * What is known from reading a kernel's source or a commit says so; the version in which a change came in is
 * sometimes only remembered, between two sources that were read, and says that too. Preemption models and HZ
 * are those of Debian's packages where there is one, because that is what measurements run on.
 */
import { InputError } from '../trace/errors.js';
import { didYouMean } from './nearest.js';
import { POLICIES, POLICY_NUMBERS, type Policy, type PolicyChange } from './policies.js';

export type PreemptModel = Policy['preempt'];

/** One way in which a kernel differs from the one before it in the list. */
export interface KernelDifference {
  readonly change: PolicyChange;
  /** Version that brought it, without the v. */
  readonly since: string;
  readonly what: string;
  /** Commit, source or mail that says so. */
  readonly evidence: string;
}

export interface Kernel {
  readonly name: string;
  readonly differences: readonly KernelDifference[];
  /** Preemption models that it can run. rt: with the RT patches until 6.11, mainline since 6.12. */
  readonly preemptModels: readonly PreemptModel[];
  /** CONFIG_HZ of Debian's packages. */
  readonly hz: number;
}

const FROM_MEMORY = 'version from memory';
const SOURCE_510 = 'source of 5.10.262';
const SOURCES_510_61 = `absent in the source of 5.10.262, present in that of 6.1.192; ${FROM_MEMORY}`;

/** v5.10, told as what it does not do yet. */
const V5_10: readonly KernelDifference[] = [
  {
    change: { mmu: 'shadow' },
    since: '5.10',
    what: 'The TDP MMU exists, but its parameter tdp_mmu is off.',
    evidence: SOURCE_510,
  },
  { change: { lock: 'ticket' }, since: '5.10', what: 'mmu_lock is a spinlock.', evidence: SOURCE_510 },
  {
    change: { rangeTracking: 'none', rangeUnit: 'hva' },
    since: '5.10',
    what: 'An invalidation in progress has no range: any of them makes every fault retry.',
    evidence: SOURCE_510,
  },
  {
    change: { preCheck: 'none' },
    since: '5.10',
    what: 'Faults ask for invalidations under mmu_lock only.',
    evidence: SOURCE_510,
  },
  {
    change: { notifierYield: 'never', shadowNotifierYield: 'never' },
    since: '5.10',
    what: 'A notifier holds mmu_lock until it is done.',
    evidence: SOURCE_510,
  },
  {
    change: { notifierUnmap: 'subtrees' },
    since: '5.10',
    what: 'A notifier zaps whole page tables of the TDP MMU where its range covers them.',
    evidence: SOURCE_510,
  },
  {
    change: { needBreakGate: 'config-preemption', preemptDynamic: 'static', preempt: 'voluntary' },
    since: '5.10',
    what: 'spin_needbreak() is a matter of CONFIG_PREEMPTION, which only full (and rt) kernels set.',
    evidence: `${SOURCE_510}; Debian's configuration is PREEMPT_VOLUNTARY`,
  },
  {
    change: { fastPath: 'shadow-only' },
    since: '5.10',
    what: 'The TDP MMU has no fast page fault.',
    evidence: SOURCE_510,
  },
  {
    change: { spurious: 'none', hugeSplit: 'zap-first' },
    since: '5.10',
    what: 'A fault zaps a huge page that it must split, and does not look whether an entry already permits its access.',
    evidence: SOURCE_510,
  },
  {
    change: { rootLock: 'write', rootZapLevels: '1g-top', flushInvalidRoots: 'flush' },
    since: '5.10',
    what: 'Roots are loaded with mmu_lock held for write, zapped in large steps, and flushed like valid ones.',
    evidence: `${SOURCE_510} and of 6.1.192`,
  },
  {
    change: { agingLock: 'write', agingFlush: 'if-young', dirtyWriteBack: 'on-zap' },
    since: '5.10',
    what: 'Aging holds mmu_lock and flushes what was young; zaps write accessed and dirty bits back to the page.',
    evidence: `${SOURCE_510} and of 6.1.192`,
  },
  {
    change: { apicPage: 'no-retry', pfnCache: 'mmu-seq', changePte: 'write-lock' },
    since: '5.10',
    what:
      'The APIC access page is reloaded without asking for invalidations; change_pte takes mmu_lock.' +
      ' (gfn_to_pfn_cache as modelled is newer than 5.10.)',
    evidence: 'source of 6.1.192',
  },
  {
    change: { numaRange: 'pmd' },
    since: '5.10',
    what: 'A NUMA scan announces its range from the first populated PMD of each PUD.',
    evidence: 'what 7f06e3aa2e83 changed',
  },
];

const V6_1: readonly KernelDifference[] = [
  {
    change: { lock: 'qrwlock' },
    since: '5.12',
    what: 'mmu_lock becomes a rwlock on x86; TDP faults take it for read.',
    evidence: SOURCES_510_61,
  },
  {
    change: { rangeTracking: 'hull' },
    since: '5.12',
    what: 'A fault retries only if its host address lies in the hull of the invalidations in progress.',
    evidence: SOURCES_510_61,
  },
  {
    change: { notifierYield: 'if-blockable' },
    since: '5.13',
    what: 'The TDP MMU may drop mmu_lock while a notifier zaps.',
    evidence: `e1eed5847b09; ${FROM_MEMORY}`,
  },
  { change: { mmu: 'tdp' }, since: '5.15', what: 'The TDP MMU is on.', evidence: SOURCES_510_61 },
  {
    change: { fastPath: 'tdp-and-shadow' },
    since: '5.15',
    what: 'Fast page faults in the TDP MMU.',
    evidence: SOURCES_510_61,
  },
  {
    change: { preemptDynamic: 'dynamic' },
    since: '5.16',
    what: 'Distributions get PREEMPT_DYNAMIC, and with it CONFIG_PREEMPTION: voluntary kernels yield contended locks.',
    evidence: 'c597bfddc9e9',
  },
  {
    change: { rootIteration: 'yield-safe' },
    since: '5.16',
    what: 'A notifier that may yield holds a reference to the root that it walks; from 5.13 to 5.15 it did not.',
    evidence: '7533377215b6',
  },
  {
    change: { notifierUnmap: 'leaves' },
    since: '5.18',
    what: 'A notifier zaps leaf entries one by one: many more places to yield. Both reporters bisected to it.',
    evidence: 'f47e5bbbc92f',
  },
];

const V6_7: readonly KernelDifference[] = [
  {
    change: { hugeSplit: 'prefilled-table' },
    since: '6.3',
    what: 'A fault that splits a huge page links a table that maps the same pages.',
    evidence: `absent in the source of 6.1.192, present in that of 6.12.117; ${FROM_MEMORY}`,
  },
  {
    change: { apicPage: 'retry' },
    since: '6.5',
    what: 'The reload of the APIC access page asks for invalidations under mmu_lock.',
    evidence: `absent in the source of 6.1.192, present in that of 6.12.117; ${FROM_MEMORY}`,
  },
];

const V6_8: readonly KernelDifference[] = [
  {
    change: { rangeUnit: 'gfn' },
    since: '6.8',
    what: 'The range of invalidations counts guest frames instead of host addresses.',
    evidence: '8569992d64b8',
  },
  {
    change: { preCheck: 'both' },
    since: '6.8',
    what: 'A fault asks for invalidations before and after it looks its page up, without mmu_lock.',
    evidence: 'd02c357e5bfa',
  },
];

const V6_11: readonly KernelDifference[] = [
  {
    change: { rootLock: 'read', rootZapLevels: '4k-2m-1g-top', flushInvalidRoots: 'skip' },
    since: '6.9',
    what: 'Roots are loaded and freed with mmu_lock held for read, zapped in fine steps, and not flushed when invalid.',
    evidence: 'text of the pull request for 6.9, source of 6.12.117',
  },
  {
    change: { changePte: 'none' },
    since: '6.10',
    what: 'The notifier change_pte is gone.',
    evidence: `absent in the source of 6.12.117; ${FROM_MEMORY}`,
  },
  {
    change: { needBreakGate: 'preempt-model' },
    since: '6.11',
    what: 'rwlock_needbreak() asks which preemption model runs.',
    evidence: 'c793a62823d1',
  },
];

const V6_12: readonly KernelDifference[] = [
  {
    change: { shadowNotifierYield: 'per-head' },
    since: '6.12',
    what: 'The shadow MMU may drop mmu_lock while a notifier zaps.',
    evidence: 'source of 6.12.117',
  },
  {
    change: { numaRange: 'pud' },
    since: '6.12',
    what: 'A NUMA scan announces its range from the first populated PUD: practically all of it.',
    evidence: '7f06e3aa2e83',
  },
  {
    change: { spurious: 'check' },
    since: '6.12',
    what: 'The TDP map notices that an entry already permits the access.',
    evidence: 'source of 6.12.117',
  },
];

const V6_13: readonly KernelDifference[] = [
  {
    change: { agingFlush: 'never' },
    since: '6.13',
    what: 'Aging does not flush.',
    evidence: 'text of the pull request for 6.13',
  },
  {
    change: { dirtyWriteBack: 'none' },
    since: '6.13',
    what: 'Zaps do not write accessed and dirty bits back.',
    evidence: `present in the source of 6.12.117, absent in that of 7.3.4; ${FROM_MEMORY}`,
  },
];

const V6_15: readonly KernelDifference[] = [
  {
    change: { agingLock: 'lockless' },
    since: '6.15',
    what: 'Aging takes no mmu_lock.',
    evidence: 'text of the pull request for 6.15, source of 7.3.4',
  },
];

const V7_0: readonly KernelDifference[] = [
  {
    change: { preempt: 'lazy' },
    since: '7.0',
    what: 'x86 kernels are full or lazy (or rt): yielding a contended mmu_lock is the default everywhere.',
    evidence: '7dadeaa6e851',
  },
];

const V7_3: readonly KernelDifference[] = [
  {
    change: { pfnCache: 'own-seq' },
    since: '7.3',
    what: 'A gfn_to_pfn_cache compares a sequence of its own, which every invalidation moves.',
    evidence: `present in the source of 7.3.4, absent in that of 6.12.117; ${FROM_MEMORY}`,
  },
];

const STATIC: readonly PreemptModel[] = ['none', 'voluntary', 'full', 'rt'];
const WITH_LAZY: readonly PreemptModel[] = ['none', 'voluntary', 'full', 'lazy', 'rt'];
const SINCE_7_0: readonly PreemptModel[] = ['full', 'lazy', 'rt'];

function kernel(
  name: string,
  differences: readonly KernelDifference[],
  preemptModels: readonly PreemptModel[],
): Kernel {
  return { name, differences, preemptModels, hz: 250 };
}

/** Oldest first. */
export const KERNELS: readonly Kernel[] = [
  kernel('v5.10', V5_10, STATIC),
  kernel('v6.1', V6_1, STATIC),
  kernel('v6.7', V6_7, STATIC),
  kernel('v6.8', V6_8, STATIC),
  kernel('v6.11', V6_11, STATIC),
  kernel('v6.12', V6_12, STATIC),
  // PREEMPT_LAZY: 7c70cb94d29c.
  kernel('v6.13', V6_13, WITH_LAZY),
  kernel('v6.15', V6_15, WITH_LAZY),
  kernel('v7.0', V7_0, SINCE_7_0),
  kernel('v7.3', V7_3, SINCE_7_0),
];

/** The first answer to every decision: what v7.3 does. */
function firstAnswers(): Policy {
  const values = Object.entries(POLICIES).map(
    ([
      name,
      {
        values: [first],
      },
    ]) => [name, first],
  );
  const numbers = Object.entries(POLICY_NUMBERS).map(([name, { default: value }]) => [name, value]);
  return Object.fromEntries([...values, ...numbers]) as Policy;
}

/**
 * The kernel of that name, with or without its v.
 *
 * @throws InputError that lists the kernels
 */
export function findKernel(name: string): Kernel {
  const wanted = name.startsWith('v') ? name : `v${name}`;
  const found = KERNELS.find((each) => each.name === wanted);
  if (found !== undefined) return found;
  const names = KERNELS.map((each) => each.name);
  throw new InputError(`no kernel '${name}'${didYouMean(wanted, names)} (there are ${names.join(', ')})`, {
    field: 'kernel',
  });
}

/** What a kernel does, as it comes. */
export function kernelPolicy(name: string): Policy {
  const index = KERNELS.indexOf(findKernel(name));
  const changes = KERNELS.slice(0, index + 1).flatMap((each) => each.differences.map(({ change }) => change));
  return Object.assign(firstAnswers(), ...changes) as Policy;
}
