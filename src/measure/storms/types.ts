/**
 * Storms: what changes the memory of the host under the guest. Fields have the names and the meaning of
 * the scenario file (src/experiment/scenario/storm-schema.ts), whose parsed storms are StormSpecs once
 * they have a name. Times are ns, sizes bytes.
 */
import type { Settings } from '../host/types.js';
import type { Part, SlotInfo } from '../types.js';

/** What every storm has. */
interface Timing {
  /** From the start of the run, as `stop` is. */
  readonly start: number;
  readonly stop?: number | undefined;
  /** On for the share `duty` of every cycle, which begins whenever the storm is switched on. */
  readonly cycle?: number | undefined;
  readonly duty?: number | undefined;
}

/** Operations that come one after the other, each on a step of a range. */
interface Steps extends Timing {
  readonly range: { readonly from: Part; readonly to: Part };
  /** Memory of one operation; the whole range if left out. */
  readonly step?: number | undefined;
  readonly order: 'sequential' | 'random';
  /** From the start of one operation to the start of the next; 0: one after the other. */
  readonly period: number;
  /** Operations of each thread; no limit if left out. */
  readonly times?: number | undefined;
  /** They divide the range. */
  readonly threads: number;
}

/** What each kind has beyond the common fields. */
interface KnobsByKind {
  readonly madvise: { readonly advice: 'dontneed' | 'free' | 'pageout' | 'collapse' };
  readonly mprotect: unknown;
  readonly mremap: unknown;
  readonly 'uffd-wp': unknown;
  readonly balloon: unknown;
  readonly unmap: { readonly blockable: boolean; readonly window: number };
  readonly migrate: { readonly method: 'move-pages' | 'mbind' | 'compaction' };
  readonly 'dirty-log': { readonly method: 'bitmap' | 'ring'; readonly eagerSplit: boolean };
  readonly aging: { readonly by: 'mglru' | 'damon' | 'idle' };
  readonly ksm: {
    readonly pagesToScan: number;
    readonly sleep: number;
    readonly maxPageSharing: number;
    readonly smartScan: boolean;
    readonly duplicates: number;
  };
  readonly 'numa-balancing': {
    readonly scanSize: number;
    readonly scanDelay: number;
    readonly scanPeriod: number;
    readonly scanPeriodMax: number;
    readonly migrate: boolean;
  };
  readonly fork: { readonly hold: number };
  readonly memslot: { readonly action: 'delete' | 'move' | 'flags'; readonly slot: number };
}

export type KindName = keyof KnobsByKind;

/** What the kinds that are not made of steps have in common with others. */
interface CommonByKind {
  readonly ksm: Timing & Pick<Steps, 'range'>;
  readonly 'numa-balancing': Timing;
  readonly fork: Timing & Pick<Steps, 'period' | 'times'>;
  readonly memslot: Timing & Pick<Steps, 'period' | 'times'>;
}
type CommonOf<K extends KindName> = K extends keyof CommonByKind ? CommonByKind[K] : Steps;

/** A storm without its place and time. */
export type KnobsOf<K extends KindName> = { [Each in K]: { readonly kind: Each } & KnobsByKind[Each] }[K];
export type StormKnobs = KnobsOf<KindName>;

export type SpecOf<K extends KindName> = {
  [Each in K]: { readonly kind: Each; readonly name: string } & KnobsByKind[Each] & CommonOf<Each>;
}[K];
export type StormSpec = SpecOf<KindName>;

/** Entries of a vCPU's dirty ring in this process. */
export interface DirtyRing {
  readonly address: bigint;
  /** A power of two. */
  readonly entries: number;
}

/** What storms work on, and through what. */
export interface StormContext {
  /** The guest's memory in this process. */
  readonly memory: {
    readonly address: bigint;
    readonly bytes: number;
    readonly backing: '4KiB' | 'thp' | 'hugetlb';
    readonly sharing: 'private' | 'shared';
  };
  /** Needed by memslot and dirty-log. */
  readonly vm?:
    | {
        readonly fd: number;
        readonly slots: readonly SlotInfo[];
        /** Guest physical address where a memslot that moves finds room. */
        readonly freeGpa: number;
        readonly dirtyRings?: readonly DirtyRing[] | undefined;
      }
    | undefined;
  readonly seed: number;
  readonly settings: Settings;
  /** CPUs of the storm's threads, in turn; the scheduler's choice if left out. */
  readonly cpus?: readonly number[] | undefined;
  /** Told at once when a thread of a storm fails; `stop` says it too. */
  readonly onFailure?: ((error: Error) => void) | undefined;
}
