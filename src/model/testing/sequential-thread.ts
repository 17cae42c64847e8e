/**
 * A thread that is alone on the machine: every operation
 * happens at once, so a coroutine runs to its end in one call.
 */
import type { Cost } from '../costs.js';
import { Suspendable } from '../frames.js';
import type { Cell, Order, Step, Thread } from '../operations.js';
import type { Tracepoint } from '../tracepoints.js';

/** An emitted tracepoint or probe: its number and its arguments. */
export type Emitted = readonly [point: Tracepoint, ...values: number[]];

/** In compiled code an operation returns its value itself; the type says otherwise (see Step). */
function done<T>(value: T): Step<T> {
  return value as unknown as Step<T>;
}

/** What a coroutine that ran to its end returned. */
export function finish<T>(step: Step<T>): T {
  return step as unknown as T;
}

export class SequentialThread extends Suspendable implements Thread {
  /** Everything emitted, in order. */
  readonly emitted: Emitted[] = [];
  /** How often each cost was spent. */
  readonly spent = new Map<Cost, number>();
  /** Slept, in ns. */
  slept = 0;
  /** What preempt_count() would be; irq disabling counts apart. Tests expect 0 at the end. */
  preemptCount = 0;
  irqCount = 0;
  /** smp_processor_id() */
  currentCpu = 0;
  needReschedNow = false;
  taskWork = false;
  /** nextOperation() says yes so many times; then it and stopped() end the thread. */
  operationsLeft = Infinity;
  /** guestTouches() does at most so many at once, and then an interrupt waits. */
  touchesBeforeInterrupt = Infinity;
  /** The CPUs in the mask of each interrupt that was sent. */
  readonly kicks: number[][] = [];
  /** Called before a wait whose condition does not hold: stands for the other threads. */
  onWait: ((cell: Cell) => void) | undefined = undefined;
  /** Called before each memory operation: for what another CPU does in between. */
  onAccess: ((cell: Cell) => void) | undefined = undefined;
  #mask: number[] = [];
  #interrupted = false;

  constructor(
    readonly mem: Int32Array,
    readonly tid = 1,
    /** SCRATCH_CELLS private cells, where the code under test wants them. */
    readonly scratch: Cell = 0,
  ) {
    super();
  }

  /** The values of every emitted `point`, without its number. */
  all(point: Tracepoint): number[][] {
    return this.emitted.filter(([each]) => each === point).map(([, ...values]) => values);
  }

  load(cell: Cell): Step<number> {
    this.onAccess?.(cell);
    return done(this.mem[cell]);
  }
  loadPlain(cell: Cell): Step<number> {
    return this.load(cell);
  }
  loadAcquire(cell: Cell): Step<number> {
    return this.load(cell);
  }
  store(cell: Cell, value: number): Step<void> {
    this.#change(cell, () => value);
    return done(undefined);
  }
  storePlain(cell: Cell, value: number): Step<void> {
    return this.store(cell, value);
  }
  storeRelease(cell: Cell, value: number): Step<void> {
    return this.store(cell, value);
  }
  cmpxchg(cell: Cell, expected: number, value: number, _order: Order): Step<number> {
    return done(this.#change(cell, (before) => (before === expected ? value : before)));
  }
  xchg(cell: Cell, value: number, _order: Order): Step<number> {
    return done(this.#change(cell, () => value));
  }
  fetchAdd(cell: Cell, addend: number, _order: Order): Step<number> {
    return done(this.#change(cell, (before) => before + addend));
  }
  fetchOr(cell: Cell, bits: number, _order: Order): Step<number> {
    return done(this.#change(cell, (before) => before | bits));
  }
  fetchAnd(cell: Cell, bits: number, _order: Order): Step<number> {
    return done(this.#change(cell, (before) => before & bits));
  }
  smpMb(): Step<void> {
    return done(undefined);
  }
  smpRmb(): Step<void> {
    return done(undefined);
  }
  smpWmb(): Step<void> {
    return done(undefined);
  }

  spinUntil(cell: Cell, mask: number, want: number): Step<number> {
    return this.#wait(cell, mask, want);
  }
  acquireWhen(cell: Cell, mask: number, want: number, addend: number): Step<void> {
    this.#wait(cell, mask, want);
    this.mem[cell] += addend;
    return done(undefined);
  }
  releaseBy(cell: Cell, addend: number): Step<void> {
    this.mem[cell] += addend;
    return done(undefined);
  }
  waitUntil(cell: Cell, mask: number, want: number): Step<number> {
    if (this.preemptCount + this.irqCount > 0) throw new Error('sleeps while preemption is off');
    return this.#wait(cell, mask, want);
  }
  sleep(ns: number): Step<void> {
    if (this.preemptCount + this.irqCount > 0) throw new Error('sleeps while preemption is off');
    this.slept += ns;
    return done(undefined);
  }
  spend(cost: Cost, times: number): Step<void> {
    this.spent.set(cost, (this.spent.get(cost) ?? 0) + times);
    return done(undefined);
  }
  cpuRelax(): Step<void> {
    return done(undefined);
  }

  preemptDisable(): Step<void> {
    this.preemptCount++;
    return done(undefined);
  }
  preemptEnable(): Step<void> {
    if (--this.preemptCount < 0) throw new Error('preemption was enabled once too often');
    return done(undefined);
  }
  irqDisable(): Step<void> {
    this.irqCount++;
    return done(undefined);
  }
  irqEnable(): Step<void> {
    if (--this.irqCount < 0) throw new Error('interrupts were enabled once too often');
    return done(undefined);
  }
  needResched(): Step<boolean> {
    return done(this.needReschedNow);
  }
  shouldResched(offset: number): Step<boolean> {
    return done(this.needReschedNow && this.preemptCount === offset);
  }
  condResched(): Step<boolean> {
    if (this.preemptCount > 0) throw new Error('cond_resched() while preemption is off');
    return done(false);
  }
  mightSleep(): Step<void> {
    if (this.preemptCount > 0) throw new Error('might_sleep() while preemption is off');
    return done(undefined);
  }
  exitToUserModeResched(): Step<boolean> {
    return done(false);
  }
  guestWorkPending(): Step<boolean> {
    return done(this.taskWork || this.needReschedNow);
  }
  taskWorkPending(): Step<boolean> {
    const pending = this.taskWork;
    this.taskWork = false;
    return done(pending);
  }
  heldAtLeast(_ns: number): Step<boolean> {
    return done(false);
  }
  stopped(): Step<boolean> {
    return done(this.operationsLeft <= 0);
  }
  nextOperation(): Step<boolean> {
    return done(this.operationsLeft-- > 0);
  }
  smpProcessorId(): number {
    return this.currentCpu;
  }

  kickMaskClear(): void {
    this.#mask = [];
  }
  kickMaskAdd(cpu: number): void {
    this.#mask.push(cpu);
  }
  kickMaskSend(_wait: boolean): Step<number> {
    if (this.preemptCount === 0) throw new Error('sends interrupts while it may move to another CPU');
    if (this.#mask.length > 0) this.kicks.push(this.#mask);
    return done(this.#mask.length);
  }

  guestEnter(): Step<void> {
    return done(undefined);
  }
  guestLeave(): Step<void> {
    return done(undefined);
  }
  guestTouches(touches: number, _nsEach: number): Step<number> {
    const count = Math.min(touches, this.touchesBeforeInterrupt);
    this.touchesBeforeInterrupt -= count;
    this.#interrupted = count < touches;
    return done(count);
  }
  guestInterrupted(): Step<boolean> {
    return done(this.#interrupted);
  }

  emit(point: Tracepoint, ...values: number[]): void {
    this.emitted.push([point, ...values]);
  }

  #change(cell: Cell, to: (before: number) => number): number {
    this.onAccess?.(cell);
    const before = this.mem[cell];
    this.mem[cell] = to(before);
    return before;
  }

  #wait(cell: Cell, mask: number, want: number): Step<number> {
    if ((this.mem[cell] & mask) !== want) this.onWait?.(cell);
    if ((this.mem[cell] & mask) !== want) throw new Error(`waits for ever for cell ${cell}`);
    return done(this.mem[cell]);
  }
}
