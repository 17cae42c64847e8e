/**
 * mprotect() that never takes anything from the guest: without write permission KVM_RUN would fail with
 * EFAULT. So PROT_EXEC is given in one pass over the range and taken back in the next; each is a change of
 * protection with its invalidation.
 */
import { readFileSync } from 'node:fs';
import { mprotect as mprotectMemory, PROT_READ, PROT_WRITE } from '../../ffi/libc.js';
import { Walk } from '../walk.js';
import { PAGE } from '../pages.js';
import { type Kind } from './kind.js';

const PLAIN = PROT_READ | PROT_WRITE;
const PROT_EXEC = 4;
const SYS_MPROTECT = 10;

export const mprotect: Kind<'mprotect'> = {
  says: () => 'PROT_EXEC is given and taken in turn: the guest keeps its access',
  misfit({ order, step }, { memory }) {
    if (order !== 'random' || step === undefined) return undefined;
    const most = Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8'));
    const pieces = Math.ceil(memory.bytes / step);
    return pieces > most / 2
      ? `in random order it may cut the memory into ${pieces} mappings, and the kernel allows ${most} ` +
          '(vm.max_map_count); use a larger step'
      : undefined;
  },
  calls: ({ steps }) => ({
    number: SYS_MPROTECT,
    walk: new Walk(steps),
    argument: ({ pass }) => (pass % 2 === 0 ? PLAIN | PROT_EXEC : PLAIN),
    end: () => mprotectMemory(BigInt(steps.firstPage * PAGE), steps.pages * PAGE, PLAIN),
  }),
};
