'use coroutines';
/**
 * Remote flushes against vCPUs that run, on CPUs of their own in virtual time: when a flush has returned, no
 * guest runs with a translation from before it. Costs are made by hand; who is where when is drawn.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SimThread } from '../simulate/sim-thread.js';
import { kvmWorld, type KvmWorld } from '../simulate/testing/kvm-world.js';
import { ThreadState } from '../simulate/thread-state.js';
import { Cost } from './costs.js';
import type { GuestProgram } from './guest/program.js';
import { kernelPolicy } from './kernels.js';
import { VcpuMode, type Kvm, type Vcpu } from './kvm.js';
import type { Step, Thread } from './operations.js';
import type { PolicyChange } from './policies.js';
import { kvmFlushRemoteTlbs } from './tlb-flush.js';
import { Tracepoint } from './tracepoints.js';
import { vcpuThread } from './vcpu-run.js';

const VCPUS = 3;
const PAGES = 16;

function world(change: PolicyChange): KvmWorld {
  const config = {
    policy: { ...kernelPolicy('v7.3'), ...change },
    vcpus: VCPUS,
    slots: [{ pages: PAGES }],
    geometry: { bits: 2, levels: 2 },
    tlbEntries: PAGES,
    populated: { huge: false, nodeOf: () => 0 },
  };
  // Everything takes 7 ns, a load 40, so that something fits between two of them, what a host does in
  // between 13, an interrupt 300 from one CPU to another.
  const ns = { memoryLoad: 40, faultSetup: 13, ipiDeliverSocket: 300, vmEntry: 50, vmExit: 50 };
  return kvmWorld(config, VCPUS + 2, ns, 7);
}

function program(seed: number, accesses: number): GuestProgram {
  return {
    pattern: 'random',
    firstGfn: 0,
    pages: PAGES,
    stridePages: 1,
    hotPages: 1,
    hotSpread: false,
    hotShare: 0,
    writeShare: 1,
    workNs: 40,
    seed,
    accesses,
    covered: new Uint8Array(PAGES),
    firstPass: false,
  };
}

/** Waits that many steps of 13 ns before each flush; tells a test when each began and returned. */
function* flusher(
  t: Thread,
  kvm: Kvm,
  thinks: readonly number[],
  began: () => void,
  returned: () => void,
): Step<void> {
  for (let round = 0; round < thinks.length; round++) {
    yield* t.spend(Cost.faultSetup, thinks[round]);
    began();
    yield* kvmFlushRemoteTlbs(t, kvm);
    returned();
  }
}

/** A vCPU whose thread waits for a cell before it enters its guest: it is outside until then. */
function* lateVcpu(t: Thread, vcpu: Vcpu, steps: number): Step<void> {
  yield* t.spend(Cost.faultSetup, steps);
  yield* vcpuThread(t, vcpu, program(1, 20), undefined);
}

/** What each vCPU does, as far as tracepoints tell. */
interface Watch {
  readonly inGuest: boolean[];
  /** Flushes of its TLB so far. */
  readonly flushes: number[];
}

function watch({ sim, kvm }: KvmWorld): Watch {
  const inGuest = kvm.vcpus.map(() => false);
  const flushes = kvm.vcpus.map(() => 0);
  sim.observers.push({
    onEmit(_now, _thread, point, vcpu) {
      if (point === Tracepoint.kvmEntry) inGuest[vcpu] = true;
      else if (point === Tracepoint.kvmExit) inGuest[vcpu] = false;
      else if (point === Tracepoint.probeTlbFlushed) flushes[vcpu]++;
    },
  });
  return { inGuest, flushes };
}

/** vCPUs that were in their guest, unflushed, when a flush returned; and how many flushes met one inside. */
function race(change: PolicyChange, plans: readonly (readonly number[])[]): { stale: number; met: number } {
  const on = world(change);
  const { sim, kvm, spawn } = on;
  const { inGuest, flushes } = watch(on);
  let stale = 0;
  let met = 0;
  for (const vcpu of kvm.vcpus) spawn((t) => vcpuThread(t, vcpu, program(vcpu.id, 300), undefined));
  for (const plan of plans) {
    let before: number[] = [];
    let insideBefore: boolean[] = [];
    const began = (): void => {
      before = [...flushes];
      insideBefore = [...inGuest];
    };
    const returned = (): void => {
      met += insideBefore.filter(Boolean).length;
      for (const vcpu of kvm.vcpus) {
        // kvm_exit comes after the interrupt was answered: the mode says who has left.
        const inside = inGuest[vcpu.id] && sim.mem[vcpu.mode] !== VcpuMode.OutsideGuest;
        if (inside && flushes[vcpu.id] === before[vcpu.id]) stale++;
      }
    };
    spawn((t) => flusher(t, kvm, plan, began, returned));
  }
  sim.run(1e9, 1e6);
  expect(sim.threads.every(({ state }) => state === ThreadState.Ended)).toBe(true);
  expect(sim.stuck()).toEqual([]);
  return { stale, met };
}

describe('a flush against vCPUs that run', () => {
  const plans = fc.array(fc.array(fc.nat(150), { minLength: 1, maxLength: 20 }), {
    minLength: 1,
    maxLength: 2,
  });

  it('no guest runs on with what it had, whoever comes when', () => {
    let met = 0;
    fc.assert(
      fc.property(plans, (plan) => {
        const raced = race({}, plan);
        met += raced.met;
        expect(raced.stale).toBe(0);
      }),
      { numRuns: 60 },
    );
    expect(met).toBeGreaterThan(100);
  });

  it.each<PolicyChange>([{ flushRequest: 'no-wait' }, { entryOrder: 'requests-then-mode' }])(
    '%o: some does',
    (change) => {
      let stale = 0;
      for (let phase = 0; phase < 100 && stale === 0; phase++) {
        const plan = (a: number): number[] =>
          Array.from({ length: 20 }, (_, round) => (phase + a * round) % 149);
        stale += race(change, [plan(7), plan(11)]).stale;
      }
      expect(stale).toBeGreaterThan(0);
    },
  );
});

describe('who is outside', () => {
  it('keeps no flush waiting, is not interrupted, and flushes when it enters', () => {
    const on = world({});
    const { sim, kvm, spawn } = on;
    const { flushes } = watch(on);
    const ipis: number[] = [];
    sim.observers.push({
      onEmit: (_now, _thread, point, _vcpus, interrupted) => {
        if (point === Tracepoint.remoteFlush) ipis.push(interrupted);
      },
    });
    // The guest is entered after 13 us; the flush comes after 1.3.
    spawn((t) => lateVcpu(t, kvm.vcpus[0], 1000));
    let took = 0;
    const thread: SimThread = spawn((t) =>
      flusher(
        t,
        kvm,
        [100],
        () => (took = -thread.local),
        () => (took += thread.local),
      ),
    );
    sim.run(10_000, 1e6);
    expect(ipis).toEqual([0]);
    expect(took).toBeGreaterThan(0);
    expect(took).toBeLessThan(300);
    expect([flushes[0], sim.mem[kvm.vcpus[0].requests]]).toEqual([0, 1]);
    sim.run(1e9, 1e6);
    // By the request, and with the root that it loads.
    expect([flushes[0], sim.mem[kvm.vcpus[0].requests]]).toEqual([2, 0]);
  });

  it('who is inside is interrupted, and awaited for as long as it takes to leave', () => {
    const on = world({});
    const { sim, kvm, spawn } = on;
    let took = 0;
    spawn((t) => vcpuThread(t, kvm.vcpus[0], program(1, 1_000_000), undefined));
    const thread: SimThread = spawn((t) =>
      flusher(
        t,
        kvm,
        // By then every page is in the TLB, and the vCPU does nothing but touch them.
        [30_000],
        () => {
          expect(sim.mem[kvm.vcpus[0].mode]).toBe(VcpuMode.InGuest);
          took = -thread.local;
        },
        () => (took += thread.local),
      ),
    );
    sim.run(1e6, 1e6);
    // The interrupt is 300 ns under way; then the vCPU leaves its guest, 50 ns, and answers.
    expect(took).toBeGreaterThan(300 + 50);
    expect(took).toBeLessThan(1000);
  });
});
