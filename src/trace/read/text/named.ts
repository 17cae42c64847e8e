/**
 * Reads arguments written as `name=value`: `trace-cmd report -R`, perf's `[FAILED TO PARSE]` lines, and
 * events that the event table does not know.
 *
 * A value ends where the next ` name=` begins, so text may hold spaces.
 */
import { maskList } from '../../events/print-shape-masks.js';
import { NumberReader } from '../../events/print-shape-numbers.js';
import { SymbolReader } from '../../events/print-shape-symbols.js';
import { widthCode } from '../../events/print-shape.js';
import { shapesOf } from '../../events/print-shapes.js';
import type { FieldDef } from '../../events/types.js';
import type { ColumnBuilder } from '../../store/column.js';
import type { KindBuilder } from '../../store/kind.js';
import { latin1, type Strings } from '../../store/strings.js';
import { LearntColumns } from './learnt.js';
import {
  afterMarker,
  afterName,
  arrayBytes,
  columnNamed,
  nameEnd,
  nextName,
  textEnd,
  trimmedEnd,
  wordEnd,
} from './named-scan.js';

/** The most columns that a kind is given room for here; learnt ones are fewer. */
const MOST_COLUMNS = 128;

/** What is known about the fields of one kind. */
interface Fields {
  readonly names: Uint8Array[];
  readonly widths: number[];
  readonly hex: boolean[];
  readonly symbols: (SymbolReader | undefined)[];
  readonly learnt: LearntColumns | undefined;
}

export class NamedReader {
  /** Whether everything in the line read last was understood. */
  complete = true;
  /** Bare digits are decimal always: perf's way in lines that it failed to parse. */
  readonly #alwaysDecimal: boolean;
  readonly #strings: Strings;
  readonly #numbers = new NumberReader();
  readonly #fields = new Map<KindBuilder, Fields>();
  /** Per column: whether the current row has it; all 0 between rows. */
  readonly #seen = new Uint8Array(MOST_COLUMNS + 1);

  constructor(strings: Strings, alwaysDecimal: boolean) {
    this.#strings = strings;
    this.#alwaysDecimal = alwaysDecimal;
  }

  /**
   * Read the text at `start` into `row`; columns that it does not name are marked absent. Returns the line
   * end.
   */
  read(kind: KindBuilder, bytes: Uint8Array, start: number, row: number): number {
    const fields = this.#fieldsOf(kind);
    this.complete = true;
    let at = this.#usual(kind, fields, bytes, afterMarker(bytes, start), row);
    if (bytes[at] !== 10) at = this.#rest(kind, fields, bytes, at, row);
    this.#markAbsent(kind.columns, row);
    return at;
  }

  /**
   * Numbers and single words in the order of the columns, which is nearly everything: returns where something
   * else begins, at best the line end.
   */
  #usual(kind: KindBuilder, fields: Fields, bytes: Uint8Array, start: number, row: number): number {
    const { names, widths, learnt } = fields;
    let at = start;
    for (let index = 0; index < names.length; index++) {
      const value = afterName(names[index], bytes, at);
      if (value < 0) continue;
      const place = learnt ? learnt.mainOf(index) : index;
      if (place < 0) return at;
      const column = kind.columns[place];
      const width = widths[index];
      const end = width === 0 ? wordEnd(bytes, value) : this.#digits(fields.hex[index], bytes, value);
      if (end < 0) return at;
      let next = end;
      while (bytes[next] === 32) next++;
      if (bytes[next] !== 10 && (next === end || nameEnd(bytes, next) < 0)) return at;
      if (width === 0) {
        if (column.field.type !== 'string') return at;
        column.low[row] = this.#strings.internBytes(bytes, value, end);
      } else {
        if (learnt && !fitsExactly(this.#numbers, column)) return at;
        if (!this.#numbers.store(column, row, width)) return at;
      }
      this.#seen[place] = 1;
      at = next;
      if (bytes[at] === 10) return at;
    }
    return at;
  }

  #digits(hex: boolean, bytes: Uint8Array, start: number): number {
    const bare = bytes[start] !== 48 || (bytes[start + 1] | 32) !== 120;
    return hex && bare ? this.#numbers.hex(bytes, start) : this.#numbers.decimal(bytes, start);
  }

  /** Whatever there is, from `start` on; returns the line end. */
  #rest(kind: KindBuilder, fields: Fields, bytes: Uint8Array, start: number, row: number): number {
    const stop = textEnd(bytes, start);
    let at = start;
    if (nameEnd(bytes, at) < 0) at = this.#leading(fields, bytes, at, stop, row);
    let expected = 0;
    while (at < stop) {
      const equals = nameEnd(bytes, at);
      const next = nextName(bytes, equals + 1, stop);
      const end = next < stop ? trimmedEnd(bytes, equals + 1, next) : stop;
      const column = columnNamed(fields.names, bytes, at, equals, expected);
      if (fields.learnt) this.#learn(fields.learnt, column, bytes, at, equals, end, row);
      else if (column < 0 || this.#seen[column] === 1) this.complete = false;
      else if (this.#value(fields, kind.columns[column], column, bytes, equals + 1, end, row)) {
        this.#seen[column] = 1;
      } else this.complete = false;
      expected = column + 1;
      at = next;
    }
    at = stop;
    while (bytes[at] !== 10) at++;
    return at;
  }

  /** Text before the first `name=`. */
  #leading(fields: Fields, bytes: Uint8Array, start: number, stop: number, row: number): number {
    const next = nextName(bytes, start, stop);
    const end = next < stop ? trimmedEnd(bytes, start, next) : stop;
    if (!fields.learnt) this.complete = this.complete && end === start && stop === start;
    else if (end > start) {
      const name = fields.learnt.named('args');
      this.#markSeen(fields.learnt.text(name, this.#strings.internBytes(bytes, start, end), row));
    }
    return next;
  }

  #learn(
    learnt: LearntColumns,
    known: number,
    bytes: Uint8Array,
    nameStart: number,
    equals: number,
    end: number,
    row: number,
  ): void {
    const name = known >= 0 ? known : learnt.named(latin1(bytes, nameStart, equals));
    const start = equals + 1;
    const numbers = this.#numbers;
    if (start < end && numbers.decimal(bytes, start) === end) {
      const hex = (bytes[start + 1] | 32) === 120;
      const column = learnt.number(name, hex, numbers);
      if (
        column &&
        fitsExactly(numbers, column) &&
        numbers.store(column, row, widthCode(column.field.type))
      ) {
        this.#markSeen(learnt.mainOf(name));
        return;
      }
    }
    this.#markSeen(learnt.text(name, this.#strings.internBytes(bytes, start, end), row));
  }

  /** Note that the row has column `index`; there is none below 0, and having one twice is not understood. */
  #markSeen(index: number): void {
    if (index < 0 || this.#seen[index] === 1) this.complete = false;
    else this.#seen[index] = 1;
  }

  /** Whether [start, end) is a value for the column; stores it then. */
  #value(
    fields: Fields,
    column: ColumnBuilder,
    index: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    row: number,
  ): boolean {
    const width = fields.widths[index];
    if (width === 0) return this.#storeText(column, bytes, start, end, row);
    if (this.#number(width, fields.hex[index], bytes, start, end))
      return this.#numbers.store(column, row, width);
    const symbols = fields.symbols[index];
    if (!symbols?.read(bytes, start, end)) return false;
    column.low[row] = symbols.low;
    if (column.wide) column.high[row] = symbols.high;
    return true;
  }

  #number(width: number, hex: boolean, bytes: Uint8Array, start: number, end: number): boolean {
    return start < end && width !== 0 && this.#digits(hex, bytes, start) === end;
  }

  #storeText(column: ColumnBuilder, bytes: Uint8Array, start: number, end: number, row: number): boolean {
    let id: number | undefined;
    if (column.field.type === 'string') id = this.#strings.internBytes(bytes, start, end);
    else {
      const text = latin1(bytes, start, end);
      const known = column.field.type === 'bytes' ? arrayBytes(text) : maskList(text);
      if (known !== undefined) id = this.#strings.intern(known);
    }
    if (id === undefined) return false;
    column.low[row] = id;
    return true;
  }

  /** Mark the columns that the row lacks, and forget what it had. */
  #markAbsent(columns: readonly ColumnBuilder[], row: number): void {
    const seen = this.#seen;
    for (let index = 0; index < columns.length; index++) {
      if (seen[index] === 1) {
        seen[index] = 0;
        continue;
      }
      const column = columns[index];
      column.low[row] = 0;
      if (column.wide) column.high[row] = 0;
      column.setAbsent(row);
    }
  }

  #fieldsOf(kind: KindBuilder): Fields {
    let fields = this.#fields.get(kind);
    if (!fields) {
      fields = kind.known ? knownFields(kind, this.#alwaysDecimal) : learntFields(kind);
      this.#fields.set(kind, fields);
    }
    return fields;
  }
}

function learntFields(kind: KindBuilder): Fields {
  const learnt = new LearntColumns(kind);
  return { names: learnt.names, widths: learnt.widths, hex: [], symbols: [], learnt };
}

function knownFields(kind: KindBuilder, alwaysDecimal: boolean): Fields {
  const defs = kind.def.fields;
  return {
    names: defs.map((field) => Uint8Array.from(field.name, (char) => char.charCodeAt(0))),
    widths: defs.map((field) => widthCode(field.type)),
    hex: defs.map((field) => field.raw === 'hex' && !alwaysDecimal),
    symbols: defs.map((field) => symbolsOf(kind, field)),
    learnt: undefined,
  };
}

/** The table by which the event's own text shows the field, if it does. */
function symbolsOf(kind: KindBuilder, field: FieldDef): SymbolReader | undefined {
  for (const shape of shapesOf(kind.def)) {
    for (const segment of shape.segments) {
      if ('field' in segment && segment.name === field.name && segment.symbols)
        return SymbolReader.of(segment.symbols);
    }
  }
  return undefined;
}

/** A learnt signed column takes no decimal number above its range, which would turn negative. */
function fitsExactly(numbers: NumberReader, column: ColumnBuilder): boolean {
  return column.field.type === 'u64' ? !numbers.negative : numbers.negative || numbers.high >= 0;
}
