'use coroutines';
/**
 * The executor by itself: small programs whose every moment can be worked out by hand. Costs are 1 ns for a
 * load or store, 10 for an atomic, 100 for a switch of threads, and so on (`COSTS`), without spread.
 */
import { describe, expect, it } from 'vitest';
import { Cost } from '../model/costs.js';
import { MemoryLayout } from '../model/memory.js';
import { Order, type Step, type Thread } from '../model/operations.js';
import type { Policy } from '../model/policies.js';
import { SCRATCH_CELLS } from '../model/scratch.js';
import { COST_NAMES, type CostName, type CostTable } from './costs/cost-table.js';
import { SimThread } from './sim-thread.js';
import { Simulator } from './simulator.js';
import { ThreadState } from './thread-state.js';

const COSTS: Partial<Record<CostName, number>> = {
  memoryLoad: 1,
  memoryStore: 1,
  atomicOwned: 10,
  contextSwitch: 100,
  ipiSend: 20,
  ipiDeliverSocket: 300,
  ipiHandler: 50,
  interruptExit: 5,
  tick: 1000,
  wakeUp: 40,
  idleExit: 60,
  transferSocket: 30,
  guestTouch: 10,
  faultSetup: 100,
};

function costs(): CostTable {
  const entry = (name: CostName) =>
    ({
      ns: COSTS[name] ?? 0.001,
      unit: 'ns',
      spread: 0,
      range: undefined,
      kind: 'given',
      source: 'test',
    }) as const;
  const all = Object.fromEntries(COST_NAMES.map((name) => [name, entry(name)]));
  return { name: 'test', costs: all as CostTable['costs'] };
}

interface World {
  sim: Simulator;
  cells: number;
  log: string[];
  spawn: (start: (t: Thread) => unknown, options?: { cpu?: number; at?: number }) => SimThread;
}

function world(preempt: Policy['preempt'] = 'full', cpus = 2, quantumNs = 0): World {
  const layout = new MemoryLayout();
  const cells = layout.alloc('cells', 16, 'shared');
  const hot = layout.alloc('hot', 1, 'hot');
  const scratch = layout.alloc('scratch', SCRATCH_CELLS * 8, 'private');
  expect(hot).toBeGreaterThan(cells);
  const sim = new Simulator({
    memory: layout.finish(),
    machine: { cpus, sockets: 1, nodes: 1, smt: 1, coresPerCache: 1 },
    costs: costs(),
    preempt,
    boostsHolders: false,
    hz: 250,
    seed: 1,
    quantumNs,
    numaScanPeriodNs: Infinity,
    numaScanDelayNs: Infinity,
  });
  const log: string[] = [];
  const spawn: World['spawn'] = (start, { cpu = -1, at = 0 } = {}) => {
    const index = sim.threads.length;
    const options = {
      tid: 100 + index,
      comm: `thread ${index}`,
      kind: 'kernel',
      vcpu: -1,
      agent: '',
      affinity: cpu,
      weight: 1024,
      numaScans: false,
    } as const;
    const thread = new SimThread(index, options, scratch + index * SCRATCH_CELLS, sim, start);
    sim.add(thread, at);
    return thread;
  };
  return { sim, cells, log, spawn };
}

/** Adds 1 to a cell `rounds` times, each taking 100 ns and an atomic. */
function* counter(t: Thread, cell: number, rounds: number): Step<void> {
  for (let round = 0; round < rounds; round++) {
    yield* t.spend(Cost.faultSetup, 1);
    yield* t.fetchAdd(cell, 1, Order.Full);
  }
}

function* waiter(t: Thread, cell: number, sleeps: boolean, log: string[]): Step<void> {
  if (sleeps) yield* t.waitUntil(cell, -1, 3);
  else yield* t.spinUntil(cell, -1, 3);
  log.push(`${t.tid} saw ${t.mem[cell]}`);
}

/** A critical section of the simplest lock, to see that no two are inside. */
function* locker(t: Thread, lock: number, inside: number, rounds: number, worst: number[]): Step<void> {
  for (let round = 0; round < rounds; round++) {
    while ((yield* t.cmpxchg(lock, 0, 1, Order.Acquire)) !== 0) yield* t.spinUntil(lock, -1, 0);
    const others = yield* t.fetchAdd(inside, 1, Order.Full);
    worst[0] = Math.max(worst[0], others + 1);
    yield* t.spend(Cost.faultSetup, 1);
    yield* t.fetchAdd(inside, -1, Order.Full);
    yield* t.storeRelease(lock, 0);
    yield* t.spend(Cost.faultSetup, 2);
  }
}

/**
 * Computes without end in steps of 100 us, asking to be rescheduled in between, with preemption off if it
 * says so.
 */
function* hog(
  t: Thread,
  steps: number,
  pins: boolean,
  asks: boolean,
  log: string[],
  name: string,
): Step<void> {
  if (pins) yield* t.preemptDisable();
  for (let step = 0; step < steps; step++) {
    yield* t.spend(Cost.faultSetup, 1000);
    if (asks) yield* t.condResched();
  }
  log.push(name);
  if (pins) yield* t.preemptEnable();
}

function* kicker(t: Thread, cpu: number, log: string[]): Step<void> {
  yield* t.spend(Cost.faultSetup, 5);
  yield* t.preemptDisable();
  t.kickMaskClear();
  t.kickMaskAdd(cpu);
  const count = yield* t.kickMaskSend(true);
  yield* t.preemptEnable();
  log.push(`acknowledged by ${count}`);
}

function* guest(t: Thread, touches: number, log: string[]): Step<void> {
  yield* t.irqDisable();
  yield* t.guestEnter();
  const done = yield* t.guestTouches(touches, 90);
  const interrupted = yield* t.guestInterrupted();
  yield* t.guestLeave();
  log.push(`${done} touches, interrupted ${interrupted}`);
  yield* t.irqEnable();
}

describe('operations take their time', () => {
  it('one thread: 10 rounds of 110 ns after it was woken on an idle CPU', () => {
    const { sim, cells, spawn } = world();
    const thread = spawn((t) => counter(t, cells, 10));
    expect(sim.run(1e9, 1e6)).toBe(false);
    expect(sim.mem[cells]).toBe(10);
    expect(thread.local).toBe(60 + 10 * 110);
    expect(thread.state).toBe(ThreadState.Ended);
  });

  it('two CPUs run side by side, one CPU shares', () => {
    for (const [cpus, ns] of [
      [2, 60 + 10 * 110],
      [1, 60 + 10 * 110 + 100 + 10 * 110],
    ] as const) {
      const { sim, cells, spawn } = world('none', cpus);
      const threads = [0, 1].map(() => spawn((t) => counter(t, cells, 10)));
      sim.run(1e9, 1e6);
      expect(Math.max(...threads.map(({ local }) => local))).toBe(ns);
      expect(sim.mem[cells]).toBe(20);
    }
  });

  it('the quantum changes moments, not results', () => {
    for (const quantum of [0, 50, 500]) {
      const { sim, cells, spawn } = world('none', 4, quantum);
      const worst = [0];
      for (let index = 0; index < 4; index++) spawn((t) => locker(t, cells, cells + 1, 50, worst));
      sim.run(1e9, 1e6);
      expect(worst[0]).toBe(1);
      expect(sim.threads.every(({ state }) => state === ThreadState.Ended)).toBe(true);
    }
  });
});

describe('waiting', () => {
  it.each([true, false])(
    'a thread that waits goes on when the cell is what it wants (asleep: %s)',
    (sleeps) => {
      const { sim, cells, spawn, log } = world();
      spawn((t) => waiter(t, cells, sleeps, log));
      spawn((t) => counter(t, cells, 5));
      sim.run(1e9, 1e6);
      expect(log).toEqual(['100 saw 3']);
      expect(sim.waiters.list()).toEqual([]);
    },
  );

  it('who comes too late to see it waits on', () => {
    const { sim, cells, spawn, log } = world('full', 1);
    spawn((t) => waiter(t, cells, true, log), { cpu: 0 });
    spawn((t) => counter(t, cells, 5), { cpu: 0, at: 10 });
    sim.run(3e6, 1e6);
    // Woken at 3, the sleeper had to wait for the CPU, and found 5.
    expect(log).toEqual([]);
    expect(sim.waiters.list().map(({ threads }) => threads[0].tid)).toEqual([100]);
  });

  it('a spinning thread keeps its CPU, a sleeping one does not', () => {
    for (const sleeps of [true, false]) {
      const { sim, cells, spawn, log } = world('full', 1);
      spawn((t) => waiter(t, cells, sleeps, log));
      spawn((t) => counter(t, cells, 3), { at: 10 });
      sim.run(3e6, 1e6);
      expect(sim.mem[cells]).toBe(sleeps ? 3 : 0);
    }
  });
});

describe('preemption', () => {
  /** Two hogs on one CPU, 10 ms of work each: who is done first, and did the second wait for the first? */
  function order(preempt: Policy['preempt'], pins: boolean, asks: boolean): boolean {
    const { sim, spawn, log } = world(preempt, 1);
    const first = spawn((t) => hog(t, 100, pins, asks, log, 'first'), { cpu: 0 });
    const second = spawn((t) => hog(t, 10, pins, asks, log, 'second'), { cpu: 0, at: 1 });
    sim.run(1e9, 1e6);
    expect([first.state, second.state]).toEqual([ThreadState.Ended, ThreadState.Ended]);
    return log[0] === 'second';
  }

  it('full, lazy and rt preempt the kernel; none and voluntary do where it asks', () => {
    expect(order('full', false, false)).toBe(true);
    expect(order('lazy', false, false)).toBe(true);
    expect(order('rt', false, false)).toBe(true);
    expect(order('none', false, false)).toBe(false);
    expect(order('voluntary', false, false)).toBe(false);
    expect(order('none', false, true)).toBe(true);
    expect(order('voluntary', false, true)).toBe(true);
  });

  it('nobody is preempted who has disabled it', () => {
    for (const model of ['full', 'lazy', 'rt', 'none', 'voluntary'] as const) {
      expect(order(model, true, false)).toBe(false);
    }
  });
});

describe('interrupts', () => {
  it('a guest leaves at the touch that was under way, and only then the sender goes on', () => {
    const { sim, spawn, log } = world();
    const inside = spawn((t) => guest(t, 1000, log), { cpu: 1 });
    const sender = spawn((t) => kicker(t, 1, log), { cpu: 0 });
    sim.run(1e6, 1e6);
    // Sent at 60 + 500 + 20, it arrives 300 later: 820 ns after the guest began, 8 touches of 100 ns.
    expect(log).toEqual(['8 touches, interrupted true', 'acknowledged by 1']);
    expect(inside.local).toBe(880 + 50 + 5);
    expect(sender.local).toBe(880 + 50 + 30 + 1);
  });

  it('a CPU in the kernel takes it at once, an idle one too', () => {
    for (const busy of [true, false]) {
      const { sim, cells, spawn, log } = world();
      const other = busy ? spawn((t) => counter(t, cells, 100), { cpu: 1 }) : undefined;
      spawn((t) => kicker(t, 1, log), { cpu: 0 });
      sim.run(1e6, 1e6);
      expect(log).toEqual(['acknowledged by 1']);
      expect(other?.local).toBe(busy ? 60 + 100 * 110 + 55 : undefined);
    }
  });
});

describe('the same again', () => {
  it('the same seed gives the same order of events', () => {
    const hashes = [1, 2].map(() => {
      const { sim, cells, spawn } = world('full', 2);
      for (let index = 0; index < 5; index++) spawn((t) => counter(t, cells, 200));
      sim.run(1e9, 1e6);
      return sim.hash;
    });
    expect(hashes[0]).toBe(hashes[1]);
  });
});
