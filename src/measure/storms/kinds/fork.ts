/**
 * fork() with a child that holds the copy of all memory for a while. Only the thread that forks goes on in
 * the child, in the middle of a JavaScript engine; so the child runs a few instructions of ours and
 * nothing else. It cannot outlive us: the kernel kills it when the thread that made it ends, however it ends.
 */
import { SystemError } from '../../ffi/errno.js';
import { syscall } from '../../ffi/libc.js';
import { forkProgram } from '../fork-program.js';
import { loadMachineCode } from '../machine-code.js';
import { type Kind } from './kind.js';

const SYS_WAIT4 = 61;
/** Children that send no signal at their end are waited for with this. */
const WALL = 0x4000_0000;

export const fork: Kind<'fork'> = {
  says: () => 'the child holds a copy of all memory of this process, of the guest and of Node',
  operations({ storm, pid }, _effects, pace) {
    const code = loadMachineCode(forkProgram().bytes(), 'int64_t start_child(int parent)');
    let child = 0;
    return {
      run() {
        const result = code.call(pid);
        if (result < 0) return -result;
        child = result;
        return 0;
      },
      after() {
        pace.hold(storm.hold);
        endChild(child);
      },
      end: () => code.free(),
    };
  },
};

/** It leaves nothing behind, no zombie either. */
function endChild(pid: number): void {
  process.kill(pid, 'SIGKILL');
  for (;;) {
    try {
      syscall('wait4', SYS_WAIT4, pid, 0, WALL, 0);
      return;
    } catch (error) {
      if (!(error instanceof SystemError && error.is('EINTR'))) throw error;
    }
  }
}
