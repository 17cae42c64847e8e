/**
 * Who runs on which CPU: a fair scheduler with the kernel's preemption models.
 *
 * What matters of kernel/sched here: when a running task is asked to go (at a tick whose slice is over, at
 * a wake-up of a task that is owed more), how it is asked (need_resched, its lazy form, an interrupt), and
 * where it obeys.
 */
import type { Policy } from '../model/policies.js';
import { MachineCost } from './costs/cost-table.js';
import type { Cpu } from './cpu.js';
import type { SimThread } from './sim-thread.js';
import { EventKind, type Simulator } from './simulator.js';
import { NO_HANDLE, ThreadState } from './thread-state.js';

/** sysctl_sched_base_slice of 6.6 and newer, before scaling by CPUs: 0.7 ms times 1 + log2(min(CPUs, 8)). */
const BASE_SLICE_NS = 700_000;
const SLEEPER_CREDIT_SLICES = 1;

export class Scheduler {
  readonly #sim: Simulator;
  readonly #model: Policy['preempt'];
  readonly #sliceNs: number;
  readonly #boosts: boolean;

  constructor(sim: Simulator, model: Policy['preempt'], boosts: boolean) {
    this.#sim = sim;
    this.#model = model;
    this.#boosts = boosts;
    this.#sliceNs = BASE_SLICE_NS * (1 + Math.log2(Math.min(sim.cpus.length, 8)));
  }

  /** Whether kernel code is preempted where the count of preemption allows it. */
  get isPreemptible(): boolean {
    return this.#model === 'full' || this.#model === 'lazy' || this.#model === 'rt';
  }

  /** Priority inheritance: who holds mmu_lock runs on, as urgent as whoever waits for it. */
  mayPreempt(thread: SimThread): boolean {
    return !this.#boosts || thread.heldSince < 0;
  }

  /** Whether cond_resched() does anything, and might_sleep(). */
  condReschedWorks(voluntary: boolean): boolean {
    return this.#model === 'voluntary' || (this.#model === 'none' && !voluntary);
  }

  /** scheduler_tick() */
  tick(cpu: Cpu, now: number): void {
    const { current } = cpu;
    if (current === undefined) return;
    this.account(cpu, now);
    if (cpu.needReschedLazy) cpu.needResched = true;
    const next = cpu.queue.at(0);
    if (next === undefined || now - cpu.since < this.#sliceNs) return;
    if (next.vruntime < current.vruntime) this.#ask(cpu);
  }

  /** Adds the time since the last call to the running thread's virtual run time. */
  account(cpu: Cpu, now: number): void {
    const { current } = cpu;
    if (current === undefined) return;
    const ran = Math.max(0, now - cpu.accounted);
    cpu.accounted = Math.max(cpu.accounted, now);
    current.vruntime += (ran * 1024) / current.weight;
    cpu.minVruntime = Math.max(
      cpu.minVruntime,
      Math.min(current.vruntime, cpu.queue.at(0)?.vruntime ?? Infinity),
    );
  }

  /** resched_curr(), resched_curr_lazy() */
  #ask(cpu: Cpu): void {
    if (cpu.current !== undefined && !this.mayPreempt(cpu.current)) return;
    if (this.#model === 'lazy' && !cpu.needReschedLazy) cpu.needReschedLazy = true;
    else cpu.needResched = true;
  }

  /** try_to_wake_up(): onto its last CPU, or an idle one. */
  wakeUp(thread: SimThread, now: number): void {
    const cpu = this.#select(thread);
    thread.vruntime = Math.max(thread.vruntime, cpu.minVruntime - SLEEPER_CREDIT_SLICES * this.#sliceNs);
    if (cpu.current === undefined) {
      this.#begin(cpu, thread, now + this.#sim.machineNs[MachineCost.idleExit]);
      return;
    }
    thread.state = ThreadState.Runnable;
    cpu.enqueue(thread);
    this.account(cpu, now);
    if (thread.vruntime >= cpu.current.vruntime) return;
    this.#ask(cpu);
    // A CPU that is to go at once is interrupted; the lazy form waits for its next tick.
    if (cpu.needResched) this.#sim.interrupts.sendReschedule(cpu, now);
  }

  #select(thread: SimThread): Cpu {
    const { cpus } = this.#sim;
    if (thread.affinity >= 0) return cpus[thread.affinity];
    const last = cpus[thread.cpu];
    if (last.current === undefined) return last;
    return cpus.find((cpu) => cpu.current === undefined) ?? last;
  }

  /** schedule() of the running thread: it goes behind others that are owed more. Whether it lost the CPU. */
  yieldCpu(thread: SimThread): boolean {
    const cpu = this.#sim.cpus[thread.cpu];
    cpu.needResched = false;
    cpu.needReschedLazy = false;
    this.account(cpu, thread.local);
    if (cpu.queue.length === 0) return false;
    thread.state = ThreadState.Runnable;
    cpu.enqueue(thread);
    this.next(cpu, thread.local, 0);
    return true;
  }

  /** The kernel is preempted in the middle of what it does (full and RT, and lazy once the tick insists). */
  preempt(cpu: Cpu, now: number): void {
    const { current } = cpu;
    if (current === undefined || cpu.queue.length === 0) return;
    if (!this.mayPreempt(current)) return;
    this.account(cpu, now);
    cpu.needResched = false;
    cpu.needReschedLazy = false;
    if (current.handle !== NO_HANDLE) this.#sim.cancelEvent(current);
    current.remaining = Math.max(0, current.local - now) + current.stolen;
    current.stolen = 0;
    current.state = ThreadState.Runnable;
    cpu.enqueue(current);
    this.next(cpu, now, 0x100);
  }

  /** The CPU's thread has gone; the next one begins, or the CPU is idle. */
  next(cpu: Cpu, now: number, prevState: number): void {
    const previous = cpu.current;
    const next = cpu.queue.shift() ?? this.#steal(cpu);
    this.#sim.switched(now, cpu, previous, next, prevState);
    cpu.needResched = false;
    cpu.needReschedLazy = false;
    cpu.current = undefined;
    if (next === undefined) {
      cpu.idleSince = now;
      return;
    }
    this.#begin(cpu, next, now + (next === previous ? 0 : this.#sim.machineNs[MachineCost.contextSwitch]));
  }

  /** sched_balance_newidle(): a waiting thread of the longest queue, if any CPU may run it. */
  #steal(cpu: Cpu): SimThread | undefined {
    let longest: Cpu | undefined;
    for (const other of this.#sim.cpus) {
      if (other === cpu || other.queue.length <= (longest?.queue.length ?? 0)) continue;
      if (other.queue.some(({ affinity }) => affinity < 0)) longest = other;
    }
    if (longest === undefined) return undefined;
    const at = longest.queue.findIndex(({ affinity }) => affinity < 0);
    return longest.queue.splice(at, 1)[0];
  }

  #begin(cpu: Cpu, thread: SimThread, at: number): void {
    if (cpu.current === undefined && cpu.idleSince >= 0) {
      cpu.idleNs += Math.max(0, at - cpu.idleSince);
      if (thread.state === ThreadState.Sleeping) this.#sim.switched(at, cpu, undefined, thread, 0);
    }
    cpu.idleSince = -1;
    cpu.current = thread;
    cpu.since = at;
    cpu.accounted = at;
    thread.cpu = cpu.id;
    thread.state = ThreadState.Running;
    thread.local = at + thread.remaining;
    thread.remaining = 0;
    this.#sim.pushThread(thread, EventKind.Thread);
  }
}
