/**
 * Builds a machine: allocates the cells of a virtual machine and of the process that it belongs to, and
 * fills them with what is there before the first thread runs.
 */
import type { Kvm, Mm } from './kvm.js';
import { layoutMm } from './host/layout-mm.js';
import { allocSpinLock } from './machine/cells.js';
import { planMachine, type MachineConfig } from './machine/config.js';
import { layoutKvm } from './machine/layout-kvm.js';
import { fillKvm, fillMm } from './machine/populate.js';
import { MemoryLayout, type Memory } from './memory.js';

export type { MachineConfig } from './machine/config.js';

export interface Machine {
  readonly kvm: Kvm;
  readonly mm: Mm;
  readonly memory: Memory;
}

/**
 * First host page of the process, a multiple of 1 GiB. Its distance from 0 keeps host pages and guest
 * frames apart, so that a mix-up of the two shows.
 */
export const FIRST_PAGE = 0x0bbc_0000;

/**
 * @param allocate allocates more cells before the memory is made: those of threads
 * @throws InputError for a machine that cannot be
 */
export function buildMachine(config: MachineConfig, allocate?: (layout: MemoryLayout) => void): Machine {
  const plan = planMachine(config);
  const layout = new MemoryLayout();
  const kvms: Kvm[] = [];
  const { ksm, policy, thp = false, migratesMisplaced = false } = config;
  const mm = layoutMm(
    layout,
    {
      policy,
      firstPage: FIRST_PAGE,
      pages: plan.pages,
      pfns: plan.pfns,
      nodes: plan.nodes,
      cpuNodes: plan.cpuNodes,
      thp,
      migratesMisplaced,
      ksm: ksm === undefined ? undefined : { settings: ksm.settings, classes: ksm.classes },
      kvms,
    },
    (name, hot) => allocSpinLock(layout, name, policy.lock === 'contract', hot),
  );
  const kvm = layoutKvm(layout, plan, mm);
  kvms.push(kvm);
  allocate?.(layout);
  const memory = layout.finish();
  fillKvm(memory.cells, kvm);
  fillMm(memory.cells, mm, plan);
  return { kvm, mm, memory };
}
