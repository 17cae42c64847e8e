/**
 * The vocabulary: what kernel code does that another CPU, or time, can notice.
 *
 * The model is coroutines over these operations. Whoever runs a thread implements them: `simulate` lets each
 * take time on a CPU, `check` tries every order that a memory model allows. The model cannot tell which.
 */
import type { Suspendable } from './frames.js';
import type { Cost } from './costs.js';
import type { Tracepoint } from './tracepoints.js';

/**
 * The result of a coroutine, as `yield*` takes it. In compiled code a coroutine returns the value itself,
 * and an operation is a plain method: the type exists for the compiler's sake alone.
 */
export type Step<T> = Generator<never, T, never>;

/** The operations as compiled code calls them: the value itself instead of a Step. */
export type Direct<T> = {
  [Name in keyof T]: T[Name] extends (...args: infer Args) => Generator<never, infer Result, never>
    ? (...args: Args) => Result
    : T[Name];
};

/** A cell of memory: an index into `Thread.mem`. Shared cells stand for one naturally aligned word. */
export type Cell = number;

/** How an atomic read-modify-write orders what is around it, as the suffix of the kernel's function says. */
export const Order = { Full: 0, Acquire: 1, Release: 2, Relaxed: 3 } as const;
export type Order = (typeof Order)[keyof typeof Order];

/** What compiled coroutines use of a thread: the code that people write never does. */
type Suspends = Pick<Suspendable, 'suspended' | 'value' | 'save2' | 'save4' | 'save8' | 'save20'>;

/** A thread of the host, as the code that it runs sees it. */
export interface Thread extends Suspends {
  /** Thread id, as tracepoints print it. */
  readonly tid: number;
  /** All cells. Only for cells that no other thread can see; the others go through operations. */
  readonly mem: Int32Array;
  /** Private cells of this thread (its kernel stack), SCRATCH_CELLS of them: see scratch.ts. */
  readonly scratch: Cell;

  // Memory. load and store are marked accesses (READ_ONCE, WRITE_ONCE); the plain ones may be torn or
  // fused by a compiler, which only a weak memory model shows.
  load(cell: Cell): Step<number>;
  loadPlain(cell: Cell): Step<number>;
  /** smp_load_acquire() */
  loadAcquire(cell: Cell): Step<number>;
  store(cell: Cell, value: number): Step<void>;
  storePlain(cell: Cell, value: number): Step<void>;
  /** smp_store_release() */
  storeRelease(cell: Cell, value: number): Step<void>;
  /** cmpxchg(): returns what was there; it equals `expected` when the exchange happened. */
  cmpxchg(cell: Cell, expected: number, value: number, order: Order): Step<number>;
  xchg(cell: Cell, value: number, order: Order): Step<number>;
  /** atomic_fetch_add(): returns the value before. */
  fetchAdd(cell: Cell, addend: number, order: Order): Step<number>;
  fetchOr(cell: Cell, bits: number, order: Order): Step<number>;
  fetchAnd(cell: Cell, bits: number, order: Order): Step<number>;
  smpMb(): Step<void>;
  smpRmb(): Step<void>;
  smpWmb(): Step<void>;

  /** smp_cond_load_acquire(): spins, keeping the CPU, until (cell & mask) === want; returns the cell. */
  spinUntil(cell: Cell, mask: number, want: number): Step<number>;
  /**
   * A lock reduced to its contract: waits until (cell & mask) === want and adds to the cell, in one moment.
   *
   * @param exclusive whether nobody else gets in until it is given back
   */
  acquireWhen(cell: Cell, mask: number, want: number, addend: number, exclusive: boolean): Step<void>;
  /** Gives back what acquireWhen() took. */
  releaseBy(cell: Cell, addend: number): Step<void>;
  /** wait_event(): as spinUntil, but sleeps. Whoever makes it true wakes the sleeper. */
  waitUntil(cell: Cell, mask: number, want: number): Step<number>;
  /** Sleeps for a time that a scenario or a kernel setting gives, in ns. */
  sleep(ns: number): Step<void>;

  /** The thread computes: `times` times a named cost passes on its CPU. */
  spend(cost: Cost, times: number): Step<void>;
  cpuRelax(): Step<void>;

  // Preemption. The counts nest.
  preemptDisable(): Step<void>;
  preemptEnable(): Step<void>;
  irqDisable(): Step<void>;
  irqEnable(): Step<void>;
  /** need_resched(): TIF_NEED_RESCHED, not its lazy form. */
  needResched(): Step<boolean>;
  /** should_resched(offset): need_resched() and the preemption count is exactly `offset`. */
  shouldResched(offset: number): Step<boolean>;
  /** cond_resched(): gives the CPU away where the preemption model needs it; whether it did. */
  condResched(): Step<boolean>;
  /** might_sleep(): a voluntary preemption point; in `check` nothing. */
  mightSleep(): Step<void>;
  /** Work before a vCPU enters the guest: NEED_RESCHED or its lazy form leads to schedule(). */
  exitToUserModeResched(): Step<boolean>;
  /** xfer_to_guest_mode_work_pending(): whether anything must be done before the guest may run. */
  guestWorkPending(): Step<boolean>;
  /** TIF_NOTIFY_RESUME: whether task work (task_numa_work) is due for this thread; clears it. */
  taskWorkPending(): Step<boolean>;
  /** Whether this thread has held mmu_lock for at least `ns`; for the policy needBreak time-slice. */
  heldAtLeast(ns: number): Step<boolean>;
  /** Whether the executor asks threads to come to an end. */
  stopped(): Step<boolean>;
  /**
   * A storm is about to begin an operation: waits until its period, duty cycle and phase say so, as the
   * scenario has them; false when it shall do no more.
   */
  nextOperation(): Step<boolean>;
  /** smp_processor_id(), valid while preemption is off. */
  smpProcessorId(): number;

  // Interrupts between CPUs: the mask of the CPU that runs (kvm's per-CPU cpu_kick_mask).
  kickMaskClear(): void;
  /** cpumask_set_cpu() */
  kickMaskAdd(cpu: number): void;
  /** smp_call_function_many(mask, ack_kick, wait); how many CPUs it interrupted. */
  kickMaskSend(wait: boolean): Step<number>;

  // The guest. Between enter and leave the CPU runs guest code, and an interrupt makes it leave.
  guestEnter(): Step<void>;
  guestLeave(): Step<void>;
  /** Runs up to `touches` accesses that hit the TLB; how many were done before an interrupt came. */
  guestTouches(touches: number, nsEach: number): Step<number>;
  /** Whether an interrupt waits that makes the guest exit. */
  guestInterrupted(): Step<boolean>;

  /** A tracepoint: arguments in the order of tracepoints.ts. Takes no time of its own. */
  emit(point: Tracepoint, a?: number, b?: number, c?: number, d?: number, e?: number, f?: number): void;
}
