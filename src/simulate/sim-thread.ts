/**
 * A thread of the simulated host: the operations of the model, each taking virtual time on a CPU.
 *
 * An operation happens at once, at the thread's local time, and then takes its time. The thread goes on
 * without asking as long as it is at most `quantum` ahead of the other CPUs, or nothing else is due; then
 * it is suspended, with an event at its local time. So every run is an interleaving of whole operations, as
 * sequential consistency has them, and a moment is at most one quantum off.
 */
import { Order, type Cell, type Direct, type Thread } from '../model/operations.js';
import { Tracepoint } from '../model/tracepoints.js';
import { acquireWhen } from './contract-lock.js';
import { CacheLines, LINE_SHIFT } from './cache-lines.js';
import { MachineCost } from './costs/cost-table.js';
import type { Simulator } from './simulator.js';
import { JITTER_SIZE } from './random.js';
import { ThreadState, ThreadStateBase, type ThreadOptions } from './thread-state.js';

/** An engine takes a constant of this module for one; what is imported it loads each time. */
const SHIFT = LINE_SHIFT;

export class SimThread extends ThreadStateBase implements Direct<Thread> {
  readonly mem: Int32Array;
  readonly begin: () => unknown;
  // What each operation needs of the simulator, within reach.
  private readonly lines: CacheLines;
  private readonly lineOf: Uint16Array;
  private readonly heard: Uint8Array;
  private readonly loadNs: number;
  private readonly storeNs: number;
  private readonly atomicNs: number;

  constructor(
    index: number,
    options: ThreadOptions,
    readonly scratch: Cell,
    readonly sim: Simulator,
    /** Calls the coroutine that the thread begins with. */
    start: (thread: Thread) => unknown,
  ) {
    super(index, options);
    this.mem = sim.mem;
    this.lines = sim.lines;
    this.lineOf = sim.lines.of;
    this.heard = sim.heard;
    this.loadNs = sim.loadNs;
    this.storeNs = sim.storeNs;
    this.atomicNs = sim.atomicNs;
    this.begin = () => start(this.asThread);
  }

  /** The thread as the model knows it. The cast is sound because compiled code takes values for Steps. */
  get asThread(): Thread {
    return this as unknown as Thread;
  }

  /** Ends an operation: goes on with `value`, or is suspended with it. */
  private done<T>(value: T): T {
    this.steps++;
    if (this.local <= this.limit) return value;
    return this.overrun(value);
  }

  private overrun<T>(value: T): T {
    if (this.sim.nextTime() > this.local) {
      this.limit = this.local + this.sim.quantum;
      return value;
    }
    this.suspended = true;
    this.value = value;
    return value;
  }

  // Memory.

  load(cell: Cell): number {
    this.read(cell);
    return this.done(this.mem[cell]);
  }

  loadPlain(cell: Cell): number {
    return this.load(cell);
  }

  loadAcquire(cell: Cell): number {
    return this.load(cell);
  }

  store(cell: Cell, value: number): void {
    // A store waits in the store buffer; the line's owner pays for it later, the storing CPU does not.
    this.write(cell, value, this.storeNs);
    this.done(undefined);
  }

  storePlain(cell: Cell, value: number): void {
    this.store(cell, value);
  }

  storeRelease(cell: Cell, value: number): void {
    this.store(cell, value);
  }

  cmpxchg(cell: Cell, expected: number, value: number, _order: Order): number {
    const old = this.mem[cell];
    this.write(cell, old === expected ? value : old, this.atomicNs);
    return this.done(old);
  }

  xchg(cell: Cell, value: number, _order: Order): number {
    const old = this.mem[cell];
    this.write(cell, value, this.atomicNs);
    return this.done(old);
  }

  fetchAdd(cell: Cell, addend: number, _order: Order): number {
    const old = this.mem[cell];
    this.write(cell, old + addend, this.atomicNs);
    return this.done(old);
  }

  fetchOr(cell: Cell, bits: number, _order: Order): number {
    const old = this.mem[cell];
    this.write(cell, old | bits, this.atomicNs);
    return this.done(old);
  }

  fetchAnd(cell: Cell, bits: number, _order: Order): number {
    const old = this.mem[cell];
    this.write(cell, old & bits, this.atomicNs);
    return this.done(old);
  }

  /** The time of a load. */
  private read(cell: Cell): void {
    const line = this.lineOf[cell >> SHIFT];
    if (line === 0) this.local += this.loadNs;
    else this.local = this.lines.load(line, this.cpu, this.local);
  }

  /** A write, and its time: `ns` where nobody is near. */
  private write(cell: Cell, value: number, ns: number): void {
    const line = this.lineOf[cell >> SHIFT];
    if (line === 0) this.local += ns;
    else this.local = this.lines.write(line, this.cpu, this.local, ns);
    this.mem[cell] = value;
    if (line !== 0 && CacheLines.isWatched(line)) this.sim.wake(cell, this);
  }

  smpMb(): void {
    this.local += this.sim.fenceNs;
    this.done(undefined);
  }

  /** On x86 a compiler barrier. */
  smpRmb(): void {}

  smpWmb(): void {}

  // Waiting.

  spinUntil(cell: Cell, mask: number, want: number): number {
    this.read(cell);
    if ((this.mem[cell] & mask) === want) return this.done(this.mem[cell]);
    this.sim.watch(this, cell, mask, want, ThreadState.Spinning);
    return 0;
  }

  acquireWhen(cell: Cell, mask: number, want: number, addend: number, _exclusive: boolean): void {
    return acquireWhen(this.asThread, cell, mask, want, addend) as unknown as void;
  }

  releaseBy(cell: Cell, addend: number): void {
    this.write(cell, this.mem[cell] + addend, this.atomicNs);
    this.done(undefined);
  }

  waitUntil(cell: Cell, mask: number, want: number): number {
    if ((this.mem[cell] & mask) === want) return this.load(cell);
    this.sim.watch(this, cell, mask, want, ThreadState.Sleeping);
    return 0;
  }

  sleep(ns: number): void {
    this.sim.sleep(this, ns, undefined);
  }

  spend(cost: number, times: number): void {
    const { costNs, costJitter, random } = this.sim;
    const jitter = costJitter[cost];
    const factor = jitter === undefined ? 1 : jitter[random.bits() & (JITTER_SIZE - 1)];
    this.local += costNs[cost] * times * factor;
    this.done(undefined);
  }

  cpuRelax(): void {
    this.local += this.sim.machineNs[MachineCost.pause];
    this.done(undefined);
  }

  // Preemption and interrupts.

  preemptDisable(): void {
    this.preemptCount++;
  }

  preemptEnable(): void {
    this.preemptCount--;
    if (this.preemptCount === 0 && this.irqsOff === 0) this.sim.preemptionPoint(this);
  }

  irqDisable(): void {
    this.irqsOff++;
  }

  irqEnable(): void {
    this.irqsOff--;
    if (this.irqsOff !== 0) return;
    const cpu = this.sim.cpus[this.cpu];
    if (cpu.pending.length > 0) this.sim.interrupts.take(this, cpu);
    if (this.preemptCount === 0) this.sim.preemptionPoint(this);
    if (!this.suspended) this.done(undefined);
  }

  needResched(): boolean {
    return this.sim.cpus[this.cpu].needResched;
  }

  shouldResched(offset: number): boolean {
    return this.preemptCount === offset && this.sim.cpus[this.cpu].needResched;
  }

  condResched(): boolean {
    return this.sim.condResched(this, true);
  }

  mightSleep(): void {
    this.sim.condResched(this, false);
  }

  exitToUserModeResched(): boolean {
    const cpu = this.sim.cpus[this.cpu];
    if (!cpu.needResched && !cpu.needReschedLazy) return false;
    this.sim.yieldCpu(this, true);
    return true;
  }

  guestWorkPending(): boolean {
    const cpu = this.sim.cpus[this.cpu];
    return cpu.needResched || cpu.needReschedLazy || this.notifyResume;
  }

  taskWorkPending(): boolean {
    const pending = this.notifyResume;
    this.notifyResume = false;
    return pending;
  }

  heldAtLeast(ns: number): boolean {
    return this.heldSince >= 0 && this.local - this.heldSince >= ns;
  }

  stopped(): boolean {
    return this.local >= this.stopAt;
  }

  nextOperation(): boolean {
    const due = this.schedule === undefined ? this.local : this.schedule.next(this.operations, this.local);
    if (due === Infinity) return false;
    this.operations++;
    if (due > this.local) this.sim.sleep(this, due - this.local, true);
    return true;
  }

  smpProcessorId(): number {
    return this.cpu;
  }

  // Interrupts between CPUs.

  kickMaskClear(): void {
    this.kickMask.length = 0;
  }

  kickMaskAdd(cpu: number): void {
    this.kickMask.push(cpu);
  }

  kickMaskSend(wait: boolean): number {
    return this.sim.interrupts.send(this, wait);
  }

  // The guest.

  guestEnter(): void {
    this.inGuest = true;
  }

  guestLeave(): void {
    this.inGuest = false;
  }

  guestTouches(touches: number, nsEach: number): number {
    if (this.sim.cpus[this.cpu].pending.length > 0) return 0;
    this.touchStart = this.local;
    const each = nsEach + this.sim.touchNs;
    this.local += touches * each;
    this.done(touches);
    if (this.suspended) {
      this.touchNs = each;
      this.touchCount = touches;
    }
    return touches;
  }

  guestInterrupted(): boolean {
    return this.sim.cpus[this.cpu].pending.length > 0;
  }

  emit(point: Tracepoint, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0): void {
    if (this.heard[point] === 0) return;
    if (point === Tracepoint.lockAcquired) this.heldSince = this.local;
    else if (point === Tracepoint.lockReleased) this.heldSince = -1;
    this.sim.emit(this, point, a, b, c, d, e, f);
  }
}
