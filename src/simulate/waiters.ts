/**
 * Threads that wait for a cell to change: spinning on a CPU or asleep.
 *
 * A spinning loop is not run turn by turn: the thread is told when a store makes its condition true, after
 * the time that the line takes to reach it, and looks again then, because somebody may have been faster.
 */
import { LINE_SHIFT } from './cache-lines.js';
import { MachineCost } from './costs/cost-table.js';
import type { SimThread } from './sim-thread.js';
import { EventKind, type Simulator } from './simulator.js';
import { NO_HANDLE, ThreadState } from './thread-state.js';

export class Waiters {
  readonly #sim: Simulator;
  readonly #lists = new Map<number, SimThread[]>();

  constructor(sim: Simulator) {
    this.#sim = sim;
  }

  /** Suspends a thread until (cell & mask) === want. */
  add(thread: SimThread, cell: number, mask: number, want: number, state: ThreadState): void {
    thread.suspended = true;
    thread.waitCell = cell;
    thread.waitMask = mask;
    thread.waitWant = want;
    thread.state = state;
    this.#enlist(thread);
    if (state === ThreadState.Sleeping) this.#sim.leaveCpu(thread);
  }

  #enlist(thread: SimThread): void {
    const list = this.#lists.get(thread.waitCell);
    if (list === undefined) this.#lists.set(thread.waitCell, [thread]);
    else list.push(thread);
    if (list === undefined || list.length === 1) this.#sim.lines.watch(thread.waitCell);
  }

  /** A cell was written that is in a line with one that somebody watches. */
  changed(cell: number, writer: SimThread): void {
    const list = this.#lists.get(cell);
    if (list === undefined || list.length === 0) return;
    const value = this.#sim.mem[cell];
    let kept = 0;
    for (const thread of list) {
      if ((value & thread.waitMask) !== thread.waitWant) list[kept++] = thread;
      else this.#notify(thread, writer);
    }
    list.length = kept;
    if (kept === 0) this.#sim.lines.unwatch(cell);
  }

  #notify(thread: SimThread, writer: SimThread): void {
    if (thread.state === ThreadState.Sleeping) {
      writer.local += this.#sim.machineNs[MachineCost.wakeUp];
      this.#sim.scheduler.wakeUp(thread, writer.local);
      return;
    }
    const notice = writer.local + this.#sim.lines.noticeNs(writer.cpu, thread.cpu);
    thread.local = Math.max(thread.local, notice);
    if (thread.handle === NO_HANDLE) this.#sim.pushThread(thread, EventKind.Thread);
  }

  /**
   * A thread that was told, looks: true with the cell as the value of its operation, or it waits again.
   *
   * A sleeper that was woken in vain goes back to sleep from its CPU.
   */
  arrived(thread: SimThread): boolean {
    const cell = thread.waitCell;
    const { lines, mem } = this.#sim;
    const slept = thread.state === ThreadState.Running;
    if (lines.isTracked(cell))
      thread.local = lines.load(lines.of[cell >> LINE_SHIFT], thread.cpu, thread.local);
    if ((mem[cell] & thread.waitMask) === thread.waitWant) {
      thread.waitCell = 0;
      thread.state = ThreadState.Running;
      thread.value = mem[cell];
      return true;
    }
    this.#enlist(thread);
    if (slept) {
      thread.state = ThreadState.Sleeping;
      this.#sim.leaveCpu(thread);
    }
    return false;
  }

  /** Who waits for what, in the order in which they will be told. */
  save(): readonly (readonly [cell: number, threads: readonly number[]])[] {
    return [...this.#lists].map(([cell, threads]) => [cell, threads.map(({ index }) => index)] as const);
  }

  restore(saved: ReturnType<Waiters['save']>): void {
    this.#lists.clear();
    this.#sim.lines.unwatchAll();
    for (const [cell, threads] of saved) {
      this.#lists.set(
        cell,
        threads.map((index) => this.#sim.threads[index]),
      );
      if (threads.length > 0) this.#sim.lines.watch(cell);
    }
  }

  /** Cells and who waits for them, for a run that is stuck. */
  list(): { cell: number; threads: readonly SimThread[] }[] {
    return [...this.#lists]
      .filter(([, threads]) => threads.length > 0)
      .map(([cell, threads]) => ({ cell, threads }));
  }
}
