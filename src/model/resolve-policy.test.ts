import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../trace/errors.js';
import { KERNELS, kernelPolicy } from './kernels.js';
import { POLICIES, POLICY_NUMBERS, type Policy } from './policies.js';
import { resolvePolicy, type PolicyChanges } from './resolve-policy.js';

const names = KERNELS.map(({ name }) => name);

/** The one line that a user sees, or the policy. */
function outcome(kernel: string, changes: PolicyChanges): Policy | string {
  try {
    return resolvePolicy(kernel, changes);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.oneLine;
  }
}

describe('resolvePolicy', () => {
  it.each(names)('%s without changes is the kernel', (name) => {
    expect(resolvePolicy(name)).toEqual(kernelPolicy(name));
  });

  it('takes values and numbers as text or as they are', () => {
    expect(resolvePolicy('v7.3', { needBreak: 'after-batch', breakBatch: '64' }).breakBatch).toBe(64);
    expect(resolvePolicy('v7.3', { needBreak: 'time-slice', breakSliceNs: 5000 }).breakSliceNs).toBe(5000);
    expect(resolvePolicy('6.12', { mmu: 'shadow', shadowBatch: 1 }).shadowBatch).toBe('1');
  });

  it('rt brings its lock with it, and the lock its model', () => {
    expect(resolvePolicy('v6.12', { preempt: 'rt' }).lock).toBe('rt');
    expect(resolvePolicy('v6.12', { lock: 'rt' }).preempt).toBe('rt');
  });

  it('the kernel’s own answers may be named though they lie idle', () => {
    expect(resolvePolicy('v7.3', { mmu: 'shadow', rootLock: 'read', faultLock: 'queue' }).mmu).toBe('shadow');
  });

  it.each([
    [{ recheckk: 'none' }, "no policy 'recheckk'; did you mean 'recheck'?"],
    [{ zzzzzzzzzz: 'none' }, "no policy 'zzzzzzzzzz'"],
    [{ toString: 'none' }, "no policy 'toString'"],
    [{ recheck: 'nonne' }, "recheck cannot be 'nonne'; did you mean 'none'? (it is one of full, none,"],
    [{ recheck: '' }, "recheck cannot be ''"],
    [{ needBreak: 'after-batch', breakBatch: '64ns' }, 'breakBatch must be a whole number from 1 to'],
    [{ needBreak: 'after-batch', breakBatch: 0 }, 'breakBatch must be a whole number from 1 to'],
    [{ needBreak: 'after-batch', breakBatch: 1.5 }, "not '1.5'"],
    [{ needBreak: 'after-batch', breakBatch: '9999999999' }, 'from 1 to 2147483647'],
  ])('%j: %s', (changes, message) => {
    const line = outcome('v7.3', changes);
    expect(line).toContain(message);
  });
});

describe('what means nothing is refused with a reason', () => {
  const refused: readonly [string, PolicyChanges, string][] = [
    [
      'v7.3',
      { mmu: 'shadow', afterYield: 'continue-in-table' },
      'afterYield has no effect: it belongs to the TDP MMU',
    ],
    [
      'v7.3',
      { mmu: 'shadow', faultLock: 'trylock-spin' },
      'faultLock has no effect: it belongs to the TDP MMU',
    ],
    ['v7.3', { shadowNotifierYield: 'never' }, 'belongs to the shadow MMU, and mmu is tdp'],
    ['v7.3', { mmu: 'shadow-paging', fastPath: 'plain-store' }, 'shadow paging has no fast page fault'],
    ['v7.3', { mmu: 'shadow', notifierYield: 'never' }, 'set shadowNotifierYield'],
    ['v6.1', { mmu: 'shadow', notifierYield: 'always' }, 'does not yield at all'],
    ['v5.10', { mmu: 'tdp', faultLock: 'trylock-spin' }, 'lock is ticket'],
    ['v7.3', { lock: 'fair', faultLock: 'trylock-spin' }, 'lock is fair'],
    ['v7.3', { preempt: 'rt', faultLock: 'trylock-spin' }, 'lock is rt'],
    ['v6.12', { preempt: 'lazy' }, 'v6.12 cannot run preempt=lazy (it has none, voluntary, full, rt)'],
    ['v7.0', { preempt: 'voluntary' }, 'v7.0 cannot run preempt=voluntary (it has full, lazy, rt)'],
    ['v7.3', { preempt: 'none' }, 'cannot run preempt=none'],
    ['v5.10', { preemptDynamic: 'dynamic' }, 'v5.10 has no PREEMPT_DYNAMIC'],
    ['v7.3', { preempt: 'rt', lock: 'qrwlock' }, 'with preempt=rt mmu_lock is a sleeping lock'],
    ['v7.3', { preempt: 'full', lock: 'rt' }, 'only then (preempt is full)'],
    ['v7.3', { preempt: 'rt', needBreak: 'readers-waiting' }, 'lock is rt'],
    ['v7.3', { preempt: 'rt', needBreak: 'after-batch' }, 'rwlock_is_contended() is always 0'],
    ['v7.3', { lock: 'ticket', needBreak: 'readers-waiting' }, 'lock is ticket'],
    [
      'v6.12',
      { needBreak: 'after-batch' },
      'preempt=voluntary with needBreakGate=preempt-model never looks at it',
    ],
    ['v7.3', { needBreak: 'waiter-useful', faultLock: 'trylock-spin' }, 'faults that queue'],
    ['v7.3', { rtWriterInheritance: 'none' }, 'set preempt=rt'],
    ['v7.3', { sequence: 'per-range', rangeTracking: 'none' }, 'rangeTracking is none'],
    ['v7.3', { rangeTracking: 'none', rangeEnd: 'off-by-one' }, 'there is no range'],
    ['v7.3', { rangeTracking: 'none', beginOrder: 'range-after-zap' }, 'there is no range'],
    ['v7.3', { recheck: 'gfn-against-hva' }, 'rangeUnit is gfn'],
    ['v5.10', { preCheck: 'gfn-against-hva' }, 'rangeTracking is none'],
    ['v7.3', { preCheck: 'none', preCheckResult: 'continue' }, 'preCheck is none'],
    ['v7.3', { preCheck: 'before-pfn', earlyRetryPut: 'leak' }, 'preCheck is before-pfn'],
    ['v7.3', { preCheckRepeats: 'spin-on-cached-value' }, 'needs retry=loop'],
    ['v7.3', { snapshot: 'after-gup', snapshotBarrier: 'none' }, 'no lookup follows the sample'],
    ['v7.3', { seqBump: 'start', endOrder: 'count-then-seq' }, 'does not move the sequence'],
    ['v6.12', { agingWrite: 'store' }, 'aging excludes everybody'],
    ['v7.3', { unfreeze: 'before-flush' }, 'no entry is frozen for a flush'],
    ['v7.3', { notifierYield: 'never', rootIteration: 'plain' }, 'lets go of the lock'],
    ['v7.3', { notifierYield: 'never', flushOnYield: 'none' }, 'no walk that owes a flush yields'],
    ['v7.3', { progressGuard: 'none', progressSteps: 8 }, 'progressGuard is none'],
    ['v7.3', { breakBatch: 64 }, 'needBreak is contended'],
    ['v7.3', { breakSliceNs: 64 }, 'needBreak is contended'],
    ['v7.3', { needBreak: 'never', needBreakGate: 'always' }, 'needBreak is never'],
    ['v7.3', { preemptDynamic: 'static' }, 'needBreakGate is preempt-model'],
    ['v7.3', { lock: 'ticket', rootLock: 'write' }, 'reading it is the same as writing it'],
  ];

  it.each(refused)('%s %j: %s', (kernel, changes, reason) => {
    expect(outcome(kernel, changes)).toContain(reason);
  });

  it('what a kernel cannot run can be forced, what means nothing cannot', () => {
    expect(resolvePolicy('v6.12', { preempt: 'lazy' }, true).preempt).toBe('lazy');
    expect(resolvePolicy('v7.3', { preempt: 'none' }, true).preempt).toBe('none');
    expect(() => resolvePolicy('v7.3', { breakBatch: 64 }, true)).toThrow('has no effect');
  });

  it.each([
    ['the wrong unit on 6.7', 'v6.7', { preCheck: 'gfn-against-hva' }],
    ['5.10 with its TDP MMU', 'v5.10', { mmu: 'tdp' }],
    ['no yield on RT, which is what it does anyway', 'v7.3', { preempt: 'rt', needBreak: 'never' }],
    ['a backport', 'v6.1', { agingLock: 'lockless', preCheck: 'both' }],
    ['a pre-check alone', 'v6.7', { preCheck: 'after-pfn' }],
    ['two proposals', 'v7.3', { sequence: 'per-range', rangeTracking: 'exact', retry: 'wait-for-end' }],
    ['per-range sequence over a hull', 'v7.3', { sequence: 'per-range' }],
    [
      'batches where a gate is opened',
      'v6.12',
      { needBreakGate: 'always', needBreak: 'after-batch', breakBatch: 9 },
    ],
  ])('legal: %s', (_, kernel, changes) => {
    expect(outcome(kernel, changes as PolicyChanges)).toMatchObject(changes);
  });
});

describe('any combination', () => {
  const setting = fc.oneof(
    ...Object.entries(POLICIES).map(([name, { values }]) =>
      fc.tuple(fc.constant(name), fc.constantFrom<string | number>(...values)),
    ),
    ...Object.keys(POLICY_NUMBERS).map((name) =>
      fc.tuple(fc.constant(name), fc.integer({ min: 1, max: 1e6 }) as fc.Arbitrary<string | number>),
    ),
  );

  it('resolves to what was asked for, or is refused in one line', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.array(setting, { maxLength: 6 }), (kernel, pairs) => {
        const changes = Object.fromEntries(pairs);
        const result = outcome(kernel, changes);
        const refused = typeof result === 'string' && /^\(policy\): .{10,200}$/.test(result);
        expect(refused ? {} : result).toMatchObject(refused ? {} : changes);
      }),
      { numRuns: 3000 },
    );
  });

  it('one change alone is refused only for a reason that another change can take away', () => {
    // Every value of every policy is reachable on some kernel, perhaps with company: mutants.test.ts has
    // the company.
    const alone = Object.entries(POLICIES).flatMap(([name, { values }]) =>
      values.map((value) => ({
        name,
        reachable: names.some((kernel) => typeof outcome(kernel, { [name]: value }) !== 'string'),
      })),
    );
    const never = alone.filter(({ reachable }) => !reachable).map(({ name }) => name);
    expect([...new Set(never)]).toEqual(['preCheckRepeats', 'rtWriterInheritance']);
  });
});
