/**
 * The storms of a scenario as threads: which coroutine of src/model/host each is, on whose behalf, and when
 * it works.
 */
import { hash } from '../model/guest/permutation.js';
import { MAX_KSM_CLASSES } from '../model/host/folios.js';
import { ksmScanThread } from '../model/host/ksm.js';
import { madviseStorm } from '../model/host/madvise.js';
import type { StormSettings } from '../model/host/settings.js';
import { collapseStorm, forkStorm, migrateStorm, mprotectStorm, unmapStorm } from '../model/host/storms.js';
import { agingStorm, memslotStorm } from '../model/host/vmm-storms.js';
import type { Kvm } from '../model/kvm.js';
import type { Machine, MachineConfig } from '../model/machine.js';
import { slotOfGfn } from '../model/mmu-invalidate.js';
import type { Thread } from '../model/operations.js';
import { SCRATCH_CELLS } from '../model/scratch.js';
import { InputError } from '../trace/errors.js';
import type { SimulationSetup, StormSetup } from './setup.js';
import { SimThread } from './sim-thread.js';
import type { Simulator } from './simulator.js';
import { StormSchedule } from './storm-schedule.js';

/** Pages that are equal to one another, on average: what a fleet of like guests shows. */
const PAGES_PER_CLASS = 16;
/** ksmd runs with the nice value 5: its weight against 1024. */
const KSMD_WEIGHT = 335;

/** Threads that the storms need. NUMA balancing runs in the threads of the vCPUs. */
export function stormThreads({ storms }: SimulationSetup): number {
  return storms.reduce((sum, { kind, threads }) => sum + (kind === 'numa-balancing' ? 0 : threads), 0);
}

export function ksmConfig({ storms, guest, seed }: SimulationSetup): MachineConfig['ksm'] {
  const storm = storms.find(({ kind }) => kind === 'ksm');
  if (storm?.kind !== 'ksm') return undefined;
  const wanted = Math.round((guest.pages * storm.duplicateShare) / PAGES_PER_CLASS);
  const classes = Math.min(Math.max(1, wanted), MAX_KSM_CLASSES);
  const { pagesToScan, sleepNs, maxPageSharing, smartScan, afterWrite, duplicateShare } = storm;
  return {
    settings: { pagesToScan, sleepNs, maxPageSharing, smartScan, afterWrite },
    classes,
    classOf: (page) => (hash(page, seed) < duplicateShare * 2 ** 32 ? 1 + (hash(page, ~seed) % classes) : 0),
  };
}

/** Adds a thread for each storm, in the order of the scenario. */
export function addStorms(
  sim: Simulator,
  setup: SimulationSetup,
  machine: Machine,
  scratch: number,
  firstTid: number,
): void {
  let tid = firstTid;
  for (const storm of setup.storms) {
    if (storm.kind === 'numa-balancing') continue;
    for (let copy = 0; copy < storm.threads; copy++) {
      const schedule = new StormSchedule(storm);
      const start = coroutineOf(setup, machine, storm, copy);
      const options = {
        tid: tid++,
        comm: storm.kind === 'ksm' ? 'ksmd' : 'qemu-system-x86',
        kind: storm.kind === 'ksm' ? 'ksmd' : 'storm',
        vcpu: -1,
        agent: storm.kind,
        affinity: -1,
        weight: storm.kind === 'ksm' ? KSMD_WEIGHT : 1024,
        numaScans: false,
        schedule,
        stopAt: schedule.end,
      } as const;
      const index = sim.threads.length;
      sim.add(new SimThread(index, options, scratch + index * SCRATCH_CELLS, sim, start), 0);
    }
  }
}

/** What a storm's thread runs. */
function coroutineOf(
  setup: SimulationSetup,
  { kvm, mm }: Machine,
  storm: StormSetup,
  copy: number,
): (t: Thread) => unknown {
  const settings = settingsOf(kvm, setup, storm, copy);
  switch (storm.kind) {
    case 'madvise':
      if (storm.advice === 'collapse') return (t) => collapseStorm(t, mm, settings);
      return (t) => madviseStorm(t, mm, settings);
    case 'balloon':
      return (t) => madviseStorm(t, mm, settings);
    case 'mprotect':
      return (t) => mprotectStorm(t, mm, settings);
    case 'unmap': {
      const unmap = { ...settings, blockable: storm.blockable, windowNs: storm.windowNs };
      return (t) => unmapStorm(t, mm, unmap);
    }
    case 'migrate':
      return (t) => migrateStorm(t, mm, settings);
    case 'fork': {
      const fork = { ...settings, holdNs: storm.holdNs };
      return (t) => forkStorm(t, mm, fork);
    }
    case 'ksm': {
      const { ksm } = mm;
      if (ksm === undefined) break;
      return (t) => ksmScanThread(t, mm, ksm);
    }
    case 'memslot':
      if (storm.action === 'delete') return (t) => memslotStorm(t, kvm, kvm.slots[storm.slot]);
      break;
    case 'aging':
      return (t) => agingStorm(t, kvm, settings);
    default:
  }
  throw new InputError(`the model has no storm ${storm.kind} of this kind`, {
    field: `storms ${storm.name}`,
  });
}

/** The range in host pages; threads of one storm share it and start at different places. */
function settingsOf(kvm: Kvm, setup: SimulationSetup, storm: StormSetup, copy: number): StormSettings {
  const slot = slotOfGfn(kvm, storm.firstPage);
  if (slot === undefined)
    throw new InputError('its range is outside of memory', { field: `storms ${storm.name}` });
  const share = Math.floor(storm.pages / storm.threads);
  return {
    firstPage: storm.firstPage - slot.baseGfn + slot.userspacePage + copy * share,
    pages: share,
    stepPages: Math.min(storm.stepPages, share),
    order: storm.order,
    seed: setup.seed * 64 + copy,
  };
}
