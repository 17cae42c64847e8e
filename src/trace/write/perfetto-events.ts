/**
 * Raw events as Perfetto ftrace bundles: typed messages where Perfetto has them and they say all that the
 * event says, generic events with named fields otherwise.
 */
import { findEvent } from '../events/index.js';
import { Bundle, Event, Generic, Packet, TYPED_EVENTS, type TypedEvent } from '../read/perfetto/schema.js';
import { isInterned, type Column } from '../store/column.js';
import type { KindTable } from '../store/kind.js';
import type { Trace } from '../store/trace.js';
import type { PacketWriter } from './perfetto-packets.js';
import type { ProtoWriter } from './proto-writer.js';
import { hexOfBlob } from './text-bytes.js';

/** Events per round of bundles: one bundle for each CPU that has some. */
const ROUND = 4096;
/** ProcessTree, its Process and its Thread. */
const Tree = { processes: 1, threads: 2, pid: 1, cmdline: 3, tid: 1, name: 2, tgid: 3 } as const;

/** Puts all events into `packets`; yields after each packet. */
export function* rawEventPackets(trace: Trace, packets: PacketWriter): Generator<void> {
  const writer = new EventWriter(trace, packets);
  const names = new Map<number, string>([[0, '<idle>']]);
  let round: number[] = [];
  for (let event = 0; event < trace.length; event++) {
    const { tid, comm } = trace.tasks[trace.task[event]];
    if (comm !== '<...>' && names.get(tid) !== comm) {
      // A name holds for the events after it in the file, so those before must be out first.
      if (names.has(tid) || round.length >= ROUND) {
        yield* writer.bundles(round);
        round = [];
      }
      names.set(tid, comm);
      yield writer.processTree(tid, comm);
    }
    round.push(event);
    if (round.length < ROUND) continue;
    yield* writer.bundles(round);
    round = [];
  }
  yield* writer.bundles(round);
  yield* writer.lastLosses();
}

class EventWriter {
  readonly #out: ProtoWriter;
  readonly #encoders: readonly KindEncoder[];
  /** Per CPU, times before which events are missing, ascending. */
  readonly #losses = new Map<number, number[]>();

  constructor(
    readonly trace: Trace,
    readonly packets: PacketWriter,
  ) {
    this.#out = packets.out;
    this.#encoders = trace.kinds.map((kind) => encoderOf(kind));
    for (const { cpu, beforeTime } of trace.diagnostics.losses) {
      const times = this.#losses.get(cpu) ?? [];
      times.push(beforeTime ?? Infinity);
      this.#losses.set(cpu, times);
    }
    for (const times of this.#losses.values()) times.sort((a, b) => a - b);
  }

  processTree(tid: number, comm: string): void {
    const out = this.#out;
    this.packets.begin();
    const tree = out.begin(Packet.processTree);
    const process = out.begin(Tree.processes);
    out.int(Tree.pid, tid);
    out.text(Tree.cmdline, comm);
    out.end(process);
    const thread = out.begin(Tree.threads);
    out.int(Tree.tid, tid);
    out.text(Tree.name, comm);
    out.int(Tree.tgid, tid);
    out.end(thread);
    out.end(tree);
    this.packets.end();
  }

  /** Bundles of these events, one for each CPU and for each gap in its events. */
  *bundles(events: readonly number[]): Generator<void> {
    const byCpu = new Map<number, number[]>();
    for (const event of events) {
      const cpu = this.trace.cpu[event];
      const list = byCpu.get(cpu);
      if (list) list.push(event);
      else byCpu.set(cpu, [event]);
    }
    for (const [cpu, list] of byCpu) {
      const losses = this.#losses.get(cpu) ?? [];
      let from = 0;
      while (from < list.length) {
        const lost = this.#takeLosses(losses, this.trace.time[list[from]]);
        let to = from + 1;
        while (to < list.length && !(losses.length > 0 && losses[0] <= this.trace.time[list[to]])) to++;
        yield this.#bundle(cpu, list, from, to, lost);
        from = to;
      }
    }
  }

  /** Losses with no event after them: empty bundles that say so. */
  *lastLosses(): Generator<void> {
    for (const [cpu, losses] of this.#losses) if (losses.length > 0) yield this.#bundle(cpu, [], 0, 0, true);
  }

  #takeLosses(losses: number[], time: number): boolean {
    let lost = false;
    while (losses.length > 0 && losses[0] <= time) {
      losses.shift();
      lost = true;
    }
    return lost;
  }

  #bundle(cpu: number, events: readonly number[], from: number, to: number, lost: boolean): void {
    const { trace, packets } = this;
    const out = this.#out;
    packets.begin();
    const bundle = out.begin(Packet.ftraceEvents);
    out.uint(Bundle.cpu, cpu);
    for (let i = from; i < to; i++) {
      const event = events[i];
      const start = out.begin(Bundle.event);
      packets.stamp(Event.timestamp, trace.time[event]);
      out.int(Event.pid, trace.tasks[trace.task[event]].tid);
      if (trace.flags[event] !== 0) out.uint(Event.commonFlags, trace.flags[event]);
      this.#encoders[trace.kind[event]](out, trace.row[event]);
      out.end(start);
    }
    if (lost) out.bool(Bundle.lostEvents, true);
    out.end(bundle);
    packets.end();
  }
}

/** Writes the body of the event in a row of a kind. */
type KindEncoder = (out: ProtoWriter, row: number) => void;

function encoderOf(kind: KindTable): KindEncoder {
  const typed = TYPED_EVENTS.find((event) => event.system === kind.system && event.name === kind.name);
  return typed && saysAll(typed, kind) ? typedEncoder(typed, kind) : genericEncoder(kind);
}

/** Whether a typed message has a field of the right type for every column. */
function saysAll(typed: TypedEvent, kind: KindTable): boolean {
  return kind.columns.every(({ field }) => {
    const place = typed.fields.find((candidate) => candidate.name === field.name);
    return (
      place !== undefined && (place.kind === 'text') === (field.type === 'string') && !isBlob(field.type)
    );
  });
}

const isBlob = (type: string): boolean => type === 'bytes' || type === 'cpumask';

function typedEncoder(typed: TypedEvent, kind: KindTable): KindEncoder {
  const columns = kind.columns.map((column) => ({
    column,
    number: typed.fields.findIndex((field) => field.name === column.field.name) + 1,
  }));
  return (out, row) => {
    const body = out.begin(typed.id);
    for (const { column, number } of columns) if (column.has(row)) writeValue(out, number, column, row);
    out.end(body);
  };
}

function genericEncoder(kind: KindTable): KindEncoder {
  // Perfetto shows the bare name; the system is added where a reader could not tell it from the name.
  const name = findEvent(kind.name)?.system === kind.system ? kind.name : `${kind.system}:${kind.name}`;
  return (out, row) => {
    const body = out.begin(Event.generic);
    out.text(Generic.name, name);
    for (const column of kind.columns) {
      if (!column.has(row)) continue;
      const field = out.begin(Generic.field);
      out.text(Generic.fieldName, column.field.name);
      const { type } = column.field;
      const number = isInterned(column.field)
        ? Generic.text
        : type.startsWith('s')
          ? Generic.int
          : Generic.uint;
      writeValue(out, number, column, row);
      out.end(field);
    }
    out.end(body);
  };
}

function writeValue(out: ProtoWriter, field: number, column: Column, row: number): void {
  const { type } = column.field;
  const value = column.values[row];
  switch (type) {
    case 'string':
    case 'cpumask':
      out.text(field, column.text(row));
      break;
    case 'bytes':
      out.text(field, hexOfBlob(column.text(row)));
      break;
    case 'u64':
    case 's64':
      out.wide(field, value, typeof column.high === 'number' ? column.high : column.high[row]);
      break;
    default:
      out.int(field, value);
  }
}
