/**
 * A thread whose every noticeable operation suspends it before it happens, so that an explorer can decide
 * what comes next and what the operation finds.
 */
import { Suspendable } from '../../model/frames.js';
import { Order, type Cell, type Direct, type Step, type Thread } from '../../model/operations.js';
import type { Tracepoint } from '../../model/tracepoints.js';
import { irqDisable, irqEnable, sendInterrupts, wasInterrupted } from './interrupts.js';
import { needReschedOrNot, takeLock } from './choices.js';
import { Op, Ordering, valueAfter, type Pending } from './pending.js';
import type { Recorder } from './recorder.js';

/** Private cells that the executor keeps for a thread. */
export const OWN_CELLS = 8;
const PREEMPT_COUNT = 0;
const IRQS_OFF = 1;
const RESCHED = 2;
const KICK_MASK = 3;
const OPERATIONS = 4;
/** Bits of locks: see CellClasses.lockBit. */
const EXCLUSIVE = 5;
const HELD = 6;

const ORDERING = [Ordering.Full, Ordering.Acquire, Ordering.Release, Ordering.Relaxed];

export interface CheckThreadOptions {
  readonly index: number;
  readonly name: string;
  readonly scratch: Cell;
  /** OWN_CELLS private cells. */
  readonly own: Cell;
  /** One cell per CPU: see interrupts.ts. Thread i runs on CPU i. */
  readonly interrupts: Cell;
  /** Operations that a storm does; Infinity: it never stops. */
  readonly rounds: number;
  /** Whether somebody may want the CPU wherever the kernel asks. */
  readonly mayResched: boolean;
  /** Whether fences and the order of atomic operations are steps: false where every order is kept anyway. */
  readonly hasFences: boolean;
  /** Nobody else runs: nothing is a step. */
  readonly isAlone?: boolean;
}

type Listener = (thread: number, point: Tracepoint, values: readonly number[]) => void;

export class CheckThread extends Suspendable implements Direct<Thread> {
  readonly mem: Int32Array;
  readonly tid: number;
  readonly scratch: Cell;
  pending: Pending = END;
  /** Told of everything that the thread emits. */
  listener: Listener | undefined = undefined;
  accessListener: ((cell: Cell) => void) | undefined = undefined;
  guestListener: ((thread: number, runs: boolean) => void) | undefined = undefined;
  /** Name of an assertion of the code itself that does not hold. */
  failed: string | undefined = undefined;

  constructor(
    readonly options: CheckThreadOptions,
    private readonly recorder: Recorder,
  ) {
    super();
    this.mem = recorder.mem;
    this.tid = options.index + 1;
    this.scratch = options.scratch;
  }

  get asThread(): Thread {
    return this as unknown as Thread;
  }

  private own(index: number): number {
    return this.mem[this.options.own + index];
  }

  private setOwn(index: number, value: number): void {
    this.mem[this.options.own + index] = value;
  }

  private suspend(op: Op, cell: Cell, a: number, b: number, ordering: Ordering): number {
    this.pending = { op, cell, a: a | 0, b: b | 0, ordering, kept: this.keptOf(cell) };
    this.suspended = true;
    return 0;
  }

  /** Whether an access is no step: nobody else can notice it. */
  private isQuiet(cell: Cell, writes: boolean): boolean {
    this.recorder.touch(cell, writes);
    return !this.recorder.classes.isStep(cell);
  }

  private keptOf(cell: Cell): number {
    return this.recorder.wraps.get(cell) ?? -1;
  }

  private loadAs(cell: Cell, ordering: Ordering): number {
    if (!this.isQuiet(cell, false)) return this.suspend(Op.Load, cell, 0, 0, ordering);
    this.accessListener?.(cell);
    return this.mem[cell];
  }

  private storeAs(cell: Cell, value: number, ordering: Ordering): void {
    if (!this.isQuiet(cell, true)) {
      this.suspend(Op.Store, cell, value, 0, ordering);
      return;
    }
    this.accessListener?.(cell);
    this.mem[cell] = value & this.keptOf(cell);
  }

  private rmw(op: Op, cell: Cell, a: number, b: number, order: Order): number {
    this.recorder.touch(cell, false);
    // An atomic operation on a cell of one's own is a fence all the same.
    if (this.options.hasFences) this.recorder.share(cell);
    if (this.isQuiet(cell, true)) {
      const old = this.mem[cell];
      this.accessListener?.(cell);
      this.mem[cell] = valueAfter(
        { op, cell, a, b, ordering: ORDERING[order], kept: this.keptOf(cell) },
        old,
      );
      return old;
    }
    return this.suspend(op, cell, a, b, ORDERING[order]);
  }

  load(cell: Cell): number {
    return this.loadAs(cell, Ordering.Relaxed);
  }
  loadPlain(cell: Cell): number {
    return this.loadAs(cell, Ordering.Plain);
  }
  loadAcquire(cell: Cell): number {
    return this.loadAs(cell, Ordering.Acquire);
  }
  store(cell: Cell, value: number): void {
    this.storeAs(cell, value, Ordering.Relaxed);
  }
  storePlain(cell: Cell, value: number): void {
    this.storeAs(cell, value, Ordering.Plain);
  }
  storeRelease(cell: Cell, value: number): void {
    this.storeAs(cell, value, Ordering.Release);
  }
  cmpxchg(cell: Cell, expected: number, value: number, order: Order): number {
    return this.rmw(Op.Cmpxchg, cell, expected, value, order);
  }
  xchg(cell: Cell, value: number, order: Order): number {
    return this.rmw(Op.Xchg, cell, value, 0, order);
  }
  fetchAdd(cell: Cell, addend: number, order: Order): number {
    return this.rmw(Op.FetchAdd, cell, addend, 0, order);
  }
  fetchOr(cell: Cell, bits: number, order: Order): number {
    return this.rmw(Op.FetchOr, cell, bits, 0, order);
  }
  fetchAnd(cell: Cell, bits: number, order: Order): number {
    return this.rmw(Op.FetchAnd, cell, bits, 0, order);
  }
  smpMb(): void {
    if (this.options.hasFences) this.suspend(Op.Fence, 0, 0, 0, Ordering.Full);
  }
  /** On x86 a compiler barrier, as smp_wmb() is. */
  smpRmb(): void {}
  smpWmb(): void {}

  spinUntil(cell: Cell, mask: number, want: number): number {
    if (this.isQuiet(cell, false) && (this.mem[cell] & mask) === want) return this.mem[cell];
    return this.suspend(Op.Await, cell, mask, want, Ordering.Acquire);
  }
  acquireWhen(cell: Cell, mask: number, want: number, addend: number, exclusive: boolean): void {
    return direct(takeLock(this as never, cell, mask, want, addend, exclusive));
  }
  /** The step that takes a lock, and waits for it. */
  awaitLock(cell: Cell, mask: number, want: number): number {
    if (this.options.isAlone === true) return this.mem[cell];
    this.recorder.share(cell);
    return this.suspend(Op.Acquire, cell, mask, want, Ordering.Acquire);
  }
  /** The thread has a lock now. */
  hold(cell: Cell, exclusive: boolean): void {
    const bit = this.recorder.classes.lockBit(cell);
    if (exclusive) this.setOwn(EXCLUSIVE, this.own(EXCLUSIVE) | bit);
    this.setOwn(HELD, this.own(HELD) | bit);
    this.noteLocks();
  }
  /** Who waits for a lock cannot tell when it is given back, only that it was: that is no step. */
  releaseBy(cell: Cell, addend: number): void {
    const bit = this.recorder.classes.lockBit(cell);
    const wasExclusive = (this.own(EXCLUSIVE) & bit) !== 0;
    this.setOwn(EXCLUSIVE, this.own(EXCLUSIVE) & ~bit);
    this.setOwn(HELD, this.own(HELD) & ~bit);
    this.noteLocks();
    if (!this.options.hasFences) this.mem[cell] += addend;
    else if (wasExclusive) this.suspend(Op.Store, cell, this.mem[cell] + addend, 0, Ordering.Release);
    else this.suspend(Op.FetchAdd, cell, addend, 0, Ordering.Release);
  }
  /** What the recorder must know of the thread before it runs. */
  noteLocks(): void {
    // Whether a lock is held is nothing that a step depends on.
    this.recorder.exclusive = this.recorder.cells[this.options.own + EXCLUSIVE];
    this.recorder.held = this.recorder.cells[this.options.own + HELD];
  }
  waitUntil(cell: Cell, mask: number, want: number): number {
    if (this.own(PREEMPT_COUNT) > 0) throw new Error('sleeps while preemption is off');
    return this.spinUntil(cell, mask, want);
  }
  /** Any number of 0 .. below-1. */
  choose(below: number): number {
    return this.suspend(Op.Choose, 0, below, 0, Ordering.Relaxed);
  }

  // Time and the scheduler: every order of steps is tried, so nothing needs to take any.
  sleep(): void {}
  spend(): void {}
  cpuRelax(): void {}
  mightSleep(): void {}

  preemptDisable(): void {
    this.setOwn(PREEMPT_COUNT, this.own(PREEMPT_COUNT) + 1);
  }
  preemptEnable(): void {
    this.setOwn(PREEMPT_COUNT, this.own(PREEMPT_COUNT) - 1);
  }
  irqDisable(): void {
    const count = this.own(IRQS_OFF) + 1;
    this.setOwn(IRQS_OFF, count);
    if (count === 1) return direct(irqDisable(this.asThread, this.interruptCell()));
  }
  irqEnable(): void {
    const count = this.own(IRQS_OFF) - 1;
    this.setOwn(IRQS_OFF, count);
    if (count === 0) return direct(irqEnable(this.asThread, this.interruptCell()));
  }
  needResched(): boolean {
    if (this.own(RESCHED) !== 0) return true;
    if (!this.options.mayResched) return false;
    return direct(needReschedOrNot(this as never));
  }
  shouldResched(offset: number): boolean {
    return this.own(RESCHED) !== 0 && this.own(PREEMPT_COUNT) === offset;
  }
  condResched(): boolean {
    this.setOwn(RESCHED, 0);
    return false;
  }
  exitToUserModeResched(): boolean {
    return this.condResched();
  }
  guestWorkPending(): boolean {
    return this.own(RESCHED) !== 0;
  }
  taskWorkPending(): boolean {
    return false;
  }
  heldAtLeast(): boolean {
    return true;
  }
  stopped(): boolean {
    return false;
  }
  nextOperation(): boolean {
    if (this.options.rounds === Infinity) return true;
    const done = this.own(OPERATIONS);
    if (done >= this.options.rounds) return false;
    this.setOwn(OPERATIONS, done + 1);
    return true;
  }
  smpProcessorId(): number {
    return this.options.index;
  }
  private interruptCell(): Cell {
    return this.options.interrupts + this.options.index;
  }

  kickMaskClear(): void {
    this.setOwn(KICK_MASK, 0);
  }
  kickMaskAdd(cpu: number): void {
    this.setOwn(KICK_MASK, this.own(KICK_MASK) | (1 << cpu));
  }
  kickMaskSend(wait: boolean): number {
    const mask = this.own(KICK_MASK);
    return direct(
      sendInterrupts(this.asThread, this.options.interrupts, mask, 1 << this.options.index, wait),
    );
  }

  guestEnter(): void {
    this.guestListener?.(this.options.index, true);
  }
  guestLeave(): void {
    this.guestListener?.(this.options.index, false);
  }
  guestTouches(touches: number): number {
    return touches;
  }
  guestInterrupted(): boolean {
    return direct(wasInterrupted(this.asThread, this.interruptCell()));
  }

  emit(point: Tracepoint, ...values: number[]): void {
    this.listener?.(this.options.index, point, values);
  }

  /** An assertion of the code does not hold. */
  fail(name: string): void {
    this.failed ??= name;
  }

  /** Notes that somebody wants the CPU: it stays so until the thread gives it away. */
  wantsCpu(): void {
    this.setOwn(RESCHED, 1);
  }
}

/** What a thread that has ended is suspended with. */
export const END: Pending = { op: Op.End, cell: 0, a: 0, b: 0, ordering: Ordering.Relaxed, kept: -1 };

/** In compiled code a coroutine returns the value itself, or the frame that it was suspended in. */
function direct<T>(step: Step<T>): T {
  return step as unknown as T;
}
