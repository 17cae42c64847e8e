/** What the executor knows about a thread besides the code that it runs. */
import { Suspendable } from '../model/frames.js';
import type { ThreadInfo, ThreadKind } from './observer.js';
import type { StormSchedule } from './storm-schedule.js';

/** What a thread is doing, seen from the scheduler. */
export const ThreadState = {
  /** On a CPU, with an event at `local` when it goes on. */
  Running: 0,
  /** On a CPU, waiting in a loop for a cell to change or for interrupts to be acknowledged. */
  Spinning: 1,
  /** Could run, waits for a CPU. */
  Runnable: 2,
  /** Sleeps until a cell changes or a timer fires. */
  Sleeping: 3,
  Ended: 4,
} as const;
export type ThreadState = (typeof ThreadState)[keyof typeof ThreadState];

export const NO_HANDLE = -1;

/** What a thread is made from. */
export interface ThreadOptions {
  readonly tid: number;
  readonly comm: string;
  readonly kind: ThreadKind;
  readonly vcpu: number;
  readonly agent: string;
  /** CPU that it may run on; -1: all. */
  readonly affinity: number;
  /** Share of the CPU against others: 1024 is nice 0. */
  readonly weight: number;
  /** When its storm works; undefined: always. */
  readonly schedule?: StormSchedule;
  /** It ends itself from here on, ns. */
  readonly stopAt?: number;
  /** Scans memory for NUMA balancing: a thread of the VMM process. */
  readonly numaScans: boolean;
}

export class ThreadStateBase extends Suspendable implements ThreadInfo {
  readonly tid: number;
  readonly comm: string;
  readonly kind: ThreadKind;
  readonly vcpu: number;
  readonly agent: string;
  readonly affinity: number;
  readonly weight: number;
  readonly numaScans: boolean;
  readonly schedule: StormSchedule | undefined;
  readonly stopAt: number;

  cpu = 0;
  /** Operations of a storm that it has begun. */
  operations = 0;
  /** Operations of the model that took time. */
  steps = 0;
  state: ThreadState = ThreadState.Runnable;
  // Times start as fractions, so that the engine keeps these fields as doubles from the beginning.
  /** Virtual time up to which it has run. */
  local = 0.5;
  /** It may run ahead of other CPUs up to here before they are heard. */
  limit = 0.5;
  /** Interrupt handlers that ran on its CPU since it was last suspended, ns. */
  stolen = 0.5;
  /** When it was preempted in the middle of something: ns of that left. */
  remaining = 0.5;
  /** Its event in the queue. */
  handle = NO_HANDLE;
  vruntime = 0.5;

  preemptCount = 0;
  irqsOff = 0;
  inGuest = false;
  notifyResume = false;
  /** Waits until (cell & mask) === want; cell 0: it does not. */
  waitCell = 0;
  waitMask = 0;
  waitWant = 0;
  /** CPUs that have not acknowledged its interrupt yet, and whether it waits for them. */
  acksLeft = 0;
  awaitsAcks = false;
  acksSince = 0.5;
  /**
   * Of the CPU that it runs on (per-CPU cpu_kick_mask): preemption is off from its first use to the
   * sending.
   */
  kickMask: number[] = [];
  /** A run of guest accesses: when it began, ns of each, how many; 0: none under way. */
  touchStart = 0.5;
  touchNs = 0.5;
  touchCount = 0;
  /** Since when it waits for mmu_lock (-1: it does not), and since when it holds it. */
  waitSince = -0.5;
  heldSince = -0.5;

  constructor(
    readonly index: number,
    options: ThreadOptions,
  ) {
    super();
    this.local = 0;
    this.limit = 0;
    this.stolen = 0;
    this.remaining = 0;
    this.vruntime = 0;
    this.acksSince = 0;
    this.touchStart = 0;
    this.touchNs = 0;
    this.waitSince = -1;
    this.heldSince = -1;
    this.tid = options.tid;
    this.comm = options.comm;
    this.kind = options.kind;
    this.vcpu = options.vcpu;
    this.agent = options.agent;
    this.affinity = options.affinity;
    this.weight = options.weight;
    this.numaScans = options.numaScans;
    this.schedule = options.schedule;
    this.stopAt = options.stopAt ?? Infinity;
  }
}

/** Fields that a snapshot keeps. Frames never change, so the chain is kept by its head. */
const SAVED = [
  'cpu',
  'operations',
  'steps',
  'state',
  'local',
  'stolen',
  'remaining',
  'handle',
  'vruntime',
  'value',
  'top',
  'preemptCount',
  'irqsOff',
  'inGuest',
  'notifyResume',
  'waitCell',
  'waitMask',
  'waitWant',
  'acksLeft',
  'awaitsAcks',
  'acksSince',
  'touchStart',
  'touchNs',
  'touchCount',
  'waitSince',
  'heldSince',
] as const satisfies readonly (keyof ThreadStateBase)[];

export type SavedThread = Readonly<Record<(typeof SAVED)[number], unknown>> & {
  readonly kickMask: readonly number[];
};

export function saveThread(thread: ThreadStateBase): SavedThread {
  const fields = Object.fromEntries(SAVED.map((key) => [key, thread[key]]));
  return { ...fields, kickMask: [...thread.kickMask] } as unknown as SavedThread;
}

export function restoreThread(thread: ThreadStateBase, saved: SavedThread): void {
  Object.assign(thread, saved, { kickMask: [...saved.kickMask] });
}
