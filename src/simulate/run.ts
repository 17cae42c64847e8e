/**
 * A simulation from its setup to its result.
 */
import { Invariants, type Violation } from '../model/invariants.js';
import { kernelPolicy } from '../model/kernels.js';
import type { Kvm } from '../model/kvm.js';
import { buildSimulation, type Simulation } from './build.js';
import type { Observer } from './observer.js';
import type { SimulationResult } from './result.js';
import type { SimulationSetup } from './setup.js';
import type { Simulator } from './simulator.js';
import { takeSnapshot, type Snapshot } from './snapshot.js';
import { Statistics } from './statistics.js';
import { TraceSink } from './trace-sink.js';
import type { Trace } from '../trace/store/trace.js';

export interface SimulateOptions {
  /** Version of Faultline, for the result. */
  readonly version?: string;
  /** Record a trace. */
  readonly trace?: boolean;
  /** Keep a snapshot every so many events, for a viewer; each is as large as the machine's memory. */
  readonly snapshotEvery?: number;
}

export interface SimulationOutcome {
  readonly result: SimulationResult;
  readonly trace: Trace | undefined;
  /** Memslots and lock of the modelled virtual machine: what the trace is of. */
  readonly vm: Pick<Kvm, 'slots' | 'mmuLock'>;
  /** Broken invariants, the first hundred, when the setup asked for them. */
  readonly violations: readonly Violation[];
  /** What was kept for `snapshotEvery`, earliest first, and the simulation that they can be put back into. */
  readonly snapshots: readonly Snapshot[];
  readonly sim: Simulator;
  /** Threads that wait for something that never comes, when nothing else was left to happen. */
  readonly stuck: readonly string[];
}

/** Events between two pauses. */
const SLICE = 200_000;

/** @throws InputError for a machine that cannot be */
export function simulate(setup: SimulationSetup, options: SimulateOptions = {}): SimulationOutcome {
  const slices = simulateInSlices(setup, options);
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
  }
}

/** The same, with a pause now and then: yields the virtual time reached; `next(true)` ends the run there. */
export function* simulateInSlices(
  setup: SimulationSetup,
  options: SimulateOptions = {},
): Generator<number, SimulationOutcome, boolean | undefined> {
  const simulation = buildSimulation(setup);
  const { sim, machine } = simulation;
  const invariants = setup.assert ? new Invariants(machine.kvm) : undefined;
  // The first to watch: a violation is noted before anybody else sees what follows from it.
  if (invariants) sim.observers.push(watcherOf(invariants, sim.mem));
  const statistics = new Statistics({
    threads: sim.threads,
    vcpus: setup.guest.vcpus,
    mmuLock: machine.kvm.mmuLock,
    covered: simulation.covered,
  });
  sim.observers.push(statistics);
  const sink = options.trace === true ? sinkOf(setup, simulation, statistics) : undefined;
  if (sink) sim.observers.push(sink);
  for (const { startNs, counted } of setup.phases) {
    if (startNs === 0) statistics.onPhase(0, counted);
    else sim.at(startNs, (now) => statistics.onPhase(now, counted));
  }
  const snapshots: Snapshot[] = [];
  const pauses = runAll(simulation, setup, options.snapshotEvery ?? Infinity, snapshots);
  // What no event tells shows in memory as a whole: looked through at every pause, and at the end.
  const stopped = yield* invariants ? lookedThrough(pauses, invariants, sim.mem) : pauses;
  return {
    result: statistics.result({
      scenario: setup.name,
      kernel: setup.kernel,
      policy: setup.policy,
      changes: changesOf(setup),
      seed: setup.seed,
      version: options.version ?? 'unknown',
      machine: {
        cpus: setup.machine.cpus,
        sockets: setup.machine.sockets,
        nodes: setup.machine.nodes,
        vcpus: setup.guest.vcpus,
        pages: setup.guest.pages,
      },
      simulatedNs: stopped === 'done' ? sim.lastEnd : Math.min(sim.queue.time, setup.untilNs),
      stopped,
      events: sim.events,
      operations: sim.operations,
      unseed: unseedOf(simulation),
    }),
    trace: sink?.finish(),
    vm: machine.kvm,
    violations: invariants?.violations ?? [],
    snapshots,
    sim,
    stuck: sim.stuck(),
  };
}

function* runAll(
  { sim }: Simulation,
  setup: SimulationSetup,
  snapshotEvery: number,
  snapshots: Snapshot[],
): Pauses {
  const most = setup.maxEvents > 0 ? setup.maxEvents : Infinity;
  const end = setup.phases.at(-1)?.endNs ?? 0;
  let nextSnapshot = snapshotEvery;
  for (;;) {
    if (!sim.run(setup.untilNs, Math.min(most, nextSnapshot, sim.events + SLICE))) return 'done';
    if (sim.events >= most) return 'max-events';
    if (sim.stuck().length > 0) return 'stuck';
    if (sim.events >= nextSnapshot) {
      snapshots.push(takeSnapshot(sim));
      nextSnapshot += snapshotEvery;
    }
    if (sim.nextTime() > setup.untilNs) return setup.untilNs < end ? 'until' : 'end';
    if (yield sim.queue.time) return 'interrupted';
  }
}

type Stopped = SimulationResult['run']['stopped'];
type Pauses = Generator<number, Stopped, boolean | undefined>;

function* lookedThrough(pauses: Pauses, invariants: Invariants, mem: Int32Array): Pauses {
  let stop: boolean | undefined;
  for (;;) {
    const pause = pauses.next(stop);
    invariants.check(mem);
    if (pause.done === true) return pause.value;
    stop = yield pause.value;
  }
}

/** What differs from the kernel's own policy. */
function changesOf({ kernel, policy }: SimulationSetup): Record<string, string | number> {
  const own: Readonly<Record<string, string | number>> = kernelPolicy(kernel);
  return Object.fromEntries(Object.entries(policy).filter(([name, value]) => own[name] !== value));
}

function watcherOf(invariants: Invariants, mem: Int32Array): Observer {
  return {
    onEmit: (_now, thread, point, a, b, c, d, e, f) => {
      invariants.onEmit(thread.tid, point, a, b, c, d, e, f, mem);
    },
    // States 1 and 2 of sched_switch: it went to sleep, and was not put off its CPU.
    onSwitch: (_now, _cpu, prev, _next, state) => {
      if (prev !== undefined && (state === 1 || state === 2)) invariants.onSleep(prev.tid);
    },
  };
}

function sinkOf(setup: SimulationSetup, { machine }: Simulation, statistics: Statistics): TraceSink {
  return new TraceSink({
    kernel: setup.kernel,
    preempt: setup.policy.preempt,
    mmu: setup.policy.mmu,
    cpus: setup.machine.cpus,
    firstTable: machine.kvm.tables.first,
    mmuLock: machine.kvm.mmuLock.address,
    statistics,
  });
}

/** Hash over the order of events and the memory at the end. */
function unseedOf({ sim }: Simulation): string {
  let memory = 0x811c9dc5;
  for (let cell = 0; cell < sim.mem.length; cell++) memory = Math.imul(memory ^ sim.mem[cell], 0x01000193);
  const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
  return hex(sim.hash) + hex(memory);
}
