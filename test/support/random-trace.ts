/**
 * Small random traces with every field type, and a plain form of any trace to compare by: for round trips
 * through the file formats.
 */
import fc from 'fast-check';
import type { EventDef, FieldDef, FieldType } from '../../src/trace/events/types.js';
import { TraceBuilder } from '../../src/trace/store/builder.js';
import { isInterned } from '../../src/trace/store/column.js';
import type { Trace } from '../../src/trace/store/trace.js';

export type Value = bigint | string;

export interface EventSpec {
  /** ns since the origin of the trace. */
  readonly time: number;
  readonly kind: number;
  readonly cpu: number;
  readonly task: number;
  readonly flags: number;
  readonly buffer: number;
  readonly values: readonly Value[];
}

export interface TraceSpec {
  readonly kinds: readonly EventDef[];
  readonly tasks: readonly { tid: number; comm: string }[];
  readonly events: readonly EventSpec[];
  readonly origin: bigint;
  readonly buffers: readonly string[];
}

export interface SpecOptions {
  /** Arbitrary for text fields; the default is any bytes but NUL. */
  readonly text?: fc.Arbitrary<string>;
  readonly comm?: fc.Arbitrary<string>;
  /** A byte of a blob; the default is any. */
  readonly byte?: fc.Arbitrary<number>;
  readonly buffers?: readonly string[];
  readonly origin?: fc.Arbitrary<bigint>;
  readonly maxEvents?: number;
  /** Most CPU number. */
  readonly mostCpu?: number;
}

/** Text of any bytes but NUL, one char per byte as the store keeps it. */
export const anyText = fc
  .array(fc.integer({ min: 1, max: 255 }), { maxLength: 14 })
  .map((codes) => String.fromCharCode(...codes));

const CTYPES: Record<FieldType, string> = {
  u8: 'u8',
  s8: 's8',
  u16: 'u16',
  s16: 's16',
  u32: 'u32',
  s32: 'int',
  u64: 'unsigned long',
  s64: 'long',
  bool: 'bool',
  string: '__data_loc char[]',
  bytes: '__data_loc u8[]',
  cpumask: '__data_loc cpumask_t',
};

const TYPES = Object.keys(CTYPES) as FieldType[];

function integer(bits: number, signed: boolean): fc.Arbitrary<bigint> {
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n;
  const most = signed ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n;
  return fc.oneof(fc.constantFrom(least, most, 0n, 1n, most - 1n), fc.bigInt({ min: least, max: most }));
}

const cpuList = fc
  .uniqueArray(fc.integer({ min: 0, max: 130 }), { maxLength: 6 })
  .map((cpus) => toCpuList(cpus.toSorted((a, b) => a - b)));

/** Ascending CPU numbers as the kernel lists them: `0-2,5`. */
function toCpuList(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length; i++) {
    const first = cpus[i];
    while (i + 1 < cpus.length && cpus[i + 1] === cpus[i] + 1) i++;
    parts.push(cpus[i] === first ? `${first}` : `${first}-${cpus[i]}`);
  }
  return parts.join(',');
}

function valueOf(
  type: FieldType,
  text: fc.Arbitrary<string>,
  byte: fc.Arbitrary<number>,
): fc.Arbitrary<Value> {
  switch (type) {
    case 'string':
      return text;
    case 'bytes':
      return fc.array(byte, { maxLength: 20 }).map((b) => String.fromCharCode(...b));
    case 'cpumask':
      return cpuList;
    case 'bool':
      return fc.constantFrom(0n, 1n);
    default:
      return integer(Number(type.slice(1)), type.startsWith('s'));
  }
}

function kindSpec(index: number): fc.Arbitrary<EventDef> {
  return fc.array(fc.constantFrom(...TYPES), { maxLength: 8 }).map((types) => {
    const fields = types.map((type, at): FieldDef => ({ name: `${type}_${at}`, type, ctype: CTYPES[type] }));
    // A fixed char array as well: comm fields are of this kind.
    if (index === 0) fields.push({ name: 'comm', type: 'string', ctype: 'char[16]' });
    const system = `sys${index % 2}`;
    return { system, name: `event_${index}`, fields, print: [], since: 'v5.10', meaning: 'a test event' };
  });
}

/** An arbitrary small trace. */
export function traceSpec(options: SpecOptions = {}): fc.Arbitrary<TraceSpec> {
  const { text = anyText, comm = anyText, buffers = [''], maxEvents = 40, mostCpu = 5 } = options;
  const byte = options.byte ?? fc.integer({ min: 0, max: 255 });
  const origin = options.origin ?? fc.constantFrom(0n, 12_345n, 2n ** 60n);
  return fc.tuple(kindSpec(0), kindSpec(1), kindSpec(2)).chain((kinds) => {
    const event = fc.integer({ min: 0, max: kinds.length - 1 }).chain((kind) =>
      fc.record({
        kind: fc.constant(kind),
        time: fc.oneof(
          fc.nat(1000),
          fc.nat(2 ** 31 - 1),
          fc.maxSafeNat().map((n) => n % 2 ** 50),
        ),
        cpu: fc.nat(mostCpu),
        task: fc.nat(3),
        flags: fc.integer({ min: 0, max: 0xffff }),
        buffer: fc.nat(buffers.length - 1),
        values: fc.tuple(...kinds[kind].fields.map((field) => valueOf(field.type, text, byte))),
      }),
    );
    return fc.record({
      kinds: fc.constant(kinds),
      tasks: fc
        .tuple(comm, comm, comm)
        .map((comms) => [
          { tid: 0, comm: '<idle>' },
          ...comms.map((name, at) => ({ tid: 100 + at, comm: name })),
        ]),
      events: fc.array(event, { maxLength: maxEvents, size: 'max' }),
      origin,
      buffers: fc.constant(buffers),
    });
  });
}

/** The trace that a spec describes. */
export function buildTrace(spec: TraceSpec): Trace {
  const builder = new TraceBuilder();
  builder.origin = spec.origin;
  builder.meta = { format: 'test', clock: 'local', buffers: [...spec.buffers] };
  const kinds = spec.kinds.map((def) => builder.kind(def, true));
  for (const event of spec.events) {
    const { tid, comm } = spec.tasks[event.task];
    const kind = kinds[event.kind];
    builder.buffer = event.buffer;
    builder.begin(event.time, kind, event.cpu, builder.task(tid, comm), event.flags);
    event.values.forEach((value, at) => {
      const column = kind.columns[at];
      if (typeof value === 'string') column.low[kind.row] = builder.strings.intern(value);
      else column.setBig(kind.row, value);
    });
  }
  return builder.finish();
}

export interface PlainEvent {
  stamp: bigint;
  cpu: number;
  tid: number;
  comm: string;
  event: string;
  flags: number;
  buffer: number;
  /** Fields that the event carries. */
  fields: Record<string, Value>;
}

/** Every event of a trace with all it says, in the trace's order. */
export function plainEvents(trace: Trace): PlainEvent[] {
  return Array.from({ length: trace.length }, (_, event) => {
    const kind = trace.kindOf(event);
    const row = trace.row[event];
    const fields: Record<string, Value> = {};
    for (const column of kind.columns) {
      if (column.has(row))
        fields[column.field.name] = isInterned(column.field) ? column.text(row) : column.big(row);
    }
    const { tid, comm } = trace.taskOf(event);
    return {
      stamp: trace.stampOf(event),
      cpu: trace.cpu[event],
      tid,
      comm,
      event: `${kind.system}:${kind.name}`,
      flags: trace.flags[event],
      buffer: trace.bufferOf(event),
      fields,
    };
  });
}

/** Events in an order that does not depend on how a file arranges equal times on different CPUs. */
export function byCpuThenTime(events: readonly PlainEvent[]): PlainEvent[] {
  return events
    .map((event, at) => ({ event, at }))
    .sort((a, b) => a.event.buffer - b.event.buffer || a.event.cpu - b.event.cpu || a.at - b.at)
    .map(({ event }) => event);
}
