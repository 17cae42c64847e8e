/**
 * Combinations of policies that mean nothing: a setting that nothing asks for, or two that exclude each
 * other.
 *
 * A rule judges what was asked for. What a kernel brings with it may lie idle (v7.3 with another mmu still
 * has a rootLock); a setting that somebody chose and that cannot matter would be a result that shows
 * nothing.
 */
import type { Policy, PolicyName, PolicyNumberName } from './policies.js';
import { needBreakApplies } from './preemption.js';

export type SettingName = PolicyName | PolicyNumberName;

/** Whether a setting was changed to something else than the kernel's own. */
export type Asked = (name: SettingName) => boolean;

/** The reason why a policy means nothing, or undefined. */
export type Rule = (policy: Policy, asked: Asked) => string | undefined;

/** What only the TDP MMU asks for. */
const TDP_ONLY: readonly SettingName[] = [
  'notifierUnmap',
  'progressGuard',
  'progressSteps',
  'afterYield',
  'rootIteration',
  'faultLock',
  'faultSpteWrite',
  'frozenSpte',
  'unfreeze',
  'hugeSplit',
  'spurious',
  'rootLock',
  'rootZapLevels',
  'flushInvalidRoots',
];

/** What only the rmap-based MMU asks for, with or without shadow paging. */
const SHADOW_ONLY: readonly SettingName[] = [
  'shadowNotifierYield',
  'shadowBatch',
  'shadowWalkEnd',
  'prefetch',
];

/** A rule for settings that have no effect unless something else holds. */
function idle(
  names: readonly SettingName[],
  matters: (policy: Policy) => boolean,
  reason: (policy: Policy) => string,
): Rule {
  return (policy, asked) => {
    const name = names.find(asked);
    return name === undefined || matters(policy) ? undefined : `${name} has no effect: ${reason(policy)}`;
  };
}

const MMU_RULES: readonly Rule[] = [
  idle(
    TDP_ONLY,
    ({ mmu }) => mmu === 'tdp',
    ({ mmu }) => `it belongs to the TDP MMU, and mmu is ${mmu}`,
  ),
  idle(
    SHADOW_ONLY,
    ({ mmu }) => mmu !== 'tdp',
    () => 'it belongs to the shadow MMU, and mmu is tdp',
  ),
  idle(
    ['fastPath'],
    ({ mmu }) => mmu !== 'shadow-paging',
    () => 'shadow paging has no fast page fault',
  ),
  (policy, asked) =>
    asked('notifierYield') && policy.notifierYield === 'never' && policy.mmu !== 'tdp'
      ? `notifierYield is the TDP MMU's, and mmu is ${policy.mmu}: set shadowNotifierYield`
      : undefined,
  (policy, asked) =>
    asked('notifierYield') &&
    policy.notifierYield === 'always' &&
    policy.mmu !== 'tdp' &&
    policy.shadowNotifierYield === 'never'
      ? 'notifierYield has no effect: with shadowNotifierYield=never the shadow MMU does not yield at all'
      : undefined,
];

const hasRange = ({ rangeTracking }: Policy): boolean => rangeTracking !== 'none';

const PROTOCOL_RULES: readonly Rule[] = [
  idle(['rangeUnit', 'rangeEnd'], hasRange, () => 'with rangeTracking=none there is no range'),
  (policy) =>
    policy.sequence === 'per-range' && !hasRange(policy)
      ? 'sequence=per-range needs ranges, and rangeTracking is none'
      : undefined,
  (policy, asked) =>
    asked('beginOrder') && policy.beginOrder === 'range-after-zap' && !hasRange(policy)
      ? 'beginOrder=range-after-zap has no effect: with rangeTracking=none there is no range'
      : undefined,
  (policy) => {
    const wrong = (['preCheck', 'recheck'] as const).find((name) => policy[name] === 'gfn-against-hva');
    if (wrong === undefined) return undefined;
    if (!hasRange(policy)) return `${wrong}=gfn-against-hva needs a range, and rangeTracking is none`;
    return policy.rangeUnit === 'hva'
      ? undefined
      : `${wrong}=gfn-against-hva is no mistake here: rangeUnit is gfn (take v6.7, or set rangeUnit=hva)`;
  },
  idle(
    ['preCheckResult'],
    ({ preCheck }) => preCheck === 'both' || preCheck === 'before-pfn',
    ({ preCheck }) => `nothing is asked before the page is looked up (preCheck is ${preCheck})`,
  ),
  idle(
    ['earlyRetryPut'],
    ({ preCheck }) => preCheck !== 'none' && preCheck !== 'before-pfn',
    ({ preCheck }) => `nothing is asked after the page was looked up (preCheck is ${preCheck})`,
  ),
  (policy) =>
    policy.preCheckRepeats === 'spin-on-cached-value' &&
    (policy.retry !== 'loop' || policy.preCheck === 'none')
      ? 'preCheckRepeats=spin-on-cached-value needs retry=loop and a preCheck that is repeated'
      : undefined,
  idle(
    ['snapshotBarrier'],
    ({ snapshot }) => snapshot === 'before-gup',
    () => 'with snapshot=after-gup no lookup follows the sample',
  ),
  idle(
    ['endOrder', 'endBarrier'],
    ({ seqBump }) => seqBump !== 'start',
    () => 'with seqBump=start the end of an invalidation does not move the sequence',
  ),
  idle(
    ['agingWrite'],
    ({ agingLock }) => agingLock === 'lockless',
    () => 'with agingLock=write aging excludes everybody',
  ),
  idle(
    ['unfreeze'],
    ({ hugeSplit }) => hugeSplit === 'zap-first',
    () => 'with hugeSplit=prefilled-table no entry is frozen for a flush',
  ),
];

const YIELD_RULES: readonly Rule[] = [
  idle(
    ['rootIteration'],
    ({ notifierYield }) => notifierYield !== 'never',
    () => 'with notifierYield=never no notifier lets go of the lock in the middle of a root',
  ),
  (policy, asked) => {
    const never = policy.mmu === 'tdp' ? policy.notifierYield : policy.shadowNotifierYield;
    return asked('flushOnYield') && never === 'never'
      ? 'flushOnYield has no effect: no walk that owes a flush yields'
      : undefined;
  },
  idle(
    ['progressSteps'],
    ({ progressGuard }) => progressGuard === 'step',
    ({ progressGuard }) => `progressGuard is ${progressGuard}`,
  ),
  idle(
    ['breakBatch'],
    ({ needBreak }) => needBreak === 'after-batch',
    ({ needBreak }) => `needBreak is ${needBreak}`,
  ),
  idle(
    ['breakSliceNs'],
    ({ needBreak }) => needBreak === 'time-slice',
    ({ needBreak }) => `needBreak is ${needBreak}`,
  ),
  idle(
    ['needBreakGate'],
    ({ needBreak, lock }) => needBreak !== 'never' && lock !== 'rt',
    ({ lock }) => (lock === 'rt' ? 'PREEMPT_RT never sees contention' : 'needBreak is never'),
  ),
  idle(
    ['preemptDynamic'],
    ({ needBreakGate }) => needBreakGate === 'config-preemption',
    ({ needBreakGate }) => `needBreakGate is ${needBreakGate}`,
  ),
  (policy, asked) => {
    if (!asked('needBreak') || policy.needBreak === 'never' || needBreakApplies(policy)) return undefined;
    const why =
      policy.lock === 'rt'
        ? 'on PREEMPT_RT rwlock_is_contended() is always 0'
        : `preempt=${policy.preempt} with needBreakGate=${policy.needBreakGate} never looks at it`;
    return `needBreak=${policy.needBreak} has no effect: ${why}`;
  },
];

const isQueuedRwlock = ({ lock }: Policy): boolean => lock === 'qrwlock' || lock === 'test-and-set';

const LOCK_RULES: readonly Rule[] = [
  ({ lock, preempt }) => {
    if ((lock === 'rt') === (preempt === 'rt')) return undefined;
    return lock === 'rt'
      ? `lock=rt is what mmu_lock is with preempt=rt, and only then (preempt is ${preempt})`
      : `with preempt=rt mmu_lock is a sleeping lock: lock=rt, not ${lock}`;
  },
  (policy) =>
    policy.faultLock === 'trylock-spin' && !isQueuedRwlock(policy)
      ? `faultLock=trylock-spin needs the read_trylock() of a queued rwlock, and lock is ${policy.lock}`
      : undefined,
  (policy) =>
    policy.needBreak === 'readers-waiting' && !isQueuedRwlock(policy)
      ? `needBreak=readers-waiting needs a queue that tells readers from writers, and lock is ${policy.lock}`
      : undefined,
  ({ needBreak, faultLock, mmu }) =>
    needBreak === 'waiter-useful' && (faultLock === 'trylock-spin' || mmu !== 'tdp')
      ? 'needBreak=waiter-useful needs faults that queue for mmu_lock to read: mmu=tdp and faultLock=queue'
      : undefined,
  idle(
    ['rtWriterInheritance'],
    ({ lock }) => lock === 'rt',
    ({ lock }) => `lock is ${lock}; set preempt=rt`,
  ),
  idle(
    ['rootLock'],
    ({ lock }) => lock !== 'ticket',
    () => 'lock=ticket is a spinlock: reading it is the same as writing it',
  ),
];

/** Every rule, in the order in which reasons are given. */
export const POLICY_RULES: readonly Rule[] = [...MMU_RULES, ...LOCK_RULES, ...PROTOCOL_RULES, ...YIELD_RULES];
