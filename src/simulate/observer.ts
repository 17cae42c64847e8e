/**
 * Who watches a simulation: statistics, the writer of traces, checkers of invariants.
 *
 * The executor calls an observer while the model runs, always in the order in which things happen to one
 * thread; times of different threads may run back a little. Observers change nothing, so that a run is the
 * same with and without.
 */
import type { Tracepoint } from '../model/tracepoints.js';

export type ThreadKind = 'vcpu' | 'ksmd' | 'storm' | 'kernel';

/** A thread of the host, as observers know it. The executor keeps one object for each thread. */
export interface ThreadInfo {
  /** 0, 1, 2 ...: its place in the machine's list of threads. */
  readonly index: number;
  readonly tid: number;
  /** Name as tracepoints print it, at most 15 characters: `CPU 3/KVM`, `ksmd`, `qemu-system-x86`. */
  readonly comm: string;
  readonly kind: ThreadKind;
  /** Number of the vCPU that it runs; -1: none. */
  readonly vcpu: number;
  /** In whose name it changes host memory: the kind of its storm (`madvise`, `ksm` ...). '' for vCPUs. */
  readonly agent: string;
  /** CPU that it runs on, or ran on last. The executor changes it. */
  readonly cpu: number;
}

/** Times are ns of virtual time. */
export interface Observer {
  /** What it wants to hear of; undefined: everything. What nobody wants costs next to nothing. */
  readonly points?: readonly Tracepoint[];
  /** The model emits a tracepoint or a probe; arguments that it left out are 0. Must be quick. */
  onEmit(
    now: number,
    thread: ThreadInfo,
    point: Tracepoint,
    a: number,
    b: number,
    c: number,
    d: number,
    e: number,
    f: number,
  ): void;
  /** The thread has interrupted `cpus` CPUs for KVM and waited for them until now. */
  onInterrupts?(now: number, thread: ThreadInfo, cpus: number, waitedNs: number): void;
  /**
   * A CPU goes from one thread to another; undefined is its idle task.
   *
   * @param prevState why the previous thread stops, as sched_switch has it: 0 preempted or yielding, 1
   *   sleeps and may be signalled, 2 sleeps, 0x100 preempted inside the kernel (R+)
   */
  onSwitch?(
    now: number,
    cpu: number,
    prev: ThreadInfo | undefined,
    next: ThreadInfo | undefined,
    prevState: number,
  ): void;
  /** The thread has come to its end. */
  onThreadEnd?(now: number, thread: ThreadInfo): void;
  /**
   * A phase of the scenario begins; what happens in phases that are not counted leaves no mark on results.
   */
  onPhase?(now: number, counted: boolean): void;
}
