/** Requests to vCPUs: who is interrupted, who is awaited, in which order it is looked. */
import { describe, expect, it } from 'vitest';
import { Request, VcpuMode, type Vcpu } from './kvm.js';
import type { Step } from './operations.js';
import type { PolicyChange } from './policies.js';
import { finish, SequentialThread } from './testing/sequential-thread.js';
import { tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { kvmFlushRemoteTlbs, kvmMakeAllCpusRequest, kvmMakeRequest } from './tlb-flush.js';
import { Tracepoint } from './tracepoints.js';

/** Remembers whether each interrupt was waited for. */
class Flusher extends SequentialThread {
  readonly waited: boolean[] = [];
  override kickMaskSend(wait: boolean): Step<number> {
    this.waited.push(wait);
    return super.kickMaskSend(wait);
  }
}

interface Flushes extends TdpMachine {
  readonly flusher: Flusher;
}

/** vCPUs in every mode, on CPUs 10 and on; the flusher runs on CPU 0. */
const MODES = [
  VcpuMode.OutsideGuest,
  VcpuMode.InGuest,
  VcpuMode.ExitingGuest,
  VcpuMode.ReadingShadowPageTables,
];

function flushesOn(change: PolicyChange = {}): Flushes {
  const tdp = tdpOn({ pages: 4, geometry: { bits: 2, levels: 1 }, vcpus: MODES.length, change });
  for (const [index, mode] of MODES.entries()) {
    tdp.mem[tdp.kvm.vcpus[index].mode] = mode;
    tdp.mem[tdp.kvm.vcpus[index].cpu] = 10 + index + 1;
  }
  return { ...tdp, flusher: new Flusher(tdp.mem, 9, tdp.others[0].scratch) };
}

const values = ({ mem, kvm }: Flushes, field: 'mode' | 'requests'): number[] =>
  kvm.vcpus.map((vcpu) => mem[vcpu[field]]);

describe('kvm_flush_remote_tlbs()', () => {
  it('interrupts and awaits all but those outside; everybody has the request', () => {
    const on = flushesOn();
    finish(kvmFlushRemoteTlbs(on.flusher, on.kvm));
    expect(on.flusher.kicks).toEqual([[11, 12, 13]]);
    expect(on.flusher.waited).toEqual([true]);
    expect(values(on, 'requests')).toEqual([1, 1, 1, 1].map(() => Request.TlbFlush));
    // Who was in the guest is on its way out now; nobody else is told anything.
    expect(values(on, 'mode')).toEqual([
      VcpuMode.OutsideGuest,
      VcpuMode.ExitingGuest,
      VcpuMode.ExitingGuest,
      VcpuMode.ReadingShadowPageTables,
    ]);
    expect(on.flusher.all(Tracepoint.remoteFlush)).toEqual([[4, 3]]);
    expect(on.flusher.preemptCount).toBe(0);
  });

  it('a second one while the first is on its way awaits the same again', () => {
    const on = flushesOn();
    finish(kvmFlushRemoteTlbs(on.flusher, on.kvm));
    finish(kvmFlushRemoteTlbs(on.flusher, on.kvm));
    expect(on.flusher.kicks).toEqual([
      [11, 12, 13],
      [11, 12, 13],
    ]);
  });

  it('with everybody outside no interrupt is sent, and the flush is due all the same', () => {
    const on = flushesOn();
    for (const vcpu of on.kvm.vcpus) on.mem[vcpu.mode] = VcpuMode.OutsideGuest;
    finish(kvmFlushRemoteTlbs(on.flusher, on.kvm));
    expect(on.flusher.kicks).toEqual([]);
    expect(on.flusher.all(Tracepoint.remoteFlush)).toEqual([[4, 0]]);
    expect(values(on, 'requests')).toEqual([1, 1, 1, 1]);
  });

  it('neither the own CPU nor one that was never on any is interrupted', () => {
    const on = flushesOn();
    on.flusher.currentCpu = 11;
    on.mem[on.kvm.vcpus[2].cpu] = 0;
    finish(kvmFlushRemoteTlbs(on.flusher, on.kvm));
    expect(on.flusher.kicks).toEqual([[13]]);
  });

  it.each<[PolicyChange, number[], boolean]>([
    // Without WAIT only the guest itself matters, and nobody is awaited.
    [{ flushRequest: 'no-wait' }, [11], false],
    // A mistake: who is leaving or walks shadow pages is not awaited.
    [{ kickCondition: 'in-guest-only' }, [11], true],
  ])('%o', (change, kicks, waits) => {
    const on = flushesOn(change);
    finish(kvmFlushRemoteTlbs(on.flusher, on.kvm));
    expect([on.flusher.kicks, on.flusher.waited]).toEqual([[kicks], [waits]]);
  });
});

describe('kvm_make_all_cpus_request()', () => {
  it('adds to what was requested before', () => {
    const on = flushesOn();
    finish(kvmMakeRequest(on.flusher, on.vcpu, Request.MmuSync));
    const interrupted = finish(kvmMakeAllCpusRequest(on.flusher, on.kvm, Request.MmuFreeObsoleteRoots, true));
    expect(interrupted).toBe(3);
    expect(values(on, 'requests')).toEqual([20, 4, 4, 4]);
  });

  it('without WAIT interrupts those in the guest only', () => {
    const on = flushesOn();
    expect(finish(kvmMakeAllCpusRequest(on.flusher, on.kvm, Request.TlbFlush, false))).toBe(1);
    expect([on.flusher.kicks, on.flusher.waited]).toEqual([[[11]], [false]]);
  });

  it('writes the request before it reads the mode: who enters in between is seen', () => {
    const on = flushesOn();
    const [outside] = on.kvm.vcpus;
    const seen: string[] = [];
    const name = (vcpu: Vcpu, cell: number): string | undefined =>
      cell === vcpu.requests
        ? 'requests'
        : cell === vcpu.mode
          ? 'mode'
          : cell === vcpu.cpu
            ? 'cpu'
            : undefined;
    on.flusher.onAccess = (cell) => {
      const what = name(outside, cell);
      if (what === undefined) return;
      seen.push(what);
      // It enters between the two.
      if (what === 'mode') on.mem[outside.mode] = VcpuMode.InGuest;
    };
    finish(kvmFlushRemoteTlbs(on.flusher, on.kvm));
    expect(seen).toEqual(['requests', 'mode', 'cpu']);
    expect(on.flusher.kicks).toEqual([[10, 11, 12, 13]]);
    expect(on.mem[outside.mode]).toBe(VcpuMode.ExitingGuest);
  });
});
