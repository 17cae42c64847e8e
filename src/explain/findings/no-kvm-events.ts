/**
 * No KVM events, or too few kinds of them: what the trace cannot show, and how to record it.
 */
import { plural, type FindingRule } from './finding.js';

/** What each group of events is for, and the pattern to record it with. */
const GROUPS: readonly {
  readonly names: readonly string[];
  readonly use: string;
  readonly record: string;
}[] = [
  { names: ['kvm_page_fault', 'kvm_mmu_pagetable_walk'], use: 'page faults', record: 'kvm:kvm_page_fault' },
  { names: ['kvm_entry', 'kvm_mmu_set_spte'], use: 'the end of faults', record: 'kvm:kvm_entry' },
  { names: ['kvm_mmu_spte_requested'], use: 'which faults were mapped', record: 'kvmmmu' },
  { names: ['kvm_unmap_hva_range'], use: 'invalidations', record: 'kvm:kvm_unmap_hva_range' },
  { names: ['contention_begin'], use: 'lock waits', record: 'lock:contention_begin -e lock:contention_end' },
];

export const noKvmEvents: FindingRule = ({ summary }) => {
  const missing = GROUPS.filter(({ names }) => names.every((name) => summary.byEvent[name] === undefined));
  if (missing.length === 0) return undefined;
  const uses = missing.map(({ use }) => use).join(', ');
  const nothing = summary.fault.source === 'none' && summary.invalidations.count === 0;
  return {
    id: 'no-kvm-events',
    severity: nothing ? 'warning' : 'notice',
    title: nothing ? 'no KVM events' : `not recorded: ${uses}`,
    text:
      `The trace has ${plural(summary.events, 'event')}, but none that shows ${uses}: ` +
      'a count of 0 for these means "not recorded", not "did not happen".',
    advice: [`Record again with: trace-cmd record ${missing.map(({ record }) => `-e ${record}`).join(' ')}`],
    evidence: [],
    numbers: { events: summary.events, missing: missing.length },
  };
};
