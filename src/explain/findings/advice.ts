/**
 * Advice shared by findings: what to set or which kernel to run, by agent and by kernel.
 */
import type { Agent, KernelFacts } from '../types.js';

const BY_AGENT: Partial<Record<Agent, string>> = {
  'numa-balancing':
    'NUMA balancing: set kernel.numa_balancing=0, or bind the guest to one node (numactl, libvirt ' +
    'numatune); ' +
    'a larger numa_balancing/scan_period_min_ms in debugfs makes scans rarer.',
  ksm:
    'KSM: raise /sys/kernel/mm/ksm/sleep_millisecs or lower pages_to_scan (100 every 20 ms is the ' +
    'default; ksmtuned and ' +
    'advisor_mode raise it), or exclude the guest with mem-merge=off in QEMU.',
  'copy-on-write':
    'Copy on write follows KSM merges (or fork): pages that the guest writes again and again are poor ' +
    'candidates for ' +
    'merging; raise KSM’s smart_scan, or exclude the guest with mem-merge=off in QEMU.',
  khugepaged:
    'khugepaged: raise /sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs, or use ' +
    'hugetlbfs.',
  madvise:
    'madvise: give memory back in fewer, larger ranges and while the guest is idle; each call is one ' +
    'invalidation, and ' +
    'ranges aligned to 2 MiB spare huge pages from being split.',
  migration:
    'Migration: lower vm.compaction_proactiveness, and keep memory tiering and mbind away from running ' +
    'guests.',
  balloon: 'Balloon: use free page reporting or a balloon with huge pages instead of single pages.',
  reclaim: 'Reclaim: give the host more free memory, or lock the guest’s memory (mem-lock=on in QEMU).',
  fork: 'fork: mark guest memory with MADV_DONTFORK, or use posix_spawn in the VMM.',
};

/** One line per agent that has one, in the order given. */
export function agentAdvice(agents: readonly Agent[]): string[] {
  return agents.flatMap((agent) => BY_AGENT[agent] ?? []);
}

/** How to get the pre-check, for kernels that lack it. */
export function preCheckAdvice(kernel: KernelFacts): string[] {
  if (kernel.preCheck.answer === 'yes') return [];
  const upgrade =
    'Run Linux 6.8 or later: d02c357e5bfa turns covered faults away before they queue for mmu_lock ' +
    '(Enterprise Linux 9 ' +
    'has it from 5.14.0-444.el9).';
  return [kernel.preCheck.answer === 'unknown' ? `If this kernel is older than 6.8: ${upgrade}` : upgrade];
}

/** How to stop, or at least weigh, the yield of mmu_lock on contention. */
export function yieldAdvice(kernel: KernelFacts): string[] {
  const code = codeOf(kernel);
  if (kernel.isRealTime || kernel.yieldsOnContention.answer === 'no') return [];
  if (code === undefined) {
    return [
      'Name the kernel to get advice on its yields: 6.11 to 6.19 can switch them off with ' +
        'preempt=voluntary, older kernels ' +
        'need c793a62823d1, and 7.0 and later always yield.',
    ];
  }
  if (code >= 700) {
    return [
      'From Linux 7.0 on x86 offers only full and lazy preemption, and both yield: a kernel without the ' +
        'yield needs a patch ' +
        'to tdp_mmu_iter_need_resched(). Fewer or smaller invalidations help on any kernel.',
    ];
  }
  if (code >= 611) {
    return [
      'On Linux 6.11 to 6.19 the yield follows the live preemption model: echo voluntary > ' +
        '/sys/kernel/debug/sched/preempt switches it off at run time.',
    ];
  }
  return [
    'Run Linux 6.11 or later with preempt=voluntary: c793a62823d1 makes the yield follow the live ' +
      'preemption model. Before ' +
      'it, a kernel built with PREEMPT_DYNAMIC yields whatever it was booted with.',
  ];
}

function codeOf(kernel: KernelFacts): number | undefined {
  if (kernel.version === undefined) return undefined;
  const [major, minor] = kernel.version.split('.').map(Number);
  return major * 100 + minor;
}
