/** What claims are run in: the incident in two sizes, and what the incident does not have. */
import type { FigureName } from '../../report/claims.js';

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
  /** The most important first. */
  readonly figures: readonly FigureName[];
}

/**
 * KSM and NUMA balancing on the memory of 16 vCPUs and of 64. With 64 and without the pre-check a walk that
 * yields goes on for as long as anybody cares to simulate; the end of the run cuts it off.
 */
export function incident(...figures: readonly FigureName[]): readonly Group[] {
  return [
    { title: '16 vCPUs', scenario: 'seed-incident', changes: [], figures },
    { title: '64 vCPUs', scenario: 'seed-incident', changes: ['guest.vcpus=64'], figures },
  ];
}

/** Nearly all faults are outside of the range of one long invalidation. */
export const OUTSIDE: Group = {
  title: '16 vCPUs, faults outside',
  scenario: 'uncovered',
  changes: [
    'guest.vcpus=16',
    'guest.memory=256MiB',
    'guest.access.covered=2%',
    'machine.cpus=24',
    'duration=15ms',
  ],
  figures: ['uncoveredMaxNs', 'longestStartNs', 'touchesPerSecond', 'usefulYields', 'yields', 'stallNs'],
};

/** Three threads want the lock for write all the time, for memory that nobody touches. */
export const WRITERS: Group = {
  title: '16 vCPUs, 3 writers',
  scenario: 'quiet',
  changes: [
    'guest.vcpus=16',
    'guest.memory=64MiB',
    'guest.access.pattern=sequential',
    'guest.access.region=shared',
    'guest.access.covered=0%',
    'machine.cpus=24',
    'storms=[{ kind: unmap, range: 0..16MiB, step: 64KiB, threads: 3 }]',
    'duration=10ms',
  ],
  figures: ['uncoveredMaxNs', 'touchesPerSecond', 'stallNs', 'longestStartNs', 'uncoveredP99Ns'],
};
