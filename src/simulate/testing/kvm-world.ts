/** A virtual machine whose threads a test writes itself, in virtual time and with costs made by hand. */
import { buildMachine, type MachineConfig } from '../../model/machine.js';
import type { Kvm } from '../../model/kvm.js';
import type { Thread } from '../../model/operations.js';
import { SCRATCH_CELLS } from '../../model/scratch.js';
import { COST_NAMES, type CostName, type CostTable } from '../costs/cost-table.js';
import { SimThread } from '../sim-thread.js';
import { Simulator } from '../simulator.js';

/** @internal for tests */
export interface KvmWorld {
  readonly sim: Simulator;
  readonly kvm: Kvm;
  /** Adds a thread that begins at once, on a CPU of its own. */
  readonly spawn: (start: (t: Thread) => unknown) => SimThread;
}

/**
 * @param cpus one for each thread that will be spawned
 * @param otherNs what everything costs that `ns` does not name; no cost has a spread
 * @internal for tests
 */
export function kvmWorld(
  config: MachineConfig,
  cpus: number,
  ns: Partial<Record<CostName, number>>,
  otherNs: number,
): KvmWorld {
  let scratch = 0;
  const { kvm, memory } = buildMachine(
    config,
    (layout) => (scratch = layout.alloc('scratch', SCRATCH_CELLS * cpus, 'private')),
  );
  const sim = new Simulator({
    memory,
    machine: { cpus, sockets: 1, nodes: 1, smt: 1, coresPerCache: 1 },
    costs: costs(ns, otherNs),
    preempt: config.policy.preempt,
    boostsHolders: false,
    hz: 250,
    seed: 1,
    quantumNs: 0,
    numaScanPeriodNs: Infinity,
    numaScanDelayNs: Infinity,
  });
  const spawn: KvmWorld['spawn'] = (start) => {
    const index = sim.threads.length;
    const options = {
      tid: 100 + index,
      comm: `thread ${index}`,
      kind: 'kernel',
      vcpu: -1,
      agent: '',
      affinity: index,
      weight: 1024,
      numaScans: false,
    } as const;
    const thread = new SimThread(index, options, scratch + index * SCRATCH_CELLS, sim, start);
    sim.add(thread, 0);
    return thread;
  };
  return { sim, kvm, spawn };
}

function costs(ns: Partial<Record<CostName, number>>, otherNs: number): CostTable {
  const entry = (name: CostName) =>
    ({
      ns: ns[name] ?? otherNs,
      unit: 'ns',
      spread: 0,
      range: undefined,
      kind: 'given',
      source: 'test',
    }) as const;
  const all = Object.fromEntries(COST_NAMES.map((name) => [name, entry(name)]));
  return { name: 'test', costs: all as CostTable['costs'] };
}
