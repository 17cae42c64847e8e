/**
 * A whole trace in memory: struct of arrays, sorted by time, read-only.
 *
 *     event index    0        1        2        3
 *     time        12.780   12.781   12.783   12.784     ns since origin
 *     kind           0        1        0        2        -> kinds[k]: definition and columns of fields
 *     row            0        0        1        0        -> row in the tables of that kind
 *     cpu, task, flags  ...
 *
 * `kinds[k].events[r]` is the way back from row to event.
 */
import type { Cpu, EventIndex, Ns, Tid } from '../units.js';
import type { Diagnostics } from './diagnostics.js';
import type { KindIndex } from './kind-index.js';
import type { KindTable } from './kind.js';
import type { IntArray } from './pack.js';
import type { Strings } from './strings.js';

/** A thread under one name. */
export interface Task {
  readonly tid: number;
  readonly comm: string;
}

/** What a trace file says about itself and the machine it came from. */
export interface TraceMeta {
  /** Reader that understood it: `trace.dat v7`, `tracefs text` ... */
  format: string;
  /** Trace clock: `local`, `boot`, `x86-tsc` ..., '' when the file does not say. */
  clock: string;
  /** `ticks` when the clock counts something that the file does not convert to ns. */
  timeUnit: 'ns' | 'ticks';
  /** Names of the ring buffers; '' is the main one. */
  buffers: string[];
  /** Kernel release, `6.12.107+deb13-amd64`. */
  kernel?: string;
  /** CPUs that the file has a buffer for. */
  cpus?: number;
  /** Bytes of a ring-buffer page. */
  pageSize?: number;
  /** Width of one step of the time stamps, ns: 1000 for text in microseconds. */
  resolution?: number;
  /** Preemption model, if the file or its surroundings tell. */
  preempt?: string;
  /** Kernel pointers were printed with %p and are hashes, still unique per pointer. */
  hashedPointers?: boolean;
}

interface TraceParts {
  meta: TraceMeta;
  origin: bigint;
  diagnostics: Diagnostics;
  strings: Strings;
  tasks: readonly Task[];
  kinds: readonly KindTable[];
  time: Float64Array;
  kind: IntArray;
  cpu: IntArray;
  task: IntArray;
  flags: IntArray;
  index: KindIndex;
  buffer: IntArray | undefined;
}

export class Trace {
  readonly meta: TraceMeta;
  readonly diagnostics: Diagnostics;
  readonly strings: Strings;
  readonly tasks: readonly Task[];
  readonly kinds: readonly KindTable[];
  /** Trace-clock time of time 0, ns. 0 unless the clock runs above 2^53 ns. */
  readonly origin: bigint;
  /** Time of each event, ns since `origin`, ascending. */
  readonly time: Float64Array;
  /** Index into `kinds`. */
  readonly kind: IntArray;
  readonly cpu: IntArray;
  /** Index into `tasks`. */
  readonly task: IntArray;
  /** Low byte: ring-buffer flags; high byte: preempt count. 0 where the source has none. */
  readonly flags: IntArray;
  readonly #index: KindIndex;
  #row: Uint32Array | undefined;
  readonly #buffer: IntArray | undefined;
  readonly #byName = new Map<string, KindTable>();
  #taskIndex: Map<number, Uint32Array> | undefined;
  #cpuIndex: Map<number, Uint32Array> | undefined;

  constructor(parts: TraceParts) {
    this.meta = parts.meta;
    this.diagnostics = parts.diagnostics;
    this.strings = parts.strings;
    this.tasks = parts.tasks;
    this.kinds = parts.kinds;
    this.origin = parts.origin;
    this.time = parts.time;
    this.kind = parts.kind;
    this.cpu = parts.cpu;
    this.task = parts.task;
    this.flags = parts.flags;
    this.#index = parts.index;
    this.#buffer = parts.buffer;
    for (const kind of parts.kinds) {
      if (kind.length === 0) continue;
      if (!this.#byName.has(kind.name)) this.#byName.set(kind.name, kind);
      this.#byName.set(`${kind.system}:${kind.name}`, kind);
    }
  }

  get length(): number {
    return this.time.length;
  }

  /** Row of each event in the tables of its kind. */
  get row(): Uint32Array {
    return (this.#row ??= this.#index.row);
  }

  /** The table of events called `name` or `system:name`; undefined when the trace has none. */
  named(name: string): KindTable | undefined {
    return this.#byName.get(name);
  }

  kindOf(event: number): KindTable {
    return this.kinds[this.kind[event]];
  }

  taskOf(event: number): Task {
    return this.tasks[this.task[event]];
  }

  tidOf(event: number): Tid {
    return this.tasks[this.task[event]].tid as Tid;
  }

  cpuOf(event: number): Cpu {
    return this.cpu[event] as Cpu;
  }

  timeOf(event: number): Ns {
    return this.time[event] as Ns;
  }

  /** Index of the ring buffer (instance) of the event, into `meta.buffers`. */
  bufferOf(event: number): number {
    return this.#buffer ? this.#buffer[event] : 0;
  }

  /** Trace-clock time, exact, as the source had it. */
  stampOf(event: number): bigint {
    return this.origin + BigInt(this.time[event]);
  }

  /** Events of a thread, ascending; empty when it has none. */
  byTask(tid: number): Uint32Array {
    this.#taskIndex ??= index(
      this.task,
      this.tasks.map((task) => task.tid),
    );
    return this.#taskIndex.get(tid) ?? new Uint32Array(0);
  }

  /** Events of a CPU, ascending; empty when it has none. */
  byCpu(cpu: number): Uint32Array {
    this.#cpuIndex ??= index(
      this.cpu,
      Array.from({ length: largest(this.cpu) + 1 }, (_, number) => number),
    );
    return this.#cpuIndex.get(cpu) ?? new Uint32Array(0);
  }

  /** CPUs that have events, ascending. */
  cpus(): number[] {
    this.byCpu(-1);
    return [...(this.#cpuIndex?.keys() ?? [])].sort((a, b) => a - b);
  }

  /** First event at or after `time`; `length` when there is none. */
  firstAt(time: number): EventIndex {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.time[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low as EventIndex;
  }

  /** Bytes of all columns and of the indexes built so far. */
  get bytes(): number {
    const global = [this.time, this.kind, this.cpu, this.task, this.flags];
    let sum = global.reduce((total, array) => total + array.byteLength, this.#buffer?.byteLength ?? 0);
    sum += this.#index.bytes;
    for (const kind of this.kinds) sum += kind.bytes;
    for (const lists of [this.#taskIndex, this.#cpuIndex]) {
      for (const list of lists?.values() ?? []) sum += list.byteLength;
    }
    return sum + this.strings.bytes;
  }
}

/**
 * Event indexes grouped by key, each list ascending; keys in order of their first event.
 *
 * @param ids a small number per event
 * @param keys the key of each such number; several numbers may share one
 */
function index(ids: IntArray, keys: readonly number[]): Map<number, Uint32Array> {
  const slots = new Map<number, number>();
  const slotOf = Uint32Array.from(keys, (key) => {
    const slot = slots.get(key) ?? slots.size;
    slots.set(key, slot);
    return slot;
  });
  const counts = new Uint32Array(slots.size);
  for (let event = 0; event < ids.length; event++) counts[slotOf[ids[event]]]++;
  const lists = Array.from(counts, (count) => new Uint32Array(count));
  const next = new Uint32Array(slots.size);
  for (let event = 0; event < ids.length; event++) {
    const slot = slotOf[ids[event]];
    lists[slot][next[slot]++] = event;
  }
  const filled = [...slots].filter(([, slot]) => counts[slot] > 0);
  filled.sort(([, a], [, b]) => lists[a][0] - lists[b][0]);
  return new Map(filled.map(([key, slot]) => [key, lists[slot]]));
}

function largest(values: IntArray): number {
  let most = -1;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}
