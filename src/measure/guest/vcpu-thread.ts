/**
 * The thread of one vCPU: KVM_RUN again and again, until it is told to end. Started with VcpuThreadData;
 * says `ready`, then `waits` or `finished` each time the guest left for that, and `ended` last.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { SystemError } from '../ffi/errno.js';
import { gettid, pinToCpu, viewOf } from '../ffi/libc.js';
import { nameThisThread } from '../thread-name.js';
import { EXIT_NAMES, ExitReason, kvmCall, KvmCalls } from '../kvm/ioctls.js';
import { Control, Count, type VcpuMessage, type VcpuThreadData } from './vcpu-control.js';
import { ExitCode } from './layout.js';

/** Offsets in struct kvm_run: the reason, and of an MMIO exit address, data, and whether it wrote. */
const RUN = { reason: 8, address: 32, data: 40, isWrite: 52 } as const;
/** How long a full dirty ring is given to be emptied, ms. */
const RING_PATIENCE_MS = 1;

const port = parentPort;
if (port === null) throw new Error('vcpu-thread.ts is the program of a worker thread');
const { vcpu, fd, runAddress, runBytes, exitPage, cpu, control, counts } = workerData as VcpuThreadData;
const run = new DataView(viewOf(runAddress, runBytes));
const say = (message: VcpuMessage): void => port.postMessage(message);

/** Whether the guest shall leave, or stay outside. */
const isStopped = (): boolean => Atomics.load(control, Control.Command) !== Control.Run;

/**
 * Says that the guest has left, and waits until the command is to run, or to end. Commands that come and
 * go unseen are answered all the same: whoever gave the last one waits for that.
 *
 * @returns false to end
 */
function waitForCommand(kind: 'waits' | 'finished'): boolean {
  const leftAt = process.hrtime.bigint();
  for (let answered = -1; ;) {
    const sequence = Atomics.load(control, Control.Sequence);
    const command = Atomics.load(control, Control.Command);
    if (command === Control.End) return false;
    if (command === Control.Run && kind === 'waits' && answered >= 0) return true;
    if (sequence !== answered) say({ kind, leftAt, sequence });
    answered = sequence;
    Atomics.wait(control, Control.Sequence, sequence);
  }
}

/** One KVM_RUN. @returns the exit's reason, or -1 when the call was refused in a way that is counted */
function enter(): number {
  try {
    kvmCall(fd, KvmCalls.Run);
    return run.getUint32(RUN.reason, true);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.is('EINTR')) counts[Count.Interrupted]++;
    else if (error.is('EFAULT')) counts[Count.Refused]++;
    else throw error;
    return -1;
  }
}

/** @returns false when the thread shall end */
function handleMmio(): boolean {
  if (run.getBigUint64(RUN.address, true) !== BigInt(exitPage)) {
    counts[Count.NoSlot]++;
    if (run.getUint8(RUN.isWrite) === 0) run.setBigUint64(RUN.data, 0n, true);
    return true;
  }
  return waitForCommand(run.getUint8(RUN.data) === ExitCode.Finished ? 'finished' : 'waits');
}

/** @returns false when the thread shall end */
function handle(reason: number): boolean {
  switch (reason) {
    case -1:
      // It is not in the guest, and a stop has not reached it there.
      return isStopped() ? waitForCommand('waits') : true;
    case ExitReason.Mmio:
      return handleMmio();
    case ExitReason.DirtyRingFull:
      counts[Count.RingFull]++;
      Atomics.wait(control, Control.Never, 0, RING_PATIENCE_MS);
      return handle(isStopped() ? -1 : 0x10000);
    case 0x10000:
      return true;
    default:
      throw new Error(`the guest left with ${EXIT_NAMES[reason] ?? `exit reason ${reason}`}`);
  }
}

// As QEMU names them.
nameThisThread(`CPU ${vcpu}/KVM`);
if (cpu !== undefined) pinToCpu(cpu);
say({ kind: 'ready', tid: gettid() });
while (handle(enter()));
say({ kind: 'ended' });
