/**
 * Fills a Trace, event by event. Every reader ends here, and so do the model's executors.
 *
 * A reader declares kinds and tasks, then for each event calls `begin` and, when that returns true, writes
 * the event's fields into the columns of the kind at row `kind.rows - 1`:
 *
 *     if (builder.begin(time, kind, cpu, task, flags)) {
 *       const row = kind.rows - 1;
 *       kind.columns[0].low[row] = vcpuId;
 *       kind.columns[1].setBig(row, rip);
 *     }
 *
 * Events may come in any order; `finish` sorts them by time, keeping the order of equal times.
 */
import { InputError } from '../errors.js';
import type { EventDef } from '../events/types.js';
import { Diagnostics } from './diagnostics.js';
import { eventMatcher, taskMatcher, type TraceFilter } from './filter.js';
import { finishKind, KindBuilder } from './kind.js';
import { grow, grownCapacity, packedUnsigned, permuted } from './pack.js';
import { Strings } from './strings.js';
import { Trace, type Task, type TraceMeta } from './trace.js';

/** Events that fit into memory in one piece; above, the user is asked to narrow the selection. */
const DEFAULT_MOST_EVENTS = 100_000_000;
/** A guess may be far off: never reserve more than this ahead. */
const MOST_RESERVED = 4_000_000;

export interface BuilderOptions {
  readonly filter?: TraceFilter;
  /** Stop with an InputError beyond this many kept events. */
  readonly maxEvents?: number;
}

export class TraceBuilder {
  readonly strings = new Strings();
  readonly diagnostics = new Diagnostics();
  /** What the file says about itself; readers fill it in as they learn it. */
  meta: Partial<TraceMeta> = {};
  /** Index of the ring buffer (instance) that the next events come from; 0 is the main one. */
  buffer = 0;
  /** Events kept so far. */
  length = 0;
  /** Trace-clock time of time 0, ns. Readers whose stamps exceed 2^53 set it before their first event. */
  origin = 0n;

  readonly #kinds: KindBuilder[] = [];
  readonly #tasks: Task[] = [];
  readonly #taskIds = new Map<number, Map<string, number>>();
  readonly #taskWanted: boolean[] = [];
  readonly #wantsEvent: (system: string, name: string) => boolean;
  readonly #wantsTask: (tid: number, comm: string) => boolean;
  readonly #maxEvents: number;
  readonly #filter: TraceFilter;
  #from: number;
  #to: number;
  #relativePending: boolean;

  #capacity = 0;
  #time = new Float64Array(0);
  #kind = new Uint16Array(0);
  #cpu = new Uint16Array(0);
  #task = new Uint32Array(0);
  #flags = new Uint16Array(0);
  #row = new Uint32Array(0);
  #buffer: Uint8Array | undefined;
  #lastTime = -Infinity;
  #sorted = true;

  constructor(options: BuilderOptions = {}) {
    this.#filter = options.filter ?? {};
    this.#maxEvents = options.maxEvents ?? DEFAULT_MOST_EVENTS;
    this.#wantsEvent = eventMatcher(this.#filter.events);
    this.#wantsTask = taskMatcher(this.#filter.tasks);
    this.#from = this.#filter.from ?? -Infinity;
    this.#to = this.#filter.to ?? Infinity;
    this.#relativePending = this.#filter.relative === true;
  }

  /** Declare a kind of event. `known`: whether its definition is in the event table. */
  kind(def: EventDef, known: boolean): KindBuilder {
    if (this.#kinds.length > 0xffff)
      throw new InputError('more than 65,536 kinds of event: this is not a trace');
    const kind = new KindBuilder(this.#kinds.length, def, known, this.#wantsEvent(def.system, def.name));
    this.#kinds.push(kind);
    return kind;
  }

  /** The number of the task (tid, comm); one thread that renames itself is two tasks. */
  task(tid: number, comm: string): number {
    let comms = this.#taskIds.get(tid);
    if (!comms) this.#taskIds.set(tid, (comms = new Map()));
    let id = comms.get(comm);
    if (id === undefined) {
      id = this.#tasks.length;
      comms.set(comm, id);
      this.#tasks.push({ tid, comm });
      this.#taskWanted.push(this.#wantsTask(tid, comm));
    }
    return id;
  }

  /** Name the thread that has events under `<...>` so far, where a file tells names only after the events. */
  nameTask(tid: number, comm: string): void {
    const comms = this.#taskIds.get(tid);
    const id = comms?.get('<...>');
    if (comms === undefined || id === undefined) return;
    comms.delete('<...>');
    if (!comms.has(comm)) comms.set(comm, id);
    this.#tasks[id] = { tid, comm };
  }

  /** True once every event at or after `time` would be filtered out: a reader of sorted input may stop. */
  isPast(time: number): boolean {
    return !this.#relativePending && time > this.#to;
  }

  /**
   * Begin an event. Returns false, and counts it, when a filter leaves it out.
   *
   * @param time ns since `origin`
   * @param cpu CPU number, up to 65,535
   * @param task from `task`
   * @param flags low byte: ring-buffer flags (trace_flag_type), high byte: preempt count
   */
  begin(time: number, kind: KindBuilder, cpu: number, task: number, flags: number): boolean {
    if (this.#relativePending) this.#startWindow(time);
    if (!kind.wanted || time < this.#from || time > this.#to || !this.#taskWanted[task]) {
      this.diagnostics.filtered++;
      return false;
    }
    const index = this.length;
    if (index === this.#capacity) this.#grow();
    if (time < this.#lastTime) this.#sorted = false;
    this.#lastTime = time;
    this.#time[index] = time;
    this.#kind[index] = kind.id;
    this.#cpu[index] = cpu;
    this.#task[index] = task;
    this.#flags[index] = flags;
    this.#row[index] = kind.addRow();
    if (this.buffer !== 0) this.#setBuffer(index);
    this.length = index + 1;
    return true;
  }

  /** Sort, pack and hand over. The builder must not be used afterwards. */
  finish(): Trace {
    const order = this.#sorted ? undefined : this.#sortedOrder();
    const kindOf = this.#column(this.#kind, order);
    const rowOf = this.#column(this.#row, order);
    const events = this.#eventsByKind(kindOf);
    const kinds = this.#kinds.map((kind, id) => {
      const rows = order ? Uint32Array.from(events[id], (index) => rowOf[index]) : undefined;
      return finishKind(kind, events[id], this.strings, rows);
    });
    if (order) for (const list of events) for (let row = 0; row < list.length; row++) rowOf[list[row]] = row;
    const narrow = (source: Uint16Array | Uint32Array) =>
      packedUnsigned(order ? permuted(source, order) : source, this.length);
    return new Trace({
      meta: { format: 'unknown', clock: '', timeUnit: 'ns', buffers: [''], ...this.meta },
      origin: this.origin,
      diagnostics: this.diagnostics,
      strings: this.strings,
      tasks: this.#tasks,
      kinds,
      time: this.#column(this.#time, order),
      kind: narrow(this.#kind),
      cpu: narrow(this.#cpu),
      task: narrow(this.#task),
      flags: narrow(this.#flags),
      row: rowOf,
      buffer: this.#buffer ? this.#column(this.#buffer, order) : undefined,
    });
  }

  #startWindow(time: number): void {
    this.#relativePending = false;
    this.#from += time;
    this.#to += time;
  }

  #setBuffer(index: number): void {
    this.#buffer ??= new Uint8Array(this.#capacity);
    this.#buffer[index] = this.buffer;
  }

  /** Make room for about `events` events, where a reader can guess their number: spares copies. */
  reserve(events: number): void {
    const capacity = Math.min(this.#maxEvents, MOST_RESERVED, Math.ceil(events));
    if (capacity > this.#capacity) this.#resize(capacity);
  }

  #grow(): void {
    if (this.length >= this.#maxEvents) {
      const most = this.#maxEvents.toLocaleString('en-US');
      throw new InputError(`more than ${most} events: narrow the selection with --window, --task or --event`);
    }
    this.#resize(Math.min(this.#maxEvents, grownCapacity(this.#capacity, 4096)));
  }

  #resize(capacity: number): void {
    this.#capacity = capacity;
    this.#time = grow(this.#time, capacity);
    this.#kind = grow(this.#kind, capacity);
    this.#cpu = grow(this.#cpu, capacity);
    this.#task = grow(this.#task, capacity);
    this.#flags = grow(this.#flags, capacity);
    this.#row = grow(this.#row, capacity);
    if (this.#buffer) this.#buffer = grow(this.#buffer, capacity);
  }

  /** Stable order by time: equal times stay as they came. */
  #sortedOrder(): Uint32Array {
    const time = this.#time;
    const order = Uint32Array.from({ length: this.length }, (_, index) => index);
    return order.sort((a, b) => time[a] - time[b] || a - b);
  }

  #column<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
    source: T,
    order?: Uint32Array,
  ): T {
    return order ? permuted(source, order) : (source.slice(0, this.length) as T);
  }

  #eventsByKind(kindOf: Uint16Array): Uint32Array[] {
    const lists = this.#kinds.map((kind) => new Uint32Array(kind.rows));
    const next = new Uint32Array(lists.length);
    for (let index = 0; index < this.length; index++) {
      const kind = kindOf[index];
      lists[kind][next[kind]++] = index;
    }
    return lists;
  }
}
