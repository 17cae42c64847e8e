/**
 * What things cost, and how that is known.
 *
 * A table is plain data: it is read from costs/*.yaml by src/experiment, and a page can carry one as JSON.
 * Each cost has a mean in ns, a spread, and the provenance of the number; there is no default in code.
 */
import { Cost } from '../../model/costs.js';

/** What the executor charges by itself, because it knows the machine; `spend` of the model knows the rest. */
export const MachineCost = {
  /** A load that hits the CPU's own cache. */
  memoryLoad: 0,
  /** A store to a line that the CPU owns. */
  memoryStore: 1,
  /** An atomic read-modify-write of a line that the CPU owns. */
  atomicOwned: 2,
  /** smp_mb() */
  fence: 3,
  /** A line comes from the other thread of the core, */
  transferSmt: 4,
  /** from a core behind the same last-level cache, */
  transferCache: 5,
  /** from another core of the socket, */
  transferSocket: 6,
  /** from another socket. */
  transferCross: 7,
  /** An interrupt is sent to one CPU: work of the sender (queueing the call, writing the ICR). */
  ipiSend: 8,
  /** Until it arrives at a CPU of the same socket, */
  ipiDeliverSocket: 9,
  /** at one of another socket. */
  ipiDeliverCross: 10,
  /** Work of the receiver, its acknowledgement included. */
  ipiHandler: 11,
  /** The way out of an interrupt. */
  interruptExit: 12,
  /** A timer tick. */
  tick: 13,
  /** schedule() from one thread to another. */
  contextSwitch: 14,
  /** try_to_wake_up(), for the waker. */
  wakeUp: 15,
  /** From a wake-up until an idle CPU runs the thread, apart from contextSwitch. */
  idleExit: 16,
  /** cpu_relax() */
  pause: 17,
  /** A guest access that hits the TLB, apart from the scenario's work per touch. */
  guestTouch: 18,
  /** A tracepoint that is recorded; for executors that model the weight of tracing. */
  tracepoint: 19,
} as const;
export type MachineCost = (typeof MachineCost)[keyof typeof MachineCost];

export type CostName = keyof typeof Cost | keyof typeof MachineCost;

/** Every name, the model's first, in the order of their numbers. */
export const COST_NAMES: readonly CostName[] = [...namesOf(Cost), ...namesOf(MachineCost)];

export type ProvenanceKind =
  /** By a program of ours (bench/costs). */
  | 'measured'
  /** Printed in a paper, or worked out from what is. */
  | 'paper'
  /** Printed on a mailing list or in a commit, or worked out from what is. */
  | 'list'
  /** An engineer's guess. */
  | 'estimate'
  /** By the user: --cost, or the scenario. */
  | 'given';

export interface CostEntry {
  /** Mean, above 0. */
  readonly ns: number;
  /** Unit that the source uses, for people: ns, us, ms or s. */
  readonly unit: string;
  /** Standard deviation from one occurrence to the next, as a share of the mean. */
  readonly spread: number;
  /** Least and most that sources and machines say about the mean, in ns: what to vary to see if it counts. */
  readonly range: readonly [low: number, high: number] | undefined;
  readonly kind: ProvenanceKind;
  /** Where the number comes from. */
  readonly source: string;
}

export interface CostTable {
  /** Name of the file that it was read from: intel-2s. */
  readonly name: string;
  readonly costs: Readonly<Record<CostName, CostEntry>>;
}

/** Columns of a table for the executor's hot path, indexed by Cost and by MachineCost. */
export interface CostColumns {
  /** Mean and spread of the model's costs, by Cost. */
  readonly model: Float64Array;
  readonly modelSpread: Float64Array;
  /** The same of the executor's own, by MachineCost. */
  readonly machine: Float64Array;
  readonly machineSpread: Float64Array;
}

export function costColumns({ costs }: CostTable): CostColumns {
  const column = (names: readonly CostName[], value: (entry: CostEntry) => number): Float64Array =>
    Float64Array.from(names, (name) => value(costs[name]));
  const model = namesOf(Cost);
  const machine = namesOf(MachineCost);
  return {
    model: column(model, ({ ns }) => ns),
    modelSpread: column(model, ({ spread }) => spread),
    machine: column(machine, ({ ns }) => ns),
    machineSpread: column(machine, ({ spread }) => spread),
  };
}

/** Names in the order of their numbers. */
function namesOf<Name extends string>(numbers: Readonly<Record<Name, number>>): Name[] {
  return (Object.keys(numbers) as Name[]).sort((a, b) => numbers[a] - numbers[b]);
}
