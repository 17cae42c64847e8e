/**
 * Puts a simulation together: the machine, its vCPUs, the storms, and who runs where.
 */
import { nodeOfFirstTouch } from './placement.js';
import { vcpuThread } from '../model/vcpu-run.js';
import type { GuestProgram } from '../model/guest/program.js';
import type { NumaSettings } from '../model/host/settings.js';
import { buildMachine, type Machine, type MachineConfig } from '../model/machine.js';
import { SCRATCH_CELLS } from '../model/scratch.js';
import { Random } from './random.js';
import type { SimulationSetup } from './setup.js';
import { coveredFrames, guestProgram } from './guest-programs.js';
import { Simulator } from './simulator.js';
import { SimThread } from './sim-thread.js';
import { addStorms, ksmConfig, stormThreads } from './storms.js';

/**
 * ns that a CPU may run ahead of the others: about what a cache line takes across sockets, a fraction of a
 * fault.
 */
const QUANTUM_NS = 200;
/** Thread ids begin here: the VMM, then its vCPUs, then the rest. */
const FIRST_TID = 4000;

export interface Simulation {
  readonly sim: Simulator;
  readonly machine: Machine;
  /** 1 for each guest frame in the range of a storm. */
  readonly covered: Uint8Array;
}

/** @throws InputError for a machine that cannot be */
export function buildSimulation(setup: SimulationSetup): Simulation {
  const threads = setup.guest.vcpus + stormThreads(setup);
  let scratch = 0;
  const machine = buildMachine(machineConfig(setup), (layout) => {
    scratch = layout.alloc('stacks', threads * SCRATCH_CELLS, 'private');
  });
  const numa = numaOf(setup);
  const sim = new Simulator({
    memory: machine.memory,
    machine: setup.machine,
    costs: setup.costs,
    preempt: setup.policy.preempt,
    boostsHolders: setup.policy.lock === 'rt' && setup.policy.rtWriterInheritance === 'boost',
    hz: setup.hz,
    seed: setup.seed,
    quantumNs: QUANTUM_NS,
    numaScanPeriodNs: numa?.scanPeriodMinNs ?? Infinity,
    numaScanDelayNs: numa === undefined ? Infinity : numa.scanDelayNs,
  });
  const covered = coveredFrames(setup, machine.kvm);
  addVcpus(sim, setup, machine, covered, scratch, numa);
  addStorms(sim, setup, machine, scratch, FIRST_TID + 1 + setup.guest.vcpus);
  return { sim, machine, covered };
}

function machineConfig(setup: SimulationSetup): MachineConfig {
  const { guest, machine, policy } = setup;
  const each = Math.floor(guest.pages / guest.slots);
  const slots = Array.from({ length: guest.slots }, (_, slot) => ({
    pages: slot === guest.slots - 1 ? guest.pages - each * (guest.slots - 1) : each,
  }));
  const huge = guest.backing !== '4KiB';
  const ksm = ksmConfig(setup);
  const cpusPerNode = machine.cpus / machine.nodes;
  return {
    policy,
    vcpus: guest.vcpus,
    slots,
    nodes: machine.nodes,
    cpuNodes: Array.from({ length: machine.cpus }, (_, cpu) => Math.floor(cpu / cpusPerNode)),
    thp: huge,
    migratesMisplaced: setup.storms.some((storm) => storm.kind === 'numa-balancing' && storm.migrate),
    roots: rootsOf(setup),
    memslotsChange: setup.storms.some(({ kind }) => kind === 'memslot'),
    ...(guest.prefault ? { populated: { huge, nodeOf: nodeOfFirstTouch(setup) } } : {}),
    ...(ksm === undefined ? {} : { ksm }),
  };
}

/**
 * Roots alive at once: vCPUs that have not run since hold roots of earlier memslots; shadow roots are per
 * vCPU.
 */
function rootsOf({ policy, guest, storms }: SimulationSetup): number {
  if (policy.mmu !== 'tdp') return guest.vcpus + 2;
  return storms.some(({ kind }) => kind === 'memslot') ? 8 : 3;
}

function numaOf({ storms }: SimulationSetup): NumaSettings | undefined {
  const storm = storms.find(({ kind }) => kind === 'numa-balancing');
  if (storm?.kind !== 'numa-balancing') return undefined;
  return {
    scanSizePages: storm.scanPages,
    scanDelayNs: storm.scanDelayNs,
    scanPeriodMinNs: storm.scanPeriodMinNs,
    scanPeriodMaxNs: storm.scanPeriodMaxNs,
  };
}

/**
 * Threads that NUMA balancing uses, one a vCPU. They start within 100 us of one another, as chance has it.
 */
function addVcpus(
  sim: Simulator,
  setup: SimulationSetup,
  { kvm }: Machine,
  covered: Uint8Array,
  scratch: number,
  numa: NumaSettings | undefined,
): void {
  const random = new Random(setup.seed ^ 0x5eed);
  for (const vcpu of kvm.vcpus) {
    const program: GuestProgram = guestProgram(setup, vcpu.id, covered);
    const options = {
      tid: FIRST_TID + 1 + vcpu.id,
      comm: `CPU ${vcpu.id}/KVM`,
      kind: 'vcpu',
      vcpu: vcpu.id,
      agent: '',
      affinity: setup.guest.pin ? vcpu.id % sim.cpus.length : -1,
      weight: 1024,
      numaScans: numa !== undefined,
    } as const;
    const index = sim.threads.length;
    const stack = scratch + index * SCRATCH_CELLS;
    sim.add(
      new SimThread(index, options, stack, sim, (t) => vcpuThread(t, vcpu, program, numa)),
      random.unit() * 100_000,
    );
  }
}
