/**
 * Interrupts of the modelled machine: between CPUs, and the timer's.
 *
 * A CPU takes one at once, unless its thread has interrupts off or runs a guest: then it waits until the
 * guest has exited and interrupts are on. Whoever sent one and waits goes on when the last CPU has
 * answered.
 */
import { MachineCost } from './costs/cost-table.js';
import { RESCHEDULE, TICK, type Cpu } from './cpu.js';
import type { SimThread } from './sim-thread.js';
import { EventKind, type Simulator } from './simulator.js';
import { ThreadState } from './thread-state.js';

/** Numbers of interrupt events: CPU in the low bits, sender above; the last two senders are no threads. */
const CPU_BITS = 12;
const SENDERS = 1 << 16;
const NO_SENDER = SENDERS - 1;
const RESCHEDULER = SENDERS - 2;

export interface TimerOptions {
  /** ns between two ticks of a CPU. */
  readonly tickNs: number;
  /** ns from one NUMA scan of the process to the next, and until the first; Infinity: none. */
  readonly numaScanPeriodNs: number;
  readonly numaScanDelayNs: number;
}

export class Interrupts {
  readonly #sim: Simulator;
  readonly #tickNs: number;
  readonly #numaPeriodNs: number;
  /** mm->numa_next_scan */
  numaNextScan: number;

  constructor(sim: Simulator, options: TimerOptions) {
    this.#sim = sim;
    this.#tickNs = options.tickNs;
    this.#numaPeriodNs = options.numaScanPeriodNs;
    this.numaNextScan = options.numaScanDelayNs;
  }

  /** Ticks of CPUs do not coincide (skew_tick), so that not all preempt at once. */
  start(): void {
    const { cpus } = this.#sim;
    for (const { id } of cpus) this.#sim.push(((id + 1) * this.#tickNs) / cpus.length, EventKind.Tick, id);
  }

  /** smp_call_function_many() to the CPUs of the mask. Returns how many there are. */
  send(thread: SimThread, wait: boolean): number {
    const count = thread.kickMask.length;
    if (count === 0) return 0;
    const sender = wait ? thread.index : NO_SENDER;
    thread.acksSince = thread.local;
    for (const cpu of thread.kickMask) {
      thread.local += this.#sim.machineNs[MachineCost.ipiSend];
      const arrives = thread.local + this.#sim.topology.deliverNs[thread.cpu * this.#sim.cpus.length + cpu];
      this.#sim.push(arrives, EventKind.Interrupt, (sender << CPU_BITS) | cpu);
    }
    if (wait) {
      thread.acksLeft = count;
      thread.awaitsAcks = true;
      thread.state = ThreadState.Spinning;
    } else {
      for (const observer of this.#sim.observers) observer.onInterrupts?.(thread.local, thread, count, 0);
    }
    thread.suspended = true;
    thread.value = count;
    return count;
  }

  sendReschedule(cpu: Cpu, now: number): void {
    const delay = this.#sim.machineNs[MachineCost.ipiDeliverSocket];
    this.#sim.push(now + delay, EventKind.Interrupt, (RESCHEDULER << CPU_BITS) | cpu.id);
  }

  arrived(number: number): void {
    const sender = number >>> CPU_BITS;
    const source = sender === NO_SENDER ? NO_SENDER : sender === RESCHEDULER ? RESCHEDULE : sender;
    this.#arrive(this.#sim.cpus[number & ((1 << CPU_BITS) - 1)], source);
  }

  tick(cpu: Cpu): void {
    this.#sim.push(this.#sim.queue.time + this.#tickNs, EventKind.Tick, cpu.id);
    if (cpu.current !== undefined) this.#arrive(cpu, TICK);
  }

  /**
   * An interrupt reaches a CPU: it is taken at once, or waits until the guest has exited or interrupts are
   * on.
   */
  #arrive(cpu: Cpu, source: number): void {
    const now = this.#sim.queue.time;
    const { current } = cpu;
    if (current === undefined) {
      this.#acknowledge(source, now + this.#sim.machineNs[MachineCost.ipiHandler], cpu.id);
      return;
    }
    if (current.inGuest || current.irqsOff > 0) {
      cpu.pending.push(source);
      if (current.touchCount > 0) this.#cutTouches(current, now);
      return;
    }
    const ns = this.#handle(cpu, source, now);
    current.stolen += ns;
    if (!cpu.needResched || !this.#sim.scheduler.isPreemptible) return;
    if (current.preemptCount === 0 && current.state === ThreadState.Running)
      this.#sim.scheduler.preempt(cpu, now + ns);
  }

  /** The interrupted guest has done a part of the accesses that it was about to do. */
  #cutTouches(thread: SimThread, now: number): void {
    const done = Math.floor(Math.max(0, now - thread.touchStart) / thread.touchNs);
    if (done >= thread.touchCount) return;
    this.#sim.cancelEvent(thread);
    thread.value = done;
    thread.local = Math.max(now, thread.touchStart + done * thread.touchNs);
    thread.touchCount = 0;
    this.#sim.pushThread(thread, EventKind.Thread);
  }

  /** Interrupts that waited on its CPU, now that `thread` takes them. */
  take(thread: SimThread, cpu: Cpu): void {
    while (cpu.pending.length > 0) {
      const source = cpu.pending.shift() ?? TICK;
      thread.local += this.#handle(cpu, source, thread.local);
    }
  }

  /** Runs the handler. Returns how long it takes, ns. */
  #handle(cpu: Cpu, source: number, now: number): number {
    const exit = this.#sim.machineNs[MachineCost.interruptExit];
    if (source === TICK) {
      this.#sim.scheduler.tick(cpu, now);
      this.#taskTickNuma(cpu, now);
      return this.#sim.machineNs[MachineCost.tick] + exit;
    }
    const ns = this.#sim.machineNs[MachineCost.ipiHandler];
    this.#acknowledge(source, now + ns, cpu.id);
    return ns + exit;
  }

  #acknowledge(source: number, at: number, cpu: number): void {
    if (source < 0 || source === NO_SENDER) return;
    const sender = this.#sim.threads[source];
    if (--sender.acksLeft > 0) return;
    sender.local = Math.max(sender.local, at + this.#sim.lines.noticeNs(cpu, sender.cpu));
    this.#sim.pushThread(sender, EventKind.Thread);
  }

  /** task_tick_numa(): at a tick, a thread of the process may be given the next scan as task work. */
  #taskTickNuma(cpu: Cpu, now: number): void {
    const { current } = cpu;
    if (current === undefined || !current.numaScans || now < this.numaNextScan) return;
    this.numaNextScan = now + this.#numaPeriodNs;
    current.notifyResume = true;
  }
}
