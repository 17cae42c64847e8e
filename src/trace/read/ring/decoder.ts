/**
 * From the bytes of one ring-buffer event to a row of its kind.
 *
 * Each event id is compiled once into a list of steps, one per field; a step names the column and how to read
 * it.
 */
import type { ColumnBuilder } from '../../store/column.js';
import type { KindBuilder } from '../../store/kind.js';
import type { TraceBuilder } from '../../store/builder.js';
import type { EventFormat, FieldPlace, FormatRegistry } from '../format-file.js';

const enum Step {
  U8,
  S8,
  U16,
  S16,
  Word,
  Double,
  /** A word or double word that its format does not align. */
  Loose,
  Fixed,
  /** Everything from the offset to the end of the event. */
  Rest,
  DataLoc,
  RelLoc,
}

interface FieldStep {
  readonly code: Step;
  readonly offset: number;
  readonly size: number;
  readonly column: ColumnBuilder;
}

/** A field of whole words, the first at `index` words from the start of the event. */
interface WordStep {
  readonly index: number;
  readonly column: ColumnBuilder;
}

/** One event id of one trace. */
interface CompiledEvent {
  readonly kind: KindBuilder;
  /** All fields, in their order. */
  readonly steps: readonly FieldStep[];
  /** Fields that are one aligned word, two, and all others: most are words, and need no decision each. */
  readonly words32: readonly WordStep[];
  readonly words64: readonly WordStep[];
  readonly others: readonly FieldStep[];
  /** Bytes that the fixed parts need; a shorter event is damaged. */
  readonly minLength: number;
  /** Events that wait to be decoded, by source. */
  readonly waiting: (Waiting | undefined)[];
}

/**
 * Where an EventDecoder finds the bytes of waiting events: a cursor, whose block must not change meanwhile.
 */
export interface EventSource {
  readonly bytes: Uint8Array;
  /** The same bytes as little-endian words. */
  readonly words: Uint32Array;
}

/**
 * Events of one id from one source, begun but not decoded: column by column is faster than event by event.
 */
class Waiting {
  readonly rows = new Uint32Array(MOST_WAITING);
  /** Offset of each event in its source, a multiple of 4, and its bytes. */
  readonly at = new Uint32Array(MOST_WAITING);
  readonly length = new Uint32Array(MOST_WAITING);
  count = 0;

  constructor(
    readonly event: CompiledEvent,
    readonly source: EventSource,
  ) {}
}

/** Few enough to stay in the cache with the bytes that they point to. */
const MOST_WAITING = 256;

/** Blobs of events without a format are kept up to this length. */
const MOST_RAW_BYTES = 256;

export class EventDecoder {
  /** By event id; filled up without gaps, because a sparse array would be slow. */
  readonly #compiled: (CompiledEvent | undefined)[] = [];

  readonly #sources: { readonly source: EventSource; readonly waiting: Waiting[] }[] = [];

  constructor(
    private readonly builder: TraceBuilder,
    private readonly formats: FormatRegistry,
  ) {}

  /** Declare where events come from; the number is what `add` and `flushSource` want. */
  addSource(source: EventSource): number {
    return this.#sources.push({ source, waiting: [] }) - 1;
  }

  /**
   * The compiled form of event `id`; ids without a format become a kind of their own
   * that keeps the raw bytes.
   */
  event(id: number): CompiledEvent {
    return this.#compiled[id] ?? this.#compileInto(id);
  }

  /**
   * Take the event whose row was just begun; its fields are written by the time its source is flushed.
   *
   * @param source from `addSource`
   * @param at offset of the event (its common_type) in the source, a multiple of 4
   * @param length bytes of the event, padding included
   */
  add(event: CompiledEvent, source: number, at: number, length: number): void {
    const waiting = (event.waiting[source] ??= this.#makeWaiting(event, source));
    const { row } = event.kind;
    if (length < event.minLength) {
      this.#markShort(event, at, length, row);
      return;
    }
    const place = waiting.count++;
    waiting.rows[place] = row;
    waiting.at[place] = at;
    if (event.others.length > 0) waiting.length[place] = length;
    if (place === MOST_WAITING - 1) this.#decode(waiting);
  }

  /** Decode what waits for bytes of `source`: they are about to go. */
  flushSource(source: number): void {
    for (const waiting of this.#sources[source].waiting) if (waiting.count > 0) this.#decode(waiting);
  }

  #makeWaiting(event: CompiledEvent, source: number): Waiting {
    const waiting = new Waiting(event, this.#sources[source].source);
    this.#sources[source].waiting.push(waiting);
    return waiting;
  }

  #decode(waiting: Waiting): void {
    const { event, count, rows, at, length } = waiting;
    const { bytes, words } = waiting.source;
    waiting.count = 0;
    for (const { column, index } of event.words32) {
      const { low } = column;
      for (let i = 0; i < count; i++) low[rows[i]] = words[(at[i] >>> 2) + index];
    }
    for (const { column, index } of event.words64) {
      const { low, high } = column;
      for (let i = 0; i < count; i++) {
        const from = (at[i] >>> 2) + index;
        low[rows[i]] = words[from];
        high[rows[i]] = words[from + 1];
      }
    }
    for (const step of event.others) {
      for (let i = 0; i < count; i++) this.#decodeOther(step, bytes, at[i], length[i], rows[i], event);
    }
  }

  /** A field that is not whole aligned words: narrow, unaligned, or an array. */
  #decodeOther(
    step: FieldStep,
    bytes: Uint8Array,
    at: number,
    length: number,
    row: number,
    event: CompiledEvent,
  ): void {
    const { column } = step;
    const from = at + step.offset;
    switch (step.code) {
      case Step.U8:
        column.low[row] = bytes[from];
        break;
      case Step.S8:
        column.low[row] = (bytes[from] << 24) >> 24;
        break;
      case Step.U16:
        column.low[row] = bytes[from] | (bytes[from + 1] << 8);
        break;
      case Step.S16:
        column.low[row] = ((bytes[from] | (bytes[from + 1] << 8)) << 16) >> 16;
        break;
      case Step.Loose:
        column.low[row] = looseWord(bytes, from);
        if (step.size === 8) column.high[row] = looseWord(bytes, from + 4);
        break;
      default:
        this.#decodeArray(step, bytes, at, length, row, event);
    }
  }

  #decodeArray(
    step: FieldStep,
    bytes: Uint8Array,
    at: number,
    length: number,
    row: number,
    event: CompiledEvent,
  ): void {
    let start = at + step.offset;
    let size = step.size;
    if (step.code === Step.Rest) {
      size = Math.min(length - step.offset, MOST_RAW_BYTES);
    } else if (step.code !== Step.Fixed) {
      const place = bytes[start] | (bytes[start + 1] << 8);
      size = bytes[start + 2] | (bytes[start + 3] << 8);
      start = step.code === Step.DataLoc ? at + place : start + 4 + place;
      if (start + size > at + length) {
        this.builder.diagnostics.count(
          this.builder.diagnostics.unparsedFields,
          event.kind.def.name,
          at,
          `${step.column.field.name} points outside the event`,
        );
        step.column.setAbsent(row);
        return;
      }
    }
    step.column.low[row] = this.#intern(step.column, bytes, start, start + size);
  }

  #intern(column: ColumnBuilder, bytes: Uint8Array, start: number, end: number): number {
    const { strings } = this.builder;
    switch (column.field.type) {
      case 'string': {
        let stop = start;
        while (stop < end && bytes[stop] !== 0) stop++;
        return strings.internBytes(bytes, start, stop);
      }
      case 'cpumask':
        return strings.intern(cpuList(bytes, start, end));
      default:
        return strings.internBytes(bytes, start, end);
    }
  }

  #markShort(event: CompiledEvent, at: number, length: number, row: number): void {
    const { diagnostics } = this.builder;
    for (const step of event.steps) step.column.setAbsent(row);
    const example = `${length} bytes where its format needs ${event.minLength}`;
    diagnostics.count(diagnostics.unparsedFields, event.kind.def.name, at, example);
  }

  #compileInto(id: number): CompiledEvent {
    while (this.#compiled.length <= id) this.#compiled.push(undefined);
    const event = this.#compile(id);
    event.kind.onBlockEnd = () => {
      for (const waiting of event.waiting) if (waiting) this.#decode(waiting);
    };
    this.#compiled[id] = event;
    return event;
  }

  #compile(id: number): CompiledEvent {
    const format = this.formats.get(id);
    if (!format) return this.#compileUnknown(id);
    const { diagnostics } = this.builder;
    if (!format.known)
      diagnostics.count(
        diagnostics.unknownEvents,
        format.def.name,
        id,
        `${format.def.system}:${format.def.name}`,
      );
    const kind = this.builder.kind(format.def, format.known);
    return compiled(kind, compileSteps(format, kind), minLength(format));
  }

  /** An id that the file gives no format for: keep the bytes, say so. */
  #compileUnknown(id: number): CompiledEvent {
    const name = `id_${id}`;
    const { diagnostics } = this.builder;
    diagnostics.count(diagnostics.unknownEvents, name, id, 'the file has no format for this event id');
    const raw = { name: 'raw', type: 'bytes', ctype: `u8[${MOST_RAW_BYTES}]` } as const;
    const kind = this.builder.kind(
      { system: 'unknown', name, fields: [raw], print: [], since: 'v5.10', meaning: 'no format in the file' },
      false,
    );
    const step = { code: Step.Rest, offset: 8, size: 0, column: kind.columns[0] };
    return compiled(kind, [step], 8);
  }
}

function compiled(kind: KindBuilder, steps: readonly FieldStep[], least: number): CompiledEvent {
  const words = (code: Step) =>
    steps.filter((step) => step.code === code).map(({ offset, column }) => ({ index: offset >>> 2, column }));
  const others = steps.filter(({ code }) => code !== Step.Word && code !== Step.Double);
  return {
    kind,
    steps,
    words32: words(Step.Word),
    words64: words(Step.Double),
    others,
    minLength: least,
    waiting: [],
  };
}

function compileSteps(format: EventFormat, kind: KindBuilder): FieldStep[] {
  return format.fields.map((field, index) => ({
    code: stepCode(field),
    offset: field.offset,
    size: field.size,
    column: kind.columns[index],
  }));
}

function stepCode(field: FieldPlace): Step {
  if (field.place === 'data_loc') return Step.DataLoc;
  if (field.place === 'rel_loc') return Step.RelLoc;
  switch (field.def.type) {
    case 'bool':
    case 'u8':
      return Step.U8;
    case 's8':
      return Step.S8;
    case 'u16':
      return Step.U16;
    case 's16':
      return Step.S16;
    case 'u32':
    case 's32':
      return field.offset % 4 === 0 ? Step.Word : Step.Loose;
    case 'u64':
    case 's64':
      return field.offset % 4 === 0 ? Step.Double : Step.Loose;
    case 'string':
    case 'bytes':
    case 'cpumask':
      return Step.Fixed;
  }
}

function minLength(format: EventFormat): number {
  return format.fields.reduce((most, field) => Math.max(most, field.offset + field.size), 8);
}

function looseWord(bytes: Uint8Array, from: number): number {
  return bytes[from] | (bytes[from + 1] << 8) | (bytes[from + 2] << 16) | (bytes[from + 3] << 24);
}

/**
 * A little-endian bit mask as the kernel's CPU list: `0-2,5`.
 *
 * @internal for tests
 */
export function cpuList(bytes: Uint8Array, start: number, end: number): string {
  const parts: string[] = [];
  let first = -1;
  const bits = (end - start) * 8;
  for (let cpu = 0; cpu <= bits; cpu++) {
    const set = cpu < bits && ((bytes[start + (cpu >> 3)] >> (cpu & 7)) & 1) === 1;
    if (set && first < 0) first = cpu;
    if (!set && first >= 0) {
      parts.push(first === cpu - 1 ? `${first}` : `${first}-${cpu - 1}`);
      first = -1;
    }
  }
  return parts.join(',');
}
