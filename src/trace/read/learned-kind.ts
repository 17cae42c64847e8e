/**
 * Kinds of event whose fields a file names one by one, as Perfetto's generic events and Chrome's `args` do.
 *
 * The event table gives a field its type where it knows the event; otherwise the first value does. A field
 * that an event does not name is absent in its row, and one that never comes is no column at all.
 */
import { findEvent } from '../events/index.js';
import type { EventDef, FieldDef } from '../events/types.js';
import type { TraceBuilder } from '../store/builder.js';
import { isInterned, type ColumnBuilder } from '../store/column.js';
import type { KindBuilder } from '../store/kind.js';

/** Finds the definition of an event; the event table's `findEvent` unless a test brings its own. */
export type FindEvent = (name: string, system?: string) => EventDef | undefined;

/** Fields of one kind beyond this many are a damaged file, not an event. */
const MOST_FIELDS = 256;
/** Kinds that a file makes up, beyond which it is damaged. */
const MOST_KINDS = 20_000;

export class LearnedKinds {
  readonly #kinds = new Map<string, LearnedKind>();
  readonly #declared = new Map<string, EventDef>();

  constructor(
    readonly builder: TraceBuilder,
    readonly find: FindEvent = findEvent,
  ) {}

  /** What the file says of an event's fields, for events that the table does not define. */
  declare(def: EventDef): void {
    if (this.#declared.size < MOST_KINDS) this.#declared.set(`${def.system}:${def.name}`, def);
  }

  /**
   * The kind called `name`.
   *
   * @param system undefined where the file does not say; then the event table does, or `fallback`
   * @param at place in the file, for the count of unknown events
   */
  get(name: string, system: string | undefined, fallback: string, at: number): LearnedKind {
    const key = `${system ?? ''}:${name}`;
    let kind = this.#kinds.get(key);
    if (!kind) {
      if (this.#kinds.size >= MOST_KINDS) return this.#others(fallback);
      const known = this.find(name, system);
      const def: EventDef = known
        ? { ...known, fields: [] }
        : {
            system: system ?? fallback,
            name,
            fields: [],
            print: [],
            since: 'v5.10',
            meaning: 'not in the event table',
          };
      const types = known ?? this.#declared.get(key);
      kind = new LearnedKind(this.builder, this.builder.kind(def, known !== undefined), types);
      this.#kinds.set(key, kind);
    }
    if (!kind.kind.known)
      this.builder.diagnostics.count(this.builder.diagnostics.unknownEvents, name, at, name);
    return kind;
  }

  #others(system: string): LearnedKind {
    const key = ':(others)';
    let kind = this.#kinds.get(key);
    if (!kind) {
      const meaning = 'events of too many names to keep apart';
      const def: EventDef = { system, name: 'others', fields: [], print: [], since: 'v5.10', meaning };
      kind = new LearnedKind(this.builder, this.builder.kind(def, false), undefined);
      this.#kinds.set(key, kind);
    }
    return kind;
  }
}

/** One kind. Stage the fields of an event, then `commit` them to the row that TraceBuilder.begin made. */
export class LearnedKind {
  readonly #slots = new Map<string, number>();
  readonly #low: number[] = [];
  readonly #high: number[] = [];
  /** Event that last staged each column. */
  readonly #event: number[] = [];
  #current = 1;

  constructor(
    readonly builder: TraceBuilder,
    readonly kind: KindBuilder,
    /** Types of its fields, where someone knows them. */
    readonly types: EventDef | undefined,
  ) {}

  /** Stage an integer. `signed` says how an unknown field is to be kept, and how `high` is to be read. */
  number(name: string, low: number, high: number, signed: boolean, at: number): void {
    const slot = this.#slot(name, signed ? 's64' : 'u64', at);
    if (slot < 0) return;
    const column = this.kind.columns[slot];
    if (isInterned(column.field)) {
      const value = BigInt(high) * 2n ** 32n + BigInt(low);
      this.#stage(slot, this.builder.strings.intern(`${signed ? BigInt.asIntN(64, value) : value}`), 0);
    } else if (column.wide) this.#stage(slot, low, high);
    else if (fits(column, low, high)) this.#stage(slot, narrowed(column, low), 0);
    else
      this.#unparsed(
        name,
        `${name}: ${BigInt(high) * 2n ** 32n + BigInt(low)} is no ${column.field.type}`,
        at,
      );
  }

  /** Stage a text: its interned number, or the number it stands for where the field is one. */
  text(name: string, text: string, at: number): void {
    const slot = this.#slot(name, 'string', at);
    if (slot < 0) return;
    const column = this.kind.columns[slot];
    const { strings } = this.builder;
    if (column.field.type === 'bytes') this.#stage(slot, strings.intern(blobOfHex(text) ?? text), 0);
    else if (isInterned(column.field)) this.#stage(slot, strings.intern(text), 0);
    else {
      const value = integerOf(text);
      if (value === undefined) this.#unparsed(name, `${name}: "${text}" is no ${column.field.type}`, at);
      else
        this.number(name, Number(value & 0xffffffffn), Number((value >> 32n) & 0xffffffffn), value < 0n, at);
    }
  }

  /** Forget what was staged: the event is not kept. */
  drop(): void {
    this.#current++;
  }

  /** Write what was staged to the current row. */
  commit(): void {
    const row = this.kind.row;
    const { columns } = this.kind;
    for (let slot = 0; slot < columns.length; slot++) {
      const column = columns[slot];
      if (this.#event[slot] !== this.#current) column.setAbsent(row);
      else {
        column.low[row] = this.#low[slot];
        if (column.wide) column.high[row] = this.#high[slot];
      }
    }
    this.#current++;
  }

  #stage(slot: number, low: number, high: number): void {
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#event[slot] = this.#current;
  }

  #slot(name: string, type: 's64' | 'u64' | 'string', at: number): number {
    const slot = this.#slots.get(name);
    if (slot !== undefined) return slot;
    if (this.#slots.size >= MOST_FIELDS) {
      this.#unparsed('(too many fields)', name, at);
      return -1;
    }
    const ctype = type === 'string' ? '__data_loc char[]' : type;
    const field: FieldDef = this.types?.fields.find((each) => each.name === name) ?? { name, type, ctype };
    this.kind.addColumn(field);
    this.#slots.set(name, this.kind.columns.length - 1);
    return this.kind.columns.length - 1;
  }

  #unparsed(name: string, example: string, at: number): void {
    const { diagnostics } = this.builder;
    diagnostics.count(diagnostics.unparsedFields, `${this.kind.def.name}.${name}`, at, example);
  }
}

/** Whether a 64-bit pattern is a value of a narrow column, read as signed or as unsigned. */
function fits(column: ColumnBuilder, low: number, high: number): boolean {
  const { type } = column.field;
  if (type === 'bool') return high === 0 && low <= 1;
  const bits = Number(type.slice(1));
  if (high === 0) return low < 2 ** bits;
  return high === 0xffffffff && low >= 2 ** 32 - 2 ** (bits - 1);
}

/** The 32-bit pattern that the column keeps: sign or zero extended from its width. */
function narrowed(column: ColumnBuilder, low: number): number {
  switch (column.field.type) {
    case 's8':
      return (low << 24) >> 24;
    case 's16':
      return (low << 16) >> 16;
    case 'u8':
      return low & 0xff;
    case 'u16':
      return low & 0xffff;
    default:
      return low;
  }
}

/** Bytes, one char each, of pairs of hex digits; undefined for other text. */
function blobOfHex(text: string): string | undefined {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) return undefined;
  let blob = '';
  for (let i = 0; i < text.length; i += 2)
    blob += String.fromCharCode(Number.parseInt(text.slice(i, i + 2), 16));
  return blob;
}

/** Decimal or `0x` integer of at most 64 bits. */
function integerOf(text: string): bigint | undefined {
  if (!/^(?:-?\d{1,20}|0x[0-9a-f]{1,16})$/i.test(text)) return undefined;
  const value = BigInt(text);
  return value >= -(2n ** 63n) && value < 2n ** 64n ? value : undefined;
}
