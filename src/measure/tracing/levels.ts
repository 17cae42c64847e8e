/**
 * Which events of the kernel a run records. Every event takes time from what is measured, so there is a
 * level that keeps to what happens when something is in the way.
 */

/** How much is recorded. */
export const TRACE_LEVELS = ['none', 'light', 'full'] as const;
export type TraceLevel = (typeof TRACE_LEVELS)[number];

/** A level at which something is recorded. */
export type RecordingLevel = Exclude<TraceLevel, 'none'>;

/** Events of one system of tracefs. */
export interface EventChoice {
  readonly system: string;
  /** Names; undefined: all of them. Kernels lack some, which is no error. */
  readonly events?: readonly string[];
}

/** Faults, what they mapped, invalidations, waits for locks: what explain needs at least. */
const LIGHT: readonly EventChoice[] = [
  { system: 'kvm', events: ['kvm_page_fault', 'kvm_unmap_hva_range', 'kvm_set_spte_hva'] },
  {
    system: 'kvmmmu',
    // A fault of the shadow MMU begins with a walk of the guest's page table.
    events: ['kvm_mmu_pagetable_walk', 'kvm_mmu_spte_requested', 'kvm_mmu_set_spte', 'fast_page_fault'],
  },
  { system: 'lock', events: ['contention_begin', 'contention_end'] },
  // Where notifiers end is inferred from it.
  { system: 'tlb' },
];

/** In addition: entries and exits, each SPTE, IPIs, the scheduler, and what the kernel's own agents do. */
const FULL: readonly EventChoice[] = [
  { system: 'kvm' },
  { system: 'kvmmmu' },
  { system: 'lock', events: ['contention_begin', 'contention_end', 'contended_release'] },
  { system: 'tlb' },
  { system: 'ipi' },
  {
    system: 'sched',
    events: ['sched_switch', 'sched_waking', 'sched_wakeup', 'sched_migrate_task', 'sched_process_exit'],
  },
  { system: 'ksm' },
  { system: 'migrate' },
  { system: 'huge_memory' },
];

export const EVENTS: Readonly<Record<RecordingLevel, readonly EventChoice[]>> = { light: LIGHT, full: FULL };

/** Without these a recording tells nothing. */
export const ESSENTIAL_SYSTEMS: readonly string[] = ['kvm', 'kvmmmu'];

/** Systems that a level uses. */
export function systemsOf(level: RecordingLevel): string[] {
  return EVENTS[level].map(({ system }) => system);
}

/** Memory of the kernel for each CPU's events that are not read yet, KiB. */
export const BUFFER_KIB: Readonly<Record<RecordingLevel, number>> = { light: 8192, full: 32768 };
