/**
 * Runs of the model written by hand: what a few threads emit, for observers of simulations.
 */
import type { Tracepoint } from '../../src/model/tracepoints.js';
import type { Observer, ThreadInfo } from '../../src/simulate/observer.js';

/** ns, thread, tracepoint, arguments. */
export type Emit = readonly [now: number, thread: ThreadInfo, point: Tracepoint, ...args: number[]];

export function emitAll(observers: readonly Observer[], emits: readonly Emit[]): void {
  for (const [now, thread, point, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] of emits) {
    for (const observer of observers) observer.onEmit(now, thread, point, a, b, c, d, e, f);
  }
}

export function vcpuThread(index: number, vcpu: number): ThreadInfo {
  return { index, tid: 3000 + vcpu, comm: `CPU ${vcpu}/KVM`, kind: 'vcpu', vcpu, agent: '', cpu: vcpu };
}

export function stormThread(index: number, agent: string, comm = 'qemu-system-x86', cpu = index): ThreadInfo {
  const kind = agent === 'ksm' ? 'ksmd' : 'storm';
  return { index, tid: 2000 + index, comm, kind, vcpu: -1, agent, cpu };
}

/** mmu_lock's address in emits, and that of the queue inside it. */
export const MMU_LOCK = 0x81000;
export const QUEUE = 0x81004;
export const LOCK_ADDRESSES = { address: MMU_LOCK, waitLock: { address: QUEUE } };
