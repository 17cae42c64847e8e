/** From a scenario to what is run on real KVM. */
import { readFileSync } from 'node:fs';
import type { RunPlan, RunPhase } from '../../measure/run/plan.js';
import type { GuestSpec } from '../../measure/types.js';
import { PAGE_BYTES } from '../scenario/quantities.js';
import type { Scenario } from '../scenario/scenario.js';
import { stormRange } from '../scenario/storm-ranges.js';

/** Entries of each vCPU's dirty ring where a storm reads it. */
const DIRTY_RING = 4096;

/**
 * @param cpus that vCPUs may be pinned to, in order
 * @param untilNs end of the run, should the scenario last longer
 */
export function planOf(scenario: Scenario, cpus: readonly number[], untilNs = Infinity): RunPlan {
  return {
    scenario: scenario.name,
    guest: guestOf(scenario, cpus),
    storms: scenario.storms.map((storm) => ({ ...storm, name: storm.name ?? storm.kind })),
    phases: phasesOf(scenario, untilNs),
  };
}

function guestOf({ guest, storms, seed }: Scenario, cpus: readonly number[]): GuestSpec {
  const ksm = storms.find((storm) => storm.kind === 'ksm');
  const ring = storms.some((storm) => storm.kind === 'dirty-log' && storm.method === 'ring');
  return {
    memory: guest.memory,
    vcpus: guest.vcpus,
    pin: guest.pin ? Array.from({ length: guest.vcpus }, (_, vcpu) => cpus[vcpu % cpus.length]) : undefined,
    slots: guest.slots,
    backing: guest.backing,
    sharing: guest.sharing,
    prefault: guest.prefault,
    placement: guest.placement,
    access: guest.access,
    coveredRanges: coveredRanges({ guest, storms }),
    seed,
    mapped: guest.mapped,
    ...(guest.samples === undefined ? {} : { samples: 2 ** Math.ceil(Math.log2(guest.samples)) }),
    ...(guest.samplesAbove === undefined ? {} : { sampleAboveNs: guest.samplesAbove }),
    ...(ksm === undefined ? {} : { afterWrite: ksm.afterWrite }),
    ...(ring ? { dirtyRing: DIRTY_RING } : {}),
  };
}

/** Memory in the range of at least one storm: bytes, in order, not overlapping. */
function coveredRanges({ guest, storms }: Pick<Scenario, 'guest' | 'storms'>): GuestSpec['coveredRanges'] {
  const ranges: { from: number; to: number }[] = [];
  const all = storms
    .map((storm) => stormRange(storm, guest))
    .map(({ first, end }) => ({ from: first * PAGE_BYTES, to: end * PAGE_BYTES }))
    .sort((a, b) => a.from - b.from);
  for (const { from, to } of all) {
    const last = ranges.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else ranges.push({ from, to });
  }
  return ranges;
}

/** Phases up to the end; where that cuts a phase, it is shorter. */
function phasesOf({ phases, duration, storms }: Scenario, untilNs: number): RunPhase[] {
  const whole: RunPhase[] =
    phases === undefined
      ? [{ name: 'run', durationNs: duration ?? 0, counted: true, storms: 'all' }]
      : phases.map(({ duration: durationNs, ...phase }) => ({ ...phase, durationNs }));
  let left = untilNs;
  const kept: RunPhase[] = [];
  for (const phase of whole) {
    if (left <= 0) break;
    kept.push({ ...phase, durationNs: Math.min(left, phase.durationNs) });
    left -= phase.durationNs;
  }
  return storms.length === 0 ? kept.map((phase) => ({ ...phase, storms: 'none' })) : kept;
}

/** CPUs that this process may use: `0-1,4` of /proc/self/status. */
export function usableCpus(status = readFileSync('/proc/self/status', 'utf8')): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
