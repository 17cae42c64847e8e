/**
 * A vCPU's loop: what is served before the guest runs, when it backs out, and how it comes back from a
 * fault.
 */
import { describe, expect, it } from 'vitest';
import { entryOf } from './testing/host-machine.js';
import type { GuestProgram } from './guest/program.js';
import { Request, SlotFlag, VcpuMode } from './kvm.js';
import type { Step } from './operations.js';
import { RetPf } from './page-fault-struct.js';
import type { Policy, PolicyChange } from './policies.js';
import { kvmMmuZapAllFast } from './shadow/zap-obsolete.js';
import { frameOf } from './spte.js';
import { beforeAccess } from './testing/placement.js';
import { finish, SequentialThread } from './testing/sequential-thread.js';
import { endOn, startOn, tdpOn, type TdpMachine } from './testing/tdp-machine.js';
import { kvmFlushRemoteTlbs } from './tlb-flush.js';
import { Detection, Tracepoint } from './tracepoints.js';
import { vcpuThread } from './vcpu-run.js';

/** A thread that shows a test every tracepoint when it is emitted, and what it holds when the guest runs. */
class VcpuThread extends SequentialThread {
  onEmit: (point: Tracepoint, values: readonly number[]) => void = () => {};
  /** [preempt count, irq count] at each entry. */
  readonly held: number[][] = [];
  override emit(point: Tracepoint, ...values: number[]): void {
    super.emit(point, ...values);
    this.onEmit(point, values);
  }
  override guestEnter(): Step<void> {
    this.held.push([this.preemptCount, this.irqCount]);
    return super.guestEnter();
  }
  /** schedule(): what was asked for has happened. */
  override exitToUserModeResched(): Step<boolean> {
    this.needReschedNow = false;
    return super.exitToUserModeResched();
  }
}

interface Running extends TdpMachine {
  readonly v: VcpuThread;
}

function runningOn(change: PolicyChange = {}, more: Parameters<typeof tdpOn>[0] = {}): Running {
  const tdp = tdpOn({ pages: 64, geometry: { bits: 2, levels: 3 }, tlbEntries: 64, change, ...more });
  return { ...tdp, v: new VcpuThread(tdp.mem, 1, tdp.t.scratch) };
}

/** Touches pages from `firstGfn` on, one after the other, all by writing; ends after `accesses`. */
function run({ v, vcpu }: Running, accesses: number, pages = accesses, firstGfn = 0): void {
  const program: GuestProgram = {
    pattern: 'sequential',
    firstGfn,
    pages,
    stridePages: 1,
    hotPages: 1,
    hotSpread: false,
    hotShare: 0,
    writeShare: 1,
    workNs: 0,
    seed: 1,
    accesses,
    covered: new Uint8Array(1024),
    firstPass: false,
  };
  finish(vcpuThread(v, vcpu, program, undefined));
  expect([v.preemptCount, v.irqCount]).toEqual([0, 0]);
}

function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}

/** The tracepoints among `points`, in order. */
function order(v: VcpuThread, ...points: Tracepoint[]): Tracepoint[] {
  return v.emitted.map(([point]) => point).filter((point) => points.includes(point));
}

describe('running the guest', () => {
  it('one exit and one entry more for each fault; mode and CPU are kept', () => {
    const on = runningOn();
    const { v, vcpu, mem } = on;
    v.currentCpu = 3;
    const modes: number[] = [];
    v.onEmit = (point) => {
      if (point === Tracepoint.kvmEntry || point === Tracepoint.kvmExit) modes.push(mem[vcpu.mode]);
    };
    run(on, 4);
    expect(v.all(Tracepoint.kvmPageFault).map(([, gfn]) => gfn)).toEqual([0, 1, 2, 3]);
    expect(v.all(Tracepoint.probeFaultEnd).map(([, , result]) => result)).toEqual(Array(4).fill(RetPf.Fixed));
    expect(v.all(Tracepoint.kvmEntry)).toHaveLength(5);
    expect(v.all(Tracepoint.kvmExit)).toHaveLength(5);
    expect(modes).toEqual(times(5, [VcpuMode.InGuest, VcpuMode.OutsideGuest]).flat());
    // Preemption and interrupts are off from before the announcement until after the exit.
    expect(v.held).toEqual(times(5, [1, 1]));
    expect(mem[vcpu.cpu]).toBe(3 + 1);
    expect(mem[vcpu.position]).toBe(4);
  });

  it('a frame that no memslot has is emulated, and passed', () => {
    const on = runningOn({}, { slots: [{ pages: 4 }, { pages: 4, hole: 4 }] });
    run(on, 12);
    const results = on.v.all(Tracepoint.probeFaultEnd).map(([, gfn, result]) => [gfn, result]);
    const of = (gfns: number[], result: number): number[][] => gfns.map((gfn) => [gfn, result]);
    expect(results).toEqual([
      ...of([0, 1, 2, 3], RetPf.Fixed),
      ...of([4, 5, 6, 7], RetPf.Emulate),
      ...of([8, 9, 10, 11], RetPf.Fixed),
    ]);
    expect(on.v.all(Tracepoint.faultRetry)).toEqual([]);
  });
});

describe('RETRY', () => {
  it('re-enters the guest, which faults again, until the invalidation ends; without any lock', () => {
    const on = runningOn();
    const { v, others } = on;
    startOn(on, 0, 8, others[0]);
    let faults = 0;
    v.onEmit = (point) => {
      if (point === Tracepoint.kvmPageFault && ++faults === 6) endOn(on, 0, 8, others[0]);
    };
    run(on, 1);
    expect(v.all(Tracepoint.kvmPageFault)).toHaveLength(6);
    expect(v.all(Tracepoint.kvmEntry)).toHaveLength(7);
    const reasons = v.all(Tracepoint.faultRetry).map(([, , , reason]) => reason);
    expect(reasons).toEqual(Array(5).fill(Detection.PreCheck1));
    // mmu_lock for the one that maps.
    expect(v.all(Tracepoint.lockAcquired)).toHaveLength(1);
  });

  it('without the pre-check each attempt takes mmu_lock and a reference to the page', () => {
    const on = runningOn({ preCheck: 'none' });
    const { v, others } = on;
    startOn(on, 0, 8, others[0]);
    let faults = 0;
    v.onEmit = (point) => {
      if (point === Tracepoint.kvmPageFault && ++faults === 6) endOn(on, 0, 8, others[0]);
    };
    run(on, 1);
    expect(v.all(Tracepoint.lockAcquired)).toHaveLength(6);
    const refs = v.all(Tracepoint.probeFaultRef).map(([, change]) => change);
    expect(refs).toEqual(times(6, [1, -1]).flat());
  });

  it.each(['loop', 'wait-for-end'] as const)('retry %s: one exit, however many attempts', (retry) => {
    const on = runningOn({ retry });
    const { v, others, kvm } = on;
    startOn(on, 0, 8, others[0]);
    let attempts = 0;
    v.onEmit = (point) => {
      if (retry === 'loop' && point === Tracepoint.probeFaultBegin && ++attempts === 6)
        endOn(on, 0, 8, others[0]);
    };
    v.onWait = (cell) => {
      expect(cell).toBe(kvm.mmuInvalidateInProgress);
      endOn(on, 0, 8, others[0]);
    };
    run(on, 1);
    expect(v.all(Tracepoint.kvmPageFault)).toHaveLength(1);
    expect(v.all(Tracepoint.kvmEntry)).toHaveLength(2);
    expect(v.all(Tracepoint.faultRetry)).toHaveLength(retry === 'loop' ? 5 : 1);
  });
});

describe('a memslot that is being deleted', () => {
  /** Readers of the memslots at each attempt, and at each entry, of a fault in it that needs `attempts`. */
  function readers(retry: Policy['retry'], attempts: number): { attempt: number[]; entry: number[] } {
    const on = runningOn({ retry }, { memslotsChange: true });
    const { v, kvm, mem } = on;
    const seen = { attempt: [] as number[], entry: [] as number[] };
    const [slot] = kvm.slots;
    mem[slot.flags] = SlotFlag.Valid | SlotFlag.Invalid;
    v.onEmit = (point) => {
      const count = mem[kvm.srcu + 1];
      if (point === Tracepoint.kvmEntry) seen.entry.push(count);
      if (point === Tracepoint.probeFaultBegin && seen.attempt.push(count) === attempts) {
        mem[slot.flags] = SlotFlag.Valid;
      }
    };
    run(on, 1);
    return seen;
  }

  it('is awaited between two attempts, when the guest runs', () => {
    expect(readers('re-enter', 4)).toEqual({ attempt: [1, 1, 1, 1], entry: [0, 0, 0, 0, 0] });
  });

  it('is never left by a loop in the kernel: the deletion waits for the reader, and it for the end', () => {
    // What the loop of KVM_PRE_FAULT_MEMORY avoids: there such a fault ends with EAGAIN.
    expect(readers('loop', 4)).toEqual({ attempt: [1, 1, 1, 1], entry: [0, 0] });
  });
});

describe('requests', () => {
  it('are served before the guest runs: a flush empties the TLB', () => {
    const on = runningOn();
    const { v, vcpu, mem } = on;
    run(on, 4);
    expect(mem.subarray(vcpu.tlb, vcpu.tlb + 8).some((cell) => cell !== 0)).toBe(true);
    mem[vcpu.requests] = Request.TlbFlush;
    v.emitted.length = 0;
    run(on, 5, 4);
    expect(order(v, Tracepoint.probeTlbFlushed, Tracepoint.kvmEntry)).toEqual([
      Tracepoint.probeTlbFlushed,
      Tracepoint.kvmEntry,
    ]);
    expect(mem[vcpu.requests]).toBe(0);
    // The fifth access finds its page by a walk, not in the TLB.
    expect(v.all(Tracepoint.probeTlbFill).map(([, gfn]) => gfn)).toEqual([0]);
  });

  it('nothing requested, nothing flushed: what is in the TLB is used', () => {
    const on = runningOn();
    run(on, 4);
    on.v.emitted.length = 0;
    run(on, 8, 4);
    expect(on.v.all(Tracepoint.probeTlbFlushed)).toEqual([]);
    expect(on.v.all(Tracepoint.probeTlbFill)).toEqual([]);
  });

  /**
   * A flush that another thread makes just before the vCPU's `nth` access to a cell on its way into the
   * guest. Returns the CPUs that it interrupted, whether the guest ran with the request pending, and how
   * often the TLB was emptied.
   */
  function flushAt(cell: 'mode' | 'requests', nth: number, entryOrder: Policy['entryOrder']): unknown[] {
    const on = runningOn({ entryOrder });
    const { v, vcpu, others, mem, kvm } = on;
    v.currentCpu = 5;
    let stale = false;
    beforeAccess(v, vcpu[cell], nth, () => finish(kvmFlushRemoteTlbs(others[0], kvm)));
    v.onEmit = (point) => {
      if (point === Tracepoint.kvmEntry && mem[vcpu.requests] !== 0) stale = true;
    };
    run(on, 1);
    return [others[0].kicks, stale, v.all(Tracepoint.probeTlbFlushed).length];
  }

  it('one that comes on the way in is seen, or its sender sees the vCPU in the guest', () => {
    // Before the announcement: the sender finds it outside, the vCPU finds the request.
    expect(flushAt('mode', 1, 'mode-then-requests')).toEqual([[], false, 1]);
    // After it, before the requests are read: both see each other.
    expect(flushAt('requests', 2, 'mode-then-requests')).toEqual([[[5]], false, 1]);
    // After the requests were read: the mode says that somebody wants it out.
    expect(flushAt('mode', 2, 'mode-then-requests')).toEqual([[[5]], false, 1]);
  });

  it('who looks for requests first misses one that comes before the announcement', () => {
    expect(flushAt('mode', 1, 'requests-then-mode')).toEqual([[], true, 1]);
    // Between two reads of one word there is nothing to miss it with.
    expect(flushAt('requests', 2, 'requests-then-mode')).toEqual([[], false, 1]);
  });

  it('work of the thread makes it back out, without an entry', () => {
    const on = runningOn();
    const { v, vcpu, mem } = on;
    const modes: number[] = [];
    v.needReschedNow = true;
    v.onAccess = (cell) => {
      if (cell === vcpu.mode) modes.push(mem[vcpu.mode]);
    };
    run(on, 1);
    // Announced, looked, taken back; then in and out twice, for the fault and for the access.
    const { OutsideGuest: out, InGuest: inside } = VcpuMode;
    expect(modes).toEqual([out, inside, inside, out, inside, inside, out, inside, inside]);
    expect(v.all(Tracepoint.kvmEntry)).toHaveLength(2);
  });
});

describe('roots', () => {
  it('one that was invalidated is left before the next entry, and another loaded with an empty TLB', () => {
    const on = runningOn({}, { vcpus: 2 });
    const { v, vcpu, kvm, mem, others } = on;
    run(on, 4);
    finish(kvmMmuZapAllFast(others[0], kvm));
    expect([mem[vcpu.requests], mem[vcpu.root]]).toEqual([Request.MmuFreeObsoleteRoots, 1]);
    v.emitted.length = 0;
    run(on, 8, 4);
    expect(mem[vcpu.root]).toBe(2);
    const [old, young] = kvm.roots;
    // The other vCPU has not run since.
    expect([mem[old.refcount], mem[young.refcount]]).toEqual([1, 2]);
    expect(order(v, Tracepoint.probeTlbFlushed, Tracepoint.kvmEntry)[0]).toBe(Tracepoint.probeTlbFlushed);
    // Everything faults in again: 1 + 1 + 1 tables for four pages, and the old root's own.
    expect(v.all(Tracepoint.kvmPageFault)).toHaveLength(4);
    expect(mem[kvm.tables.used]).toBe(3 + 1);
  });

  it('a request to leave obsolete roots does not make it leave a valid one', () => {
    const on = runningOn();
    on.mem[on.vcpu.requests] = Request.MmuFreeObsoleteRoots;
    run(on, 1);
    expect([on.mem[on.vcpu.root], on.mem[on.kvm.roots[0].refcount]]).toEqual([1, 2]);
  });

  it('an invalidation between fault and lock: the attempt is stale, the next one is in the new root', () => {
    const on = runningOn({}, { vcpus: 2 });
    const { v, kvm, mem, others, vcpu } = on;
    let done = false;
    v.onEmit = (point) => {
      if (point !== Tracepoint.probeFaultBegin || done) return;
      done = true;
      finish(kvmMmuZapAllFast(others[0], kvm));
    };
    run(on, 1);
    expect(v.all(Tracepoint.faultRetry).map(([, , , reason]) => reason)).toEqual([Detection.Stale]);
    expect(v.all(Tracepoint.probeSpteInstalled).map(([root]) => root)).toEqual([1]);
    expect(mem[vcpu.root]).toBe(2);
  });
});

describe('the APIC access page', () => {
  it('is reloaded when its invalidation asked for it, and again if another one came in between', () => {
    const on = runningOn({}, { slots: [{ pages: 8 }], apicAccessPage: true });
    const { v, vcpu, mem, others, kvm } = on;
    const slot = kvm.slots[1];
    const page = slot.userspacePage - on.first;
    startOn(on, page, page + 1, others[0]);
    expect(mem[vcpu.requests] & Request.ApicPageReload).toBe(Request.ApicPageReload);
    // It is in progress at the first entry; at the second it is over.
    let loads = 0;
    v.onAccess = (cell) => {
      if (cell === vcpu.requests && ++loads === 4) endOn(on, page, page + 1, others[0]);
    };
    run(on, 1);
    expect(mem[vcpu.apicAccessPfn]).toBe(frameOf(entryOf(on, page)));
    expect(v.all(Tracepoint.probeApicPage)).toHaveLength(1);
    expect(mem[vcpu.requests]).toBe(0);
  });
});
