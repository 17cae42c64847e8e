/**
 * Snapshots of a simulation, so that a viewer can go back and forth: everything that decides what happens
 * next.
 *
 * Memory is copied, programs are not: frames never change, so a thread's program is kept by its innermost
 * frame. Observers are outside: statistics of a run that was set back count what happens twice.
 */
import type { CacheLines } from './cache-lines.js';
import type { SavedCpu } from './cpu.js';
import type { EventQueueSnapshot } from './event-queue.js';
import type { Random } from './random.js';
import type { SavedSimulator, Simulator } from './simulator.js';
import { restoreThread, saveThread, type SavedThread } from './thread-state.js';
import type { Waiters } from './waiters.js';

export interface Snapshot {
  /** Virtual time of the event that was handled last, ns. */
  readonly time: number;
  readonly memory: Int32Array;
  readonly threads: readonly (SavedThread & { readonly lastOperation: number })[];
  readonly cpus: readonly SavedCpu[];
  readonly queue: EventQueueSnapshot;
  readonly lines: ReturnType<CacheLines['save']>;
  readonly random: ReturnType<Random['save']>;
  readonly waiters: ReturnType<Waiters['save']>;
  readonly simulator: SavedSimulator;
}

/** Between two events only: not from inside an observer. */
export function takeSnapshot(sim: Simulator): Snapshot {
  return {
    time: sim.queue.time,
    memory: sim.mem.slice(),
    threads: sim.threads.map((thread) => ({
      ...saveThread(thread),
      lastOperation: thread.schedule?.save() ?? 0,
    })),
    cpus: sim.cpus.map((cpu) => cpu.save()),
    queue: sim.queue.snapshot(),
    lines: sim.lines.save(),
    random: sim.random.save(),
    waiters: sim.waiters.save(),
    simulator: sim.save(),
  };
}

/**
 * Sets a simulation back (or forth) to a snapshot of itself.
 *
 * @internal for tests
 */
export function restoreSnapshot(sim: Simulator, snapshot: Snapshot): void {
  sim.mem.set(snapshot.memory);
  for (const [index, { lastOperation, ...saved }] of snapshot.threads.entries()) {
    restoreThread(sim.threads[index], saved);
    sim.threads[index].schedule?.restore(lastOperation);
  }
  for (const [index, saved] of snapshot.cpus.entries()) sim.cpus[index].restore(saved, sim.threads);
  sim.queue.restore(snapshot.queue);
  sim.lines.restore(snapshot.lines);
  sim.random.restore(snapshot.random);
  sim.waiters.restore(snapshot.waiters);
  sim.restore(snapshot.simulator);
}
