'use coroutines';
/** The mask of CPUs to interrupt: each sender has its own, and a snapshot keeps it. */
import { expect, it } from 'vitest';
import { Cost } from '../model/costs.js';
import { kernelPolicy } from '../model/kernels.js';
import type { Step, Thread } from '../model/operations.js';
import { restoreSnapshot, takeSnapshot } from './snapshot.js';
import { kvmWorld, type KvmWorld } from './testing/kvm-world.js';

/** Adds CPUs one after the other, 100 ns apart, and interrupts them all. */
function* sender(t: Thread, cpus: readonly number[], sent: (count: number) => void): Step<void> {
  yield* t.preemptDisable();
  t.kickMaskClear();
  for (let index = 0; index < cpus.length; index++) {
    t.kickMaskAdd(cpus[index]);
    yield* t.spend(Cost.faultSetup, 1);
  }
  sent(yield* t.kickMaskSend(true));
  yield* t.preemptEnable();
}

function world(): KvmWorld {
  const config = { policy: kernelPolicy('v7.3'), vcpus: 1, slots: [{ pages: 1 }], tlbEntries: 1 };
  return kvmWorld({ ...config, geometry: { bits: 1, levels: 1 } }, 6, { faultSetup: 100 }, 1);
}

it('two that gather theirs at once do not mix them up', () => {
  const { sim, spawn } = world();
  const counts: number[] = [];
  for (const cpus of [[2, 3, 4], [5]]) spawn((t) => sender(t, cpus, (count) => counts.push(count)));
  sim.run(1e6, 1e6);
  expect(counts.toSorted((a, b) => a - b)).toEqual([1, 3]);
});

it('a machine that is set back in between sends what it had gathered', () => {
  const { sim, spawn } = world();
  const counts: number[] = [];
  spawn((t) => sender(t, [2, 3, 4], (count) => counts.push(count)));
  sim.run(150, 1e6);
  const snapshot = takeSnapshot(sim);
  for (let time = 0; time < 3; time++) {
    sim.run(1e6, 1e6);
    restoreSnapshot(sim, snapshot);
  }
  expect(counts).toEqual([3, 3, 3]);
});
