/**
 * The statements of the seed's thread, and how each is judged.
 *
 * Seed mail: Sean Christopherson to Xu Yilun, KVM list, 18 January 2024, in the thread of v2 of "Retry
 * fault before acquiring mmu_lock if mapping is changing". Where a statement was first made elsewhere, its
 * source says so.
 */
import { isAbove, type ClaimReport, type ClaimRow } from '../../report/claims.js';
import { formatPercent } from '../../report/format.js';
import { change, count, factor, stall, time, usefulShare } from './phrases.js';
import { incident, OUTSIDE, WRITERS, type Group, type Variant } from './situations.js';

export interface Claim {
  readonly id: string;
  readonly title: string;
  readonly says: string;
  readonly source: string;
  readonly groups: readonly Group[];
  readonly variants: readonly Variant[];
  /** `rows` by group, then by variant. */
  readonly judge: (rows: readonly (readonly ClaimRow[])[]) => Pick<ClaimReport, 'holds' | 'verdict'>;
}

const SEED = 'seed mail, 18 Jan 2024, in 20240110012045.505046-1-seanjc@google.com';

const SIZES = ['With 16 vCPUs', 'With 64'];

/** yes: in every group; partly: in some. */
function holdsIn(groups: readonly boolean[]): ClaimReport['holds'] {
  if (groups.every(Boolean)) return 'yes';
  return groups.some(Boolean) ? 'partly' : 'no';
}

const preCheck: Claim = {
  id: 'pre-check',
  title: 'The pre-check keeps faults that must retry away from mmu_lock',
  says:
    'A fault whose page is being invalidated should ask before it takes mmu_lock: a waiter that will only' +
    ' retry makes the invalidation yield, flush and take longer, and gains nothing.',
  source: SEED,
  groups: incident('stallNs', 'longestStartNs', 'coveredP99Ns', 'yields', 'recheck', 'flushes'),
  variants: [
    { label: 'no pre-check', changes: ['policy.preCheck=none'] },
    { label: 'pre-check', changes: [] },
  ],
  judge: (groups) => ({
    holds: holdsIn(groups.map(([without, withIt]) => isAbove(without.stallNs, withIt.stallNs))),
    verdict: groups.map(([without, withIt], index) => {
      const early = withIt.preCheck1.mean + withIt.preCheck2.mean;
      return (
        `${SIZES[index]} the longest stall is ${stall(without)} without it and` +
        ` ${stall(withIt)} with it (${factor(without, withIt)} shorter), and` +
        ` ${formatPercent(early, early + withIt.recheck.mean)} of retries no longer take the lock.`
      );
    }),
  }),
};

const yielding: Claim = {
  id: 'yield',
  title: 'Yielding mmu_lock on contention is a net positive',
  says:
    'The open question: nobody has shown that dropping mmu_lock for a waiter helps anybody. If it does, it' +
    ' helps a vCPU that faults outside of the range, for which yielding as soon as possible is desirable.',
  source: `${SEED}; defence: Aug 2023, in ZNnPF4W26ZbAyGto@yzhao56-desk`,
  groups: [
    ...incident('stallNs', 'longestStartNs', 'coveredP99Ns', 'usefulYields', 'yields', 'touchesPerSecond'),
    OUTSIDE,
  ],
  variants: [
    { label: 'yield', changes: [] },
    { label: 'never', changes: ['policy.needBreak=never'] },
    { label: 'yield, no pre-check', changes: ['policy.preCheck=none'] },
    { label: 'never, no pre-check', changes: ['policy.preCheck=none', 'policy.needBreak=never'] },
  ],
  judge: (groups) => {
    const [outside, outsideNever] = groups[2];
    const [checked, checkedNever, yields, never] = groups[0];
    const helps = isAbove(outsideNever.uncoveredMaxNs, outside.uncoveredMaxNs);
    const harms = groups.some(
      ([each, eachNever]) =>
        isAbove(each.stallNs, eachNever.stallNs) || isAbove(each.longestStartNs, eachNever.longestStartNs),
    );
    const touches = change(outsideNever.touchesPerSecond, outside.touchesPerSecond);
    const useful = groups
      .slice(0, 2)
      .flat()
      .reduce((sum, row) => sum + row.usefulYields.mean, 0);
    return {
      holds: !helps ? 'no' : harms ? 'partly' : 'yes',
      verdict: [
        `Outside of the range the longest fault is ${time(outside.uncoveredMaxNs)} with the yield and` +
          ` ${time(outsideNever.uncoveredMaxNs)} without, and` +
          ` ${usefulShare(outside.usefulYields, outside.yields)}. The price: invalidations of` +
          ` ${time(outside.longestStartNs)} instead of ${time(outsideNever.longestStartNs)}, and` +
          ` ${touches} accesses.`,
        `In the incident ${useful < 0.5 ? 'no yield is' : 'few yields are'} useful, and the stall with 16` +
          ` vCPUs is ${stall(checked)} with the yield and ${stall(checkedNever)} without (without the` +
          ` pre-check ${stall(yields)} and ${stall(never)}).`,
      ],
    };
  },
};

const trylock: Claim = {
  id: 'trylock',
  title: 'Spinning on read_trylock() is no replacement for the queue',
  says:
    'A fault that spins on read_trylock() has no place in the queue and no guarantee of progress, and the' +
    ' holder cannot see that it waits (the answer to Xu Yilun’s question).',
  source: SEED,
  groups: [...incident('stallNs', 'longestStartNs', 'coveredP99Ns', 'yields', 'recheck'), WRITERS],
  variants: [
    { label: 'queued', changes: ['policy.preCheck=none'] },
    { label: 'trylock spin', changes: ['policy.preCheck=none', 'policy.faultLock=trylock-spin'] },
  ],
  judge: (groups) => {
    const [[queued, spin], , [queuedWriters, spinWriters]] = groups;
    return {
      holds: holdsIn([
        isAbove(queued.yields, spin.yields),
        isAbove(queuedWriters.touchesPerSecond, spinWriters.touchesPerSecond),
      ]),
      verdict: [
        `Beside three writers spinning starves: ${count(spinWriters.touchesPerSecond)} accesses a second` +
          ` instead of ${count(queuedWriters.touchesPerSecond)}, and faults of up to` +
          ` ${time(spinWriters.uncoveredMaxNs)} instead of ${time(queuedWriters.uncoveredMaxNs)}.`,
        `The holder does not see who spins: ${count(spin.yields)} yields instead of` +
          ` ${count(queued.yields)}. In the incident, where every waiter would only retry, that is a gain:` +
          ` stalls of ${stall(spin)} instead of ${stall(queued)} (16 vCPUs).`,
      ],
    };
  },
};

const shadow: Claim = {
  id: 'shadow',
  title: 'In the shadow MMU yielding is probably a net positive',
  says:
    'With the shadow MMU faults take mmu_lock for write, one at a time, so yielding there is “probably a' +
    ' net positive” (said of kvm_zap_obsolete_pages(); here: of notifiers, which yield there since 6.12).',
  source: SEED,
  groups: incident('stallNs', 'longestStartNs', 'usefulYields', 'yields', 'coveredP99Ns'),
  variants: [
    { label: 'TDP', changes: [] },
    { label: 'shadow', changes: ['policy.mmu=shadow'] },
    { label: 'shadow, never', changes: ['policy.mmu=shadow', 'policy.shadowNotifierYield=never'] },
  ],
  judge: (groups) => ({
    holds: holdsIn(groups.map(([, yields, never]) => isAbove(never.stallNs, yields.stallNs))),
    verdict: groups.map(([tdp, yields, never], index) => {
      const isWorse = isAbove(yields.stallNs, never.stallNs);
      return (
        `${SIZES[index]} the longest stall is ${stall(yields)} with the yield and` +
        ` ${stall(never)} without${isWorse ? '' : ' (intervals overlap)'},` +
        ` ${stall(tdp)} in the TDP MMU; ${usefulShare(yields.usefulYields, yields.yields)}.`
      );
    }),
  }),
};

const preemption: Claim = {
  id: 'preemption',
  title: 'Only preemptible kernels yield, and only they suffer',
  says:
    'Since 6.11 the live preemption model decides whether contention makes a walk yield; 7.0 left x86 with' +
    ' full and lazy, which both do. Without the pre-check that is the whole difference between the models.',
  source: '10 Jan 2024, 20240110214723.695930-1-seanjc@google.com (merged as c793a62823d1)',
  groups: incident('stallNs', 'longestStartNs', 'coveredP99Ns', 'yields', 'flushes'),
  variants: [
    { label: 'none', changes: ['policy.preCheck=none', 'host.preempt=none'] },
    { label: 'voluntary', changes: ['policy.preCheck=none', 'host.preempt=voluntary'] },
    { label: 'full', changes: ['policy.preCheck=none'] },
    { label: 'lazy (6.13)', changes: ['policy.preCheck=none', 'host.preempt=lazy', 'host.kernel=v6.13'] },
    { label: 'rt', changes: ['policy.preCheck=none', 'host.preempt=rt'] },
  ],
  judge: (groups) => ({
    holds: holdsIn(
      groups.map(([none, voluntary, full, lazy, rt]) =>
        [none, voluntary, rt].every((calm) =>
          [full, lazy].every((live) => isAbove(live.stallNs, calm.stallNs)),
        ),
      ),
    ),
    verdict: groups.map(([none, voluntary, full, lazy, rt], index) => {
      const name = index === 0 ? 'with 16 vCPUs' : 'with 64';
      return (
        `Longest stall ${name}: ${stall(none)} (none), ${stall(voluntary)} (voluntary) and` +
        ` ${stall(rt)} (rt), which never yield; ${stall(full)} (full) and` +
        ` ${stall(lazy)} (lazy), which do.`
      );
    }),
  }),
};

const CLAIMS: readonly Claim[] = [preCheck, yielding, trylock, shadow, preemption];

export const CLAIM_IDS = ['pre-check', 'yield', 'trylock', 'shadow', 'preemption'] as const;

/** Those of the list, in its order. */
export function claimsOf(ids: readonly string[]): readonly Claim[] {
  return ids.flatMap((id) => CLAIMS.filter((claim) => claim.id === id));
}
