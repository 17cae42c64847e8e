/**
 * Fills a Trace, event by event. Every reader ends here, and so do the model's executors.
 *
 * A reader declares kinds and tasks, then for each event calls `begin` and, when that returns true, writes
 * the event's fields into the columns of the kind at row `kind.row`:
 *
 *     if (builder.begin(time, kind, cpu, task, flags)) {
 *       const { row } = kind;
 *       kind.columns[0].low[row] = vcpuId;
 *       kind.columns[1].setBig(row, rip);
 *     }
 *
 * Events may come in any order; `finish` sorts them by time, keeping the order of equal times.
 */
import { InputError } from '../errors.js';
import type { EventDef } from '../events/types.js';
import { Diagnostics } from './diagnostics.js';
import { KindIndex } from './kind-index.js';
import { eventMatcher, taskMatcher, type TraceFilter } from './filter.js';
import { finishKind, KindBuilder } from './kind.js';
import { BLOCK, joined, permuted, SmallNumbers, type IntArray } from './pack.js';
import { Strings } from './strings.js';
import { Trace, type Task, type TraceMeta } from './trace.js';

/** Events that fit into memory in one piece; above, the user is asked to narrow the selection. */
const DEFAULT_MOST_EVENTS = 100_000_000;

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

  /** Where the next event goes in the block that is being filled. */
  #slot = 0;
  #time = new Float64Array(BLOCK);
  readonly #times: Float64Array[] = [];
  readonly #kind = new SmallNumbers();
  readonly #cpu = new SmallNumbers();
  readonly #task = new SmallNumbers();
  readonly #flags = new SmallNumbers();
  readonly #buffer = new SmallNumbers();
  #usesBuffers = false;
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
    if (this.length === this.#maxEvents) this.#tooMany();
    if (this.#slot === BLOCK) this.#flush();
    const slot = this.#slot++;
    if (time < this.#lastTime) this.#sorted = false;
    this.#lastTime = time;
    this.#time[slot] = time;
    this.#kind.set(slot, kind.id);
    this.#cpu.set(slot, cpu);
    this.#task.set(slot, task);
    this.#flags.set(slot, flags);
    if (this.buffer !== 0) this.#usesBuffers = true;
    if (this.#usesBuffers) this.#buffer.set(slot, this.buffer);
    this.length++;
    kind.addRow();
    return true;
  }

  /** Sort, pack and hand over. The builder must not be used afterwards. */
  finish(): Trace {
    this.#flush();
    const unsortedTime = joined(this.#times, new Float64Array(this.length));
    const unsortedKind = this.#kind.finish();
    const order = this.#sorted ? undefined : sortedOrder(unsortedTime);
    const column = <T extends IntArray | Float64Array>(values: T) =>
      order ? permuted(values, order) : values;
    const kindOf = column(unsortedKind);
    const counts = this.#kinds.map((kind) => kind.rows);
    const index = new KindIndex(kindOf, counts);
    const unsorted = new KindIndex(unsortedKind, counts);
    const kinds = this.#kinds.map((kind, id) => {
      const rows = order && Uint32Array.from(index.lists[id], (event) => unsorted.row[order[event]]);
      return finishKind(kind, () => index.lists[id], this.strings, rows);
    });
    return new Trace({
      meta: { format: 'unknown', clock: '', timeUnit: 'ns', buffers: [''], ...this.meta },
      origin: this.origin,
      diagnostics: this.diagnostics,
      strings: this.strings,
      tasks: this.#tasks,
      kinds,
      time: column(unsortedTime),
      kind: kindOf,
      cpu: column(this.#cpu.finish()),
      task: column(this.#task.finish()),
      flags: column(this.#flags.finish()),
      index,
      buffer: this.#usesBuffers ? column(this.#buffer.finish()) : undefined,
    });
  }

  #startWindow(time: number): void {
    this.#relativePending = false;
    this.#from += time;
    this.#to += time;
  }

  #tooMany(): never {
    const most = this.#maxEvents.toLocaleString('en-US');
    throw new InputError(`more than ${most} events: narrow the selection with --window, --task or --event`);
  }

  /** Put the block away. */
  #flush(): void {
    const length = this.#slot;
    this.#slot = 0;
    this.#times.push(this.#time.subarray(0, length));
    this.#time = new Float64Array(BLOCK);
    for (const column of [this.#kind, this.#cpu, this.#task, this.#flags, this.#buffer]) column.flush(length);
  }
}

/** Stable order by time: equal times stay as they came. */
function sortedOrder(time: Float64Array): Uint32Array {
  const order = Uint32Array.from({ length: time.length }, (_, event) => event);
  return order.sort((a, b) => time[a] - time[b] || a - b);
}
