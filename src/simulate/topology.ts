/**
 * How far CPUs are from one another. CPUs are numbered by socket, then cache, then core, then thread.
 */
import { MachineCost } from './costs/cost-table.js';
import type { MachineSetup } from './setup.js';

/** Class of a distance, and the cost of moving a cache line over it. */
const TRANSFERS = [
  MachineCost.atomicOwned,
  MachineCost.transferSmt,
  MachineCost.transferCache,
  MachineCost.transferSocket,
  MachineCost.transferCross,
] as const;

export class Topology {
  readonly cpus: number;
  readonly nodes: number;
  /** ns that a cache line takes from one CPU to another, by `from * cpus + to`. */
  readonly transferNs: Float64Array;
  /** ns until an interrupt arrives, likewise. */
  readonly deliverNs: Float64Array;
  readonly #node: Uint16Array;

  constructor(machine: MachineSetup, machineCosts: Float64Array) {
    const { cpus } = machine;
    this.cpus = cpus;
    this.nodes = machine.nodes;
    this.transferNs = new Float64Array(cpus * cpus);
    this.deliverNs = new Float64Array(cpus * cpus);
    this.#node = Uint16Array.from({ length: cpus }, (_, cpu) => Math.floor((cpu * machine.nodes) / cpus));
    for (let from = 0; from < cpus; from++) {
      for (let to = 0; to < cpus; to++) {
        const distance = distanceOf(machine, from, to);
        this.transferNs[from * cpus + to] = distance === 0 ? 0 : machineCosts[TRANSFERS[distance]];
        const deliver = distance === 4 ? MachineCost.ipiDeliverCross : MachineCost.ipiDeliverSocket;
        this.deliverNs[from * cpus + to] = machineCosts[deliver];
      }
    }
  }

  nodeOf(cpu: number): number {
    return this.#node[cpu];
  }
}

/** 0 the same CPU, 1 threads of a core, 2 cores of a cache, 3 of a socket, 4 of two sockets. */
function distanceOf(machine: MachineSetup, from: number, to: number): 0 | 1 | 2 | 3 | 4 {
  if (from === to) return 0;
  const perSocket = machine.cpus / machine.sockets;
  if (Math.floor(from / perSocket) !== Math.floor(to / perSocket)) return 4;
  if (Math.floor(from / machine.smt) === Math.floor(to / machine.smt)) return 1;
  const perCache = machine.coresPerCache * machine.smt;
  return Math.floor((from % perSocket) / perCache) === Math.floor((to % perSocket) / perCache) ? 2 : 3;
}
