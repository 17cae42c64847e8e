/** Automatic NUMA balancing: threads that run scan their own memory, and take hinting faults from then on. */
import { canWrite, debugfsProblem, memoryNodes, textOf, vmstat } from '../host-parts.js';
import type { KnobsOf } from '../types.js';
import type { Agent, Kind } from './kind.js';

const SWITCH = '/proc/sys/kernel/numa_balancing';
/** Of kernel/sched/fair.c; what a storm asks for by default. */
const DEFAULTS = {
  scan_size_mb: 256,
  scan_delay_ms: 1000,
  scan_period_min_ms: 1000,
  scan_period_max_ms: 60_000,
};

/** Where the knobs are: in debugfs since 5.13. */
function knobPath(name: string): string {
  const old = `/proc/sys/kernel/numa_balancing_${name}`;
  return canWrite(old) ? old : `/sys/kernel/debug/sched/numa_balancing/${name}`;
}

function wanted(storm: KnobsOf<'numa-balancing'>): Record<keyof typeof DEFAULTS, number> {
  const ms = (ns: number): number => Math.max(1, Math.round(ns / 1e6));
  return {
    scan_size_mb: Math.max(1, Math.round(storm.scanSize / 2 ** 20)),
    scan_delay_ms: ms(storm.scanDelay),
    scan_period_min_ms: ms(storm.scanPeriod),
    scan_period_max_ms: ms(storm.scanPeriodMax),
  };
}

/** Why the scan knobs cannot be set; undefined: they can. */
function knobProblem(): string | undefined {
  const path = knobPath('scan_size_mb');
  return path.startsWith('/proc') ? undefined : debugfsProblem(path);
}

export const numaBalancing: Kind<'numa-balancing'> = {
  unsupported() {
    if (textOf(SWITCH) === undefined) return 'this kernel has no NUMA balancing (CONFIG_NUMA_BALANCING)';
    return canWrite(SWITCH) ? undefined : `${SWITCH} is not writable (needs root)`;
  },
  deviations(storm) {
    const phrases: string[] = [];
    const values = Object.entries(wanted(storm));
    const differs = values.some(([name, value]) => value !== DEFAULTS[name as keyof typeof DEFAULTS]);
    const problem = differs ? knobProblem() : undefined;
    if (problem !== undefined)
      phrases.push(`scanSize, scanDelay, scanPeriod: ${problem}, so scans are as the kernel has them`);
    if (!storm.migrate && memoryNodes().length > 1)
      phrases.push('migrate: hinting faults move pages when the kernel finds it worth it');
    return phrases;
  },
  says: () =>
    'operations are page table entries that scans changed, of the whole host' +
    (memoryNodes().length === 1 ? '; on one NUMA node hinting faults move nothing' : ''),
  agent: (storm, { settings }) => {
    if (knobProblem() === undefined)
      for (const [name, value] of Object.entries(wanted(storm))) settings.set(knobPath(name), String(value));
    return {
      on: () => settings.set(SWITCH, '1'),
      off: () => settings.set(SWITCH, '0'),
      counts: counter(),
      end: () => undefined,
    };
  },
};

function counter(): Agent['counts'] {
  const names = ['numa_pte_updates', 'numa_hint_faults', 'numa_pages_migrated'];
  const first = vmstat(names);
  return () => {
    const [operations, hintFaults, pagesMoved] = vmstat(names).map((value, index) => value - first[index]);
    return { operations, effects: { hintFaults, pagesMoved } };
  };
}
