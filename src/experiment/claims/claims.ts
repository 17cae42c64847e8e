/**
 * The statements of the seed's thread, and how each is judged.
 *
 * Seed mail: Sean Christopherson to Xu Yilun, KVM list, 18 January 2024, in the thread of v2 of "Retry
 * fault before acquiring mmu_lock if mapping is changing" (20240110012045.505046-1-seanjc@google.com).
 */
import type { ClaimReport, ClaimRow, Interval } from '../../report/claims.js';
import { formatDuration } from '../../report/format.js';

/** One situation of a claim: a scenario with changes. */
export interface Variant {
  readonly label: string;
  /** FIELD=VALUE, as `--set` takes them. */
  readonly changes: readonly string[];
}

export interface Group {
  readonly title: string;
  readonly scenario: string;
  /** Common to all its variants. */
  readonly changes: readonly string[];
}

export interface Claim {
  readonly id: string;
  readonly title: string;
  readonly says: string;
  readonly groups: readonly Group[];
  readonly variants: readonly Variant[];
  /** `rows` by group, then by variant. */
  readonly judge: (rows: readonly (readonly ClaimRow[])[]) => Pick<ClaimReport, 'holds' | 'verdict'>;
}

const INCIDENT: readonly Group[] = [
  { title: '16 vCPUs', scenario: 'seed-incident', changes: [] },
  { title: '64 vCPUs', scenario: 'seed-incident', changes: ['guest.vcpus=64', 'duration=40ms'] },
];

/** The long stalls with 64 vCPUs last until the run ends. */
const CUT = ['', ' There the run ended before the invalidation did.'];

/** Two intervals that do not overlap: the first is above the second. */
function above(a: Interval, b: Interval): boolean {
  return a.low > b.high;
}

function ratio(a: Interval, b: Interval): string {
  const value = a.mean / b.mean;
  return Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)} times` : 'out of all proportion to';
}

function time({ mean }: Interval): string {
  return formatDuration(mean);
}

/** yes: in every group; partly: in one. */
function holdsIn(groups: readonly boolean[]): ClaimReport['holds'] {
  if (groups.every(Boolean)) return 'yes';
  return groups.some(Boolean) ? 'partly' : 'no';
}

const preCheck: Claim = {
  id: 'pre-check',
  title: 'The pre-check keeps faults that must retry away from mmu_lock',
  says:
    'A fault whose page is being invalidated should ask before it takes mmu_lock: a waiter that' +
    ' will only retry makes' +
    ' the invalidation yield, flush and take longer, and gains nothing (the patch that the mail defends).',
  groups: INCIDENT,
  variants: [
    { label: 'no pre-check', changes: ['policy.preCheck=none'] },
    { label: 'pre-check', changes: [] },
  ],
  judge: (groups) => ({
    holds: holdsIn(groups.map(([without, withIt]) => above(without.stallNs, withIt.stallNs))),
    verdict: groups.map(
      ([without, withIt], index) =>
        `With ${INCIDENT[index].title} the longest stall of a vCPU is ${time(without.stallNs)}` +
        ' without it and' +
        ` ${time(withIt.stallNs)} with it (${ratio(without.stallNs, withIt.stallNs)}).${CUT[index]}`,
    ),
  }),
};

const yielding: Claim = {
  id: 'yield',
  title: 'Yielding mmu_lock on contention is a net positive',
  says:
    'Nobody has shown that dropping mmu_lock for a waiter helps anybody; if it does, it helps a' +
    ' vCPU that faults outside' +
    ' the range (the mail’s open question; the defence is from August 2023).',
  groups: [
    ...INCIDENT,
    {
      title: '16 vCPUs, faults outside the range',
      scenario: 'uncovered',
      changes: ['guest.vcpus=16', 'guest.memory=256MiB', 'machine.cpus=24', 'duration=15ms'],
    },
  ],
  variants: [
    { label: 'yield', changes: [] },
    { label: 'no yield', changes: ['policy.needBreak=never'] },
    { label: 'yield, no pre-check', changes: ['policy.preCheck=none'] },
    { label: 'no yield, no pre-check', changes: ['policy.preCheck=none', 'policy.needBreak=never'] },
  ],
  judge: (groups) => {
    const [outsideYield, outsideNever] = groups[2];
    const helps = above(outsideNever.uncoveredP99Ns, outsideYield.uncoveredP99Ns);
    const harms = groups.slice(0, 2).map(([, , yields, never]) => above(yields.stallNs, never.stallNs));
    const [, , yields, never] = groups[0];
    return {
      holds: helps ? 'partly' : 'no',
      verdict: [
        `Outside the range: the 99th percentile of faults is ${time(outsideYield.uncoveredP99Ns)}` +
          ' with the yield and' +
          ` ${time(outsideNever.uncoveredP99Ns)} without, the longest invalidation` +
          ` ${time(outsideYield.longestStartNs)} and` +
          ` ${time(outsideNever.longestStartNs)}.`,
        'In the incident, without the pre-check, the yield makes the longest stall' +
          ` ${ratio(yields.stallNs, never.stallNs)}` +
          ` as long (${harms.filter(Boolean).length} of 2 sizes beyond doubt), and` +
          ` ${yields.usefulYields.mean.toFixed(0)} of` +
          ` ${yields.yields.mean.toFixed(0)} yields let somebody in who mapped a page.`,
      ],
    };
  },
};

const trylock: Claim = {
  id: 'trylock',
  title: 'Spinning on read_trylock() is no replacement for the queue',
  says:
    'A fault that spins on read_trylock() has no place in the queue and no guarantee of progress,' +
    ' and the holder cannot see' +
    ' that it waits (the answer to Xu Yilun’s question).',
  groups: INCIDENT,
  variants: [
    { label: 'queued', changes: ['policy.preCheck=none'] },
    { label: 'trylock spin', changes: ['policy.preCheck=none', 'policy.faultLock=trylock-spin'] },
  ],
  judge: (groups) => ({
    holds: holdsIn(groups.map(([queued, spin]) => above(queued.yields, spin.yields))),
    verdict: [
      `The holder does not see who spins: ${groups[0][1].yields.mean.toFixed(0)} yields instead of` +
        ` ${groups[0][0].yields.mean.toFixed(0)} with 16 vCPUs. Where every waiter would only` +
        ' retry, not being seen is a' +
        ` gain: the longest stall is ${time(groups[0][1].stallNs)} instead of` +
        ` ${time(groups[0][0].stallNs)}, and` +
        ` ${time(groups[1][1].stallNs)} instead of ${time(groups[1][0].stallNs)} with 64.`,
      'Starvation under a stream of writers is another situation: docs/findings/trylock-starvation.md.',
    ],
  }),
};

const shadow: Claim = {
  id: 'shadow',
  title: 'In the shadow MMU yielding costs less',
  says:
    'With the shadow MMU faults take mmu_lock for write, one at a time, so yielding there is' +
    ' “probably a net positive”' +
    ' (the mail, on kvm_zap_obsolete_pages()).',
  groups: INCIDENT,
  variants: [
    { label: 'TDP', changes: [] },
    { label: 'shadow', changes: ['policy.mmu=shadow'] },
    { label: 'shadow, no yield', changes: ['policy.mmu=shadow', 'policy.shadowNotifierYield=never'] },
  ],
  judge: (groups) => ({
    holds: holdsIn(groups.map(([, yields, never]) => above(never.stallNs, yields.stallNs))),
    verdict: groups.map(
      ([tdp, yields, never], index) =>
        `With ${INCIDENT[index].title} the longest stall is ${time(tdp.stallNs)} in the TDP MMU;` +
        ' in the shadow MMU' +
        ` ${time(yields.stallNs)} with the yield and ${time(never.stallNs)} without.`,
    ),
  }),
};

const preemption: Claim = {
  id: 'preemption',
  title: 'Only preemptible kernels yield, and only they suffer',
  says:
    'Since 6.11 the live preemption model decides whether contention makes a walk yield; 7.0 left' +
    ' x86 with full and lazy,' +
    ' which both do. Without the pre-check that is the whole difference between the models.',
  groups: INCIDENT,
  variants: [
    { label: 'none', changes: ['policy.preCheck=none', 'host.preempt=none'] },
    { label: 'voluntary', changes: ['policy.preCheck=none', 'host.preempt=voluntary'] },
    { label: 'full', changes: ['policy.preCheck=none'] },
    { label: 'lazy (6.13)', changes: ['policy.preCheck=none', 'host.preempt=lazy', 'host.kernel=v6.13'] },
    { label: 'rt', changes: ['policy.preCheck=none', 'host.preempt=rt'] },
  ],
  judge: (groups) => ({
    holds: holdsIn(
      groups.map(([none, voluntary, full, lazy]) =>
        [none, voluntary].every((calm) => [full, lazy].every((live) => above(live.stallNs, calm.stallNs))),
      ),
    ),
    verdict: groups.map(
      (rows, index) =>
        `Longest stall with ${INCIDENT[index].title}: ` +
        `${rows.map(({ label, stallNs }) => `${label} ${time(stallNs)}`).join(', ')}.`,
    ),
  }),
};

const CLAIMS: readonly Claim[] = [preCheck, yielding, trylock, shadow, preemption];

export const CLAIM_IDS = ['pre-check', 'yield', 'trylock', 'shadow', 'preemption'] as const;

export function claimsOf(ids: readonly string[]): readonly Claim[] {
  return CLAIMS.filter(({ id }) => ids.includes(id));
}
