/**
 * The executor in virtual time: an event queue, CPUs, and the threads of the model on them.
 *
 * It knows nothing of KVM. What the model does arrives as operations of SimThread; what the machine does to
 * threads (ticks, interrupts, wake-ups) are events here.
 */
import type { Memory } from '../model/memory.js';
import type { Policy } from '../model/policies.js';
import { Tracepoint } from '../model/tracepoints.js';
import { CacheLines } from './cache-lines.js';
import { costColumns, MachineCost, type CostTable } from './costs/cost-table.js';
import { Cpu } from './cpu.js';
import { EventQueue } from './event-queue.js';
import type { Observer, ThreadInfo } from './observer.js';
import { Interrupts } from './interrupts.js';
import { jitterTables, Random } from './random.js';
import { Scheduler } from './scheduler.js';
import type { MachineSetup } from './setup.js';
import type { SimThread } from './sim-thread.js';
import { NO_HANDLE, ThreadState } from './thread-state.js';
import { Topology } from './topology.js';
import { Waiters } from './waiters.js';

/** Kinds of event; the payload is `kind << KIND_SHIFT | number`. */
export const EventKind = { Thread: 0, Timer: 1, Tick: 2, Interrupt: 3, Call: 4 } as const;
const KIND_SHIFT = 28;
const NUMBER_MASK = (1 << KIND_SHIFT) - 1;

export interface SimulatorOptions {
  readonly memory: Memory;
  readonly machine: MachineSetup;
  readonly costs: CostTable;
  readonly preempt: Policy['preempt'];
  /** Holders of mmu_lock are not preempted (PREEMPT_RT's priority inheritance). */
  readonly boostsHolders: boolean;
  readonly hz: number;
  readonly seed: number;
  /** ns that a CPU may be ahead of others. */
  readonly quantumNs: number;
  /** ns from one NUMA scan of the process to the next; Infinity: none. */
  readonly numaScanPeriodNs: number;
  readonly numaScanDelayNs: number;
}

export interface SavedSimulator {
  readonly events: number;
  readonly hash: number;
  readonly lastEnd: number;
  readonly ended: number;
  readonly numaNextScan: number;
}

export class Simulator {
  readonly mem: Int32Array;
  readonly lines: CacheLines;
  readonly topology: Topology;
  readonly random: Random;
  readonly quantum: number;
  readonly cpus: readonly Cpu[];
  readonly threads: SimThread[] = [];
  readonly observers: Observer[] = [];
  /** By tracepoint: 1 if anybody wants it. */
  readonly heard = new Uint8Array(Math.max(...Object.values(Tracepoint)) + 1).fill(1);
  readonly scheduler: Scheduler;
  readonly interrupts: Interrupts;

  readonly costNs: Float64Array;
  readonly costJitter: (Float64Array | undefined)[];
  readonly machineNs: Float64Array;
  readonly loadNs: number;
  readonly storeNs: number;
  readonly atomicNs: number;
  readonly fenceNs: number;
  readonly touchNs: number;

  readonly queue = new EventQueue({ capacity: 4096 });
  readonly waiters: Waiters;
  /** Events handled so far. */
  events = 0;
  /** FNV-1a over the order of events: the first half of the unseed. */
  hash = 0x811c9dc5;
  readonly #memory: Memory;
  /** What `at` is to call, by number. */
  readonly #calls: ((now: number) => void)[] = [];

  constructor(options: SimulatorOptions) {
    const { memory, machine } = options;
    const { model, modelSpread, machine: machineNs } = costColumns(options.costs);
    this.#memory = memory;
    this.mem = memory.cells;
    this.waiters = new Waiters(this);
    this.costNs = model;
    this.costJitter = jitterTables(modelSpread);
    this.machineNs = machineNs;
    this.loadNs = machineNs[MachineCost.memoryLoad];
    this.storeNs = machineNs[MachineCost.memoryStore];
    this.atomicNs = machineNs[MachineCost.atomicOwned];
    this.fenceNs = machineNs[MachineCost.fence];
    this.touchNs = machineNs[MachineCost.guestTouch];
    this.topology = new Topology(machine, machineNs);
    this.lines = new CacheLines(memory, this.topology, this.loadNs, this.atomicNs);
    this.random = new Random(options.seed);
    this.quantum = options.quantumNs;
    this.cpus = Array.from({ length: machine.cpus }, (_, id) => new Cpu(id));
    this.scheduler = new Scheduler(this, options.preempt, options.boostsHolders);
    this.interrupts = new Interrupts(this, { ...options, tickNs: 1e9 / options.hz });
    this.interrupts.start();
  }

  // Threads and the queue.

  /** Adds a thread that begins at `at`. */
  add(thread: SimThread, at: number): void {
    this.threads.push(thread);
    thread.local = at;
    thread.state = ThreadState.Sleeping;
    thread.cpu = thread.affinity >= 0 ? thread.affinity : thread.index % this.cpus.length;
    thread.handle = this.push(at, EventKind.Timer, thread.index);
  }

  /** Calls `call` at a virtual time: phases, snapshots. */
  at(time: number, call: (now: number) => void): void {
    this.push(time, EventKind.Call, this.#calls.push(call) - 1);
  }

  /** Time of the earliest event. */
  nextTime(): number {
    return this.queue.peekTime();
  }

  push(time: number, kind: number, number: number): number {
    return this.queue.push(time, (kind << KIND_SHIFT) | number);
  }

  pushThread(thread: SimThread, kind: number): void {
    thread.handle = this.push(thread.local, kind, thread.index);
  }

  cancelEvent(thread: SimThread): void {
    this.queue.cancel(thread.handle);
    thread.handle = NO_HANDLE;
  }

  /**
   * Runs up to a virtual time or a number of events.
   *
   * @returns false when nothing is left to happen but ticks
   */
  run(until: number, maxEvents: number): boolean {
    const { queue } = this;
    this.#listen();
    while (queue.peekTime() <= until && this.events < maxEvents) {
      const payload = queue.pop();
      this.events++;
      this.hash = Math.imul(this.hash ^ payload, 0x01000193) ^ (queue.time | 0);
      const number = payload & NUMBER_MASK;
      const kind = payload >>> KIND_SHIFT;
      if (kind === EventKind.Thread) this.#continue(this.threads[number]);
      else if (kind === EventKind.Tick) this.interrupts.tick(this.cpus[number]);
      else if (kind === EventKind.Interrupt) this.interrupts.arrived(number);
      else if (kind === EventKind.Timer) this.#timer(this.threads[number]);
      else this.#calls[number](queue.time);
      if (this.#ended === this.threads.length) return false;
    }
    return true;
  }

  #ended = 0;
  /** When the thread that ended last did, ns. */
  lastEnd = 0;

  /** Operations of the model's threads so far. */
  get operations(): number {
    return this.threads.reduce((sum, { steps }) => sum + steps, 0);
  }

  /** A thread's event: it was stolen time from, or it waits, or it goes on. */
  #continue(thread: SimThread): void {
    thread.handle = NO_HANDLE;
    if (thread.stolen > 0) {
      thread.local += thread.stolen;
      thread.stolen = 0;
      this.pushThread(thread, EventKind.Thread);
      return;
    }
    thread.limit = thread.local + this.quantum;
    if (thread.waitCell !== 0) {
      if (!this.waiters.arrived(thread)) return;
    } else if (thread.awaitsAcks) {
      thread.awaitsAcks = false;
      thread.state = ThreadState.Running;
      const waited = thread.local - thread.acksSince;
      for (const observer of this.observers) {
        observer.onInterrupts?.(thread.local, thread, Number(thread.value), waited);
      }
    }
    thread.touchCount = 0;
    this.#runCoroutine(thread);
  }

  #runCoroutine(thread: SimThread): void {
    if (thread.run(thread.begin)) return this.#end(thread);
    // Waiting and yielding have seen to the thread's next event themselves.
    if (thread.state === ThreadState.Running && thread.handle === NO_HANDLE) {
      this.pushThread(thread, EventKind.Thread);
    }
  }

  #end(thread: SimThread): void {
    thread.state = ThreadState.Ended;
    this.lastEnd = Math.max(this.lastEnd, thread.local);
    this.#ended++;
    for (const observer of this.observers) observer.onThreadEnd?.(thread.local, thread);
    this.scheduler.next(this.cpus[thread.cpu], thread.local, 0x40);
  }

  // Sleeping, waking, giving the CPU away.

  watch(thread: SimThread, cell: number, mask: number, want: number, state: ThreadState): void {
    this.waiters.add(thread, cell, mask, want, state);
  }

  wake(cell: number, writer: SimThread): void {
    this.waiters.changed(cell, writer);
  }

  sleep(thread: SimThread, ns: number, value: unknown): void {
    thread.suspended = true;
    thread.value = value;
    thread.state = ThreadState.Sleeping;
    thread.handle = this.push(thread.local + ns, EventKind.Timer, thread.index);
    this.leaveCpu(thread);
  }

  /** The thread stops running; its CPU takes the next one. */
  leaveCpu(thread: SimThread): void {
    const cpu = this.cpus[thread.cpu];
    this.scheduler.account(cpu, thread.local);
    this.scheduler.next(cpu, thread.local, 1);
  }

  #timer(thread: SimThread): void {
    thread.handle = NO_HANDLE;
    this.scheduler.wakeUp(thread, this.queue.time);
  }

  /** schedule(), because something asked for it. */
  yieldCpu(thread: SimThread, value: unknown): void {
    if (!this.scheduler.yieldCpu(thread)) return;
    thread.suspended = true;
    thread.value = value;
  }

  condResched(thread: SimThread, voluntary: boolean): boolean {
    if (thread.preemptCount !== 0 || !this.cpus[thread.cpu].needResched) return false;
    if (!this.scheduler.condReschedWorks(!voluntary)) return false;
    this.yieldCpu(thread, true);
    return true;
  }

  /** preempt_enable() has reached 0. */
  preemptionPoint(thread: SimThread): void {
    if (!this.cpus[thread.cpu].needResched || !this.scheduler.isPreemptible) return;
    if (this.scheduler.mayPreempt(thread)) this.yieldCpu(thread, undefined);
  }

  /**
   * Threads that wait for a cell, when no other thread is left that could change it: nothing will happen
   * any more.
   *
   * @returns a line for each: who waits for what; empty while anybody is alive
   */
  stuck(): string[] {
    const waits = this.threads.filter(({ state, waitCell }) => state !== ThreadState.Ended && waitCell !== 0);
    const alive = this.threads.filter(({ state }) => state !== ThreadState.Ended);
    if (waits.length === 0 || waits.length < alive.length) return [];
    if (waits.some(({ handle, state }) => handle !== NO_HANDLE || state === ThreadState.Runnable)) return [];
    return waits.map(
      ({ comm, tid, waitCell }) => `${comm} ${tid} waits for ${this.#memory.nameOf(waitCell)}`,
    );
  }

  /** Counters and clocks of its own; the rest of a snapshot is put together by snapshot.ts. */
  save(): SavedSimulator {
    const { events, hash, lastEnd } = this;
    return { events, hash, lastEnd, ended: this.#ended, numaNextScan: this.interrupts.numaNextScan };
  }

  restore({ events, hash, lastEnd, ended, numaNextScan }: SavedSimulator): void {
    this.events = events;
    this.hash = hash;
    this.lastEnd = lastEnd;
    this.#ended = ended;
    this.interrupts.numaNextScan = numaNextScan;
  }

  // Observers.

  /** Finds out which tracepoints are wanted, by observers and by the executor itself. */
  #listen(): void {
    const { heard, observers } = this;
    heard.fill(observers.some(({ points }) => points === undefined) ? 1 : 0);
    for (const { points } of observers) for (const point of points ?? []) heard[point] = 1;
    heard[Tracepoint.lockAcquired] = 1;
    heard[Tracepoint.lockReleased] = 1;
  }

  emit(
    thread: SimThread,
    point: Tracepoint,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
  ): void {
    const { observers } = this;
    for (let index = 0; index < observers.length; index++) {
      observers[index].onEmit(thread.local, thread, point, a, b, c, d, e, f);
    }
  }

  switched(
    now: number,
    cpu: Cpu,
    prev: ThreadInfo | undefined,
    next: ThreadInfo | undefined,
    prevState: number,
  ): void {
    if (prev === next) return;
    for (const observer of this.observers) observer.onSwitch?.(now, cpu.id, prev, next, prevState);
  }
}
