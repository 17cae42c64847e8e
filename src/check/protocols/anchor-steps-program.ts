/** The anchor protocol in its finest grain as a program: see anchor-steps.ts. */
import { MemoryLayout } from '../../model/memory.js';
import type { Thread } from '../../model/operations.js';
import type { CheckProgram } from '../program.js';
import { OWN_CELLS } from '../threads/check-thread.js';
import type { AnchorScope } from './anchor-program.js';
import { anchorStepsInvalidator, anchorStepsVcpu } from './anchor-steps.js';

/** As anchorProgram(), for engines that take each access as a step. */
export function anchorStepsProgram(scope: AnchorScope): CheckProgram {
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
          ? anchorStepsVcpu(t as never, cells, attempts, mistake)
          : anchorStepsInvalidator(t as never, cells, rounds),
    };
  });
  const memory = layout.finish();
  memory.cells[cells.primary] = 1;
  return { memory, threads, interrupts, mayResched: false, always: Object.values(cells) };
}
