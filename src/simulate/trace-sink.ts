/**
 * Writes what the model emits as a trace: the kernel's own events, and `faultline:*` for what the kernel
 * does in silence.
 *
 * The trace is one as `trace-cmd` would have recorded it, apart from those events and from the kernel's
 * name. Statistics must watch the run too and be called first: they know the durations that the model
 * cannot.
 */
import { Tracepoint, TRACEPOINTS } from '../model/tracepoints.js';
import { TraceBuilder, type BuilderOptions } from '../trace/store/builder.js';
import type { ColumnBuilder } from '../trace/store/column.js';
import type { KindBuilder } from '../trace/store/kind.js';
import type { Trace } from '../trace/store/trace.js';
import type { Observer, ThreadInfo } from './observer.js';
import type { Statistics } from './statistics.js';
import { eventFor, writersOf, type EventWriter } from './trace-layout.js';
import { versionOf, type Dialect } from './trace-values.js';

export interface TraceSinkOptions extends BuilderOptions {
  /** Kernel that is modelled, as kernels.ts names it: `v6.12`. Decides which fields events have. */
  readonly kernel: string;
  /** none, voluntary, full, lazy or rt. */
  readonly preempt: string;
  readonly mmu: string;
  readonly cpus: number;
  /** Cell of the first page table. */
  readonly firstTable: number;
  /** Address of mmu_lock in the model. */
  readonly mmuLock: number;
  readonly statistics: Pick<Statistics, 'waitedNs' | 'heldNs' | 'useful'>;
}

/** Priority of every task: the nice value 0. */
const PRIORITY = 120;
const COMM_LENGTH = 15;
/** From here on tracepoints are probes, which no trace shows. */
const PROBES = TRACEPOINTS.length;

export class TraceSink implements Observer {
  readonly #builder: TraceBuilder;
  readonly #writers: readonly EventWriter[];
  readonly #statistics: TraceSinkOptions['statistics'];
  readonly #args = new Float64Array(6);
  /** Number of the task of each thread, by index. */
  readonly #tasks: number[] = [];
  readonly #switches: SwitchColumns;
  #idleTask = -1;

  constructor(options: TraceSinkOptions) {
    const { kernel, preempt, mmu, cpus, firstTable, mmuLock } = options;
    const isTdp = mmu !== 'shadow-paging';
    const dialect: Dialect = { version: versionOf(kernel), isTdp, firstTable, mmuLock };
    this.#builder = new TraceBuilder(options);
    this.#builder.meta = {
      format: 'faultline model',
      clock: 'mono',
      timeUnit: 'ns',
      kernel: releaseOf(kernel, preempt),
      cpus,
      pageSize: 4096,
      preempt,
    };
    this.#writers = writersOf(this.#builder, dialect);
    this.#switches = new SwitchColumns(this.#builder, dialect.version);
    this.#statistics = options.statistics;
  }

  /** Events kept so far. */
  get length(): number {
    return this.#builder.length;
  }

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
  ): void {
    if (point >= PROBES) return;
    const writer = this.#writers[point];
    if (!this.#builder.begin(Math.floor(now), writer.kind, thread.cpu, this.#taskOf(thread), 0)) return;
    const args = this.#args;
    args[0] = a;
    args[1] = b;
    args[2] = c;
    args[3] = d;
    args[4] = e;
    args[5] = f;
    if (point >= Tracepoint.lockAcquired) this.#fillIn(point, args);
    writer.write(args);
  }

  onSwitch(
    now: number,
    cpu: number,
    prev: ThreadInfo | undefined,
    next: ThreadInfo | undefined,
    prevState: number,
  ): void {
    const { kind } = this.#switches;
    const task = prev === undefined ? this.#idle() : this.#taskOf(prev);
    if (!this.#builder.begin(Math.floor(now), kind, cpu, task, 0)) return;
    this.#switches.write(cpu, prev, next, prevState);
  }

  /** The trace; the sink must not be used afterwards. */
  finish(): Trace {
    return this.#builder.finish();
  }

  /** What the model's own event leaves to be found out. */
  #fillIn(point: Tracepoint, args: Float64Array): void {
    const { waitedNs, heldNs, useful } = this.#statistics;
    if (point === Tracepoint.lockAcquired || point === Tracepoint.remoteFlush) args[2] = Math.round(waitedNs);
    else if (point === Tracepoint.lockReleased) args[2] = Math.round(heldNs);
    else if (point === Tracepoint.yield) args[3] = useful;
  }

  #taskOf(thread: ThreadInfo): number {
    return (this.#tasks[thread.index] ??= this.#builder.task(thread.tid, commOf(thread)));
  }

  #idle(): number {
    if (this.#idleTask < 0) this.#idleTask = this.#builder.task(0, '<idle>');
    return this.#idleTask;
  }
}

/** A release that says what it is, and that tools read the version from. */
function releaseOf(kernel: string, preempt: string): string {
  const version = kernel.replace(/^v/, '');
  return `${version}.0${preempt === 'rt' ? '-rt1' : ''}-faultline-model`;
}

/** The kernel cuts names. */
function commOf(thread: ThreadInfo): string {
  return thread.comm.slice(0, COMM_LENGTH);
}

/** Rows of sched_switch. */
class SwitchColumns {
  readonly kind: KindBuilder;
  readonly #prevComm: ColumnBuilder;
  readonly #prevPid: ColumnBuilder;
  readonly #prevPriority: ColumnBuilder;
  readonly #prevState: ColumnBuilder;
  readonly #nextComm: ColumnBuilder;
  readonly #nextPid: ColumnBuilder;
  readonly #nextPriority: ColumnBuilder;

  constructor(
    private readonly builder: TraceBuilder,
    version: number,
  ) {
    this.kind = builder.kind(eventFor('sched', 'sched_switch', version), true);
    [
      this.#prevComm,
      this.#prevPid,
      this.#prevPriority,
      this.#prevState,
      this.#nextComm,
      this.#nextPid,
      this.#nextPriority,
    ] = this.kind.columns;
  }

  write(cpu: number, prev: ThreadInfo | undefined, next: ThreadInfo | undefined, state: number): void {
    const { row } = this.kind;
    this.#prevComm.low[row] = this.#name(cpu, prev);
    this.#prevPid.low[row] = prev?.tid ?? 0;
    this.#prevPriority.low[row] = PRIORITY;
    this.#prevState.setNumber(row, state);
    this.#nextComm.low[row] = this.#name(cpu, next);
    this.#nextPid.low[row] = next?.tid ?? 0;
    this.#nextPriority.low[row] = PRIORITY;
  }

  #name(cpu: number, thread: ThreadInfo | undefined): number {
    return this.builder.strings.intern(thread === undefined ? `swapper/${cpu}` : commOf(thread));
  }
}
