/**
 * One run of a plan on real KVM: guest and storms made, phases one after the other, everything taken down
 * again.
 */
import { Guest } from '../guest/guest.js';
import type { Settings } from '../host/types.js';
import { stormDifference, type StormCounts } from '../storms/counts.js';
import { startStorm, type RunningStorm } from '../storms/storm.js';
import type { GuestSnapshot } from '../types.js';
import type { RunPhase, RunPlan } from './plan.js';
import type { RunResult } from './result.js';
import { resultOf, type CountedPhase } from './result-of.js';

/** What records events of the kernel while the guest runs. */
export interface RunRecorder {
  begin(): Promise<void>;
  end(): Promise<void>;
}

export interface RunOptions {
  readonly settings: Settings;
  /** Ends the run early, at once; what was counted by then is the result. */
  readonly signal?: AbortSignal;
  /** Told of processes that storms start, so that they end with the run however it ends. */
  readonly onChild?: (pid: number) => void;
  readonly recorder?: RunRecorder | undefined;
}

/**
 * @throws MachineError when the host cannot do what the plan asks for; nothing stays changed
 * @returns what was measured; `interrupted` when the signal ended it
 */
export async function runOnce(
  plan: RunPlan,
  { settings, signal, onChild, recorder }: RunOptions,
): Promise<{ result: RunResult; interrupted: boolean }> {
  const guest = await Guest.start(plan.guest);
  const storms: RunningStorm[] = [];
  try {
    const context = {
      memory: {
        address: guest.memory.address,
        bytes: guest.memory.bytes,
        backing: plan.guest.backing,
        sharing: plan.guest.sharing,
      },
      vm: {
        fd: guest.vm.fd,
        // Control memory has the one after them, and is no storm's.
        slots: guest.vm.slots.filter(({ slot }) => slot < plan.guest.slots),
        freeGpa: guest.vm.freeGpa,
        dirtyRings: guest.dirtyRings,
      },
      seed: plan.guest.seed,
      settings,
      onChild,
    };
    for (const storm of plan.storms) storms.push(await startStorm(storm, context));
    // Threads are there from here on, and nothing is done before.
    await recorder?.begin();
    const counted = await runPhases(plan.phases, guest, storms, signal);
    await recorder?.end();
    for (const storm of storms.splice(0).toReversed()) await storm.stop();
    await guest.stop();
    const samples = plan.guest.samples === undefined ? undefined : guest.samples();
    return { result: resultOf(plan, counted, samples), interrupted: signal?.aborted === true };
  } finally {
    for (const storm of storms) await storm.stop().catch(() => undefined);
    await guest.close();
  }
}

async function runPhases(
  phases: readonly RunPhase[],
  guest: Guest,
  storms: readonly RunningStorm[],
  signal: AbortSignal | undefined,
): Promise<CountedPhase[]> {
  const counted: CountedPhase[] = [];
  for (const [index, phase] of phases.entries()) {
    for (const storm of storms) {
      if (phase.storms === 'all' || (phase.storms !== 'none' && phase.storms.includes(storm.name)))
        storm.on();
      else storm.off();
    }
    if (index === 0) {
      guest.run();
      for (const storm of storms) storm.begin();
    }
    const before = momentOf(guest, storms);
    await lasts(phase.durationNs, guest, signal);
    const after = momentOf(guest, storms);
    if (phase.counted) counted.push({ before, after, storms: differences(storms, before, after) });
    if (signal?.aborted === true) break;
  }
  return counted;
}

interface Moment {
  readonly guest: GuestSnapshot;
  readonly storms: readonly StormCounts[];
}

function momentOf(guest: Guest, storms: readonly RunningStorm[]): Moment {
  return { guest: guest.snapshot(), storms: storms.map((storm) => storm.counts()) };
}

function differences(storms: readonly RunningStorm[], before: Moment, after: Moment): CountedPhase['storms'] {
  return storms.map(({ name, kind, threads, notes }, index) => ({
    name,
    kind,
    threads: threads.length,
    notes,
    counts: stormDifference(after.storms[index], before.storms[index]),
  }));
}

/** Until the phase is over, all vCPUs have done their passes, one has failed, or the signal comes. */
async function lasts(ns: number, guest: Guest, signal: AbortSignal | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let stop: (() => void) | undefined;
  try {
    await Promise.race([
      new Promise<void>((resolve) => {
        stop = (): void => resolve();
        timer = setTimeout(stop, ns / 1e6);
        signal?.addEventListener('abort', stop);
        if (signal?.aborted === true) stop();
      }),
      guest.finished(),
    ]);
  } finally {
    clearTimeout(timer);
    if (stop) signal?.removeEventListener('abort', stop);
  }
}
