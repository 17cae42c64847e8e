/** The anchor protocol as a program: see anchor.ts. */
import { MemoryLayout } from '../../model/memory.js';
import type { Thread } from '../../model/operations.js';
import type { CheckProgram } from '../program.js';
import { OWN_CELLS } from '../threads/check-thread.js';
import { anchorInvalidator, anchorVcpu, type AnchorCells, type AnchorMistake } from './anchor.js';
import { anchorStepsInvalidator, anchorStepsVcpu } from './anchor-steps.js';

export interface AnchorScope {
  readonly vcpus: number;
  readonly invalidators: number;
  /** Faults of each vCPU. */
  readonly attempts: number;
  /** Invalidations of each invalidator. */
  readonly rounds: number;
  readonly mistake?: AnchorMistake;
}

/** What the threads of either form run. */
interface AnchorBodies {
  vcpu(t: never, cells: AnchorCells, attempts: number, mistake: AnchorMistake): unknown;
  invalidator(t: never, cells: AnchorCells, rounds: number): unknown;
}

export function anchorProgram(scope: AnchorScope): CheckProgram {
  return programOf(scope, { vcpu: anchorVcpu, invalidator: anchorInvalidator }, false);
}

/** The same in its finest grain (anchor-steps.ts), for engines that take each access as a step. */
export function anchorStepsProgram(scope: AnchorScope): CheckProgram {
  return programOf(scope, { vcpu: anchorStepsVcpu, invalidator: anchorStepsInvalidator }, true);
}

function programOf(scope: AnchorScope, bodies: AnchorBodies, everyAccess: boolean): CheckProgram {
  const { vcpus, invalidators, attempts, rounds, mistake = 0 } = scope;
  const layout = new MemoryLayout();
  const cell = (name: string): number => layout.alloc(name, 1, 'shared');
  const cells = {
    seq: cell('seq'),
    inProgress: cell('in_progress'),
    spte: cell('spte'),
    primary: cell('primary'),
    lock: cell('mmu_lock'),
  };
  const count = vcpus + invalidators;
  const interrupts = layout.alloc('interrupts', count, 'shared');
  const threads = Array.from({ length: count }, (_, index) => {
    const isVcpu = index < vcpus;
    return {
      name: isVcpu ? `vCPU ${index}` : `invalidator ${index - vcpus}`,
      scratch: layout.alloc(`scratch ${index}`, 2, 'private'),
      own: layout.alloc(`own ${index}`, OWN_CELLS, 'private'),
      rounds: Infinity,
      start: (t: Thread) =>
        isVcpu
          ? bodies.vcpu(t as never, cells, attempts, mistake)
          : bodies.invalidator(t as never, cells, rounds),
    };
  });
  const memory = layout.finish();
  memory.cells[cells.primary] = 1;
  const always = everyAccess ? Object.values(cells) : [];
  return { memory, threads, interrupts, mayResched: false, always };
}
