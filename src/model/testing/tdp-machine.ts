/** The TDP MMU on a machine whose threads run one at a time, in the order that a test calls them. */
import { kernelPolicy } from '../kernels.js';
import type { Vcpu } from '../kvm.js';
import { buildMachine, type MachineConfig } from '../machine.js';
import { kvmMmuNotifierInvalidateRangeEnd, kvmMmuNotifierInvalidateRangeStart } from '../mmu-notifier.js';
import type { RetPf } from '../page-fault-struct.js';
import { kvmMmuPageFault } from '../page-fault.js';
import { entryIndex, tableCell } from '../page-tables.js';
import type { PolicyChange } from '../policies.js';
import { SCRATCH_CELLS } from '../scratch.js';
import { frameOf, isTable } from '../spte.js';
import { kvmTdpMmuAllocRoot } from '../tdp-roots.js';
import type { Alone } from './host-machine.js';
import { finish, SequentialThread } from './sequential-thread.js';

export interface TdpMachine extends Alone {
  readonly vcpu: Vcpu;
  /** Other threads, with kernel stacks of their own: tids 2, 3 and 4. */
  readonly others: readonly SequentialThread[];
}

interface TdpConfig extends Partial<Omit<MachineConfig, 'policy'>> {
  readonly pages?: number;
  readonly kernel?: string;
  readonly change?: PolicyChange;
  /** Gfns from 0 on that vCPU 0 has written to. */
  readonly mapped?: number;
}

/**
 * Memory that the host has populated; every vCPU has loaded its root. The kernel is preemptible, so that
 * walks may yield.
 * @internal for tests
 */
export function tdpOn(config: TdpConfig): TdpMachine {
  const { pages = 1024, kernel = 'v7.3', change = {}, mapped = 0, ...rest } = config;
  let scratch = 0;
  const machine = buildMachine(
    {
      vcpus: 1,
      slots: [{ pages }],
      tlbEntries: 16,
      populated: { huge: false, nodeOf: () => 0 },
      ...rest,
      policy: { ...kernelPolicy(kernel), preempt: 'full', ...change },
    },
    (layout) => (scratch = layout.alloc('scratch', 4 * SCRATCH_CELLS, 'private')),
  );
  const mem = machine.memory.cells;
  const [t, ...others] = [0, 1, 2, 3].map(
    (index) => new SequentialThread(mem, index + 1, scratch + index * SCRATCH_CELLS),
  );
  const [vcpu] = machine.kvm.vcpus;
  const tdp = { ...machine, t, others, mem, vcpu, first: machine.mm.firstPage };
  for (const each of machine.kvm.vcpus) finish(kvmTdpMmuAllocRoot(t, each));
  for (let gfn = 0; gfn < mapped; gfn++) faultOn(tdp, gfn);
  t.emitted.length = 0;
  t.spent.clear();
  return tdp;
}

/**
 * A fault of vCPU 0 by the first thread.
 * @internal for tests
 */
export function faultOn({ t, vcpu }: TdpMachine, gfn: number, write = 1, present = 0): RetPf {
  return finish(kvmMmuPageFault(t, vcpu, gfn, write, present));
}

/**
 * range_start() for pages of the process.
 * @internal for tests
 */
export function startOn(alone: Alone, from: number, to: number, t = alone.t, blockable = true): void {
  const { kvm, first } = alone;
  finish(kvmMmuNotifierInvalidateRangeStart(t, kvm, first + from, first + to, blockable));
}

/**
 * range_end() for pages of the process.
 * @internal for tests
 */
export function endOn(alone: Alone, from: number, to: number, t = alone.t): void {
  finish(kvmMmuNotifierInvalidateRangeEnd(t, alone.kvm, alone.first + from, alone.first + to));
}

/**
 * Cell of the entry of a level that maps a gfn in vCPU 0's root, or 0 when a table on the way is missing.
 * @internal for tests
 */
export function entryCellOf({ kvm, mem, vcpu }: TdpMachine, gfn: number, level = 1): number {
  let table = mem[kvm.roots[mem[vcpu.root] - 1].table];
  for (let each = kvm.geometry.levels; ; each--) {
    const cell = tableCell(kvm, table) + entryIndex(kvm, gfn, each);
    if (each === level) return cell;
    if (!isTable(mem[cell])) return 0;
    table = frameOf(mem[cell]);
  }
}
