/**
 * Reads arguments written as `name=value`: `trace-cmd report -R`, perf's `[FAILED TO PARSE]` lines, and events that
 * the event table does not know.
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

const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;
const COMMA = 44;
const EQUALS = 61;
const ZERO = 48;
const X = 120;
const FAILED = '[FAILED TO PARSE]';

/** Letters, digits and `_`, as field names have. */
const nameByte = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) nameByte[byte] = /\w/.test(String.fromCharCode(byte)) ? 1 : 0;

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
  /** Per column: whether the current row has it. */
  #seen = new Uint8Array(64);

  constructor(strings: Strings, alwaysDecimal: boolean) {
    this.#strings = strings;
    this.#alwaysDecimal = alwaysDecimal;
  }

  /** Read the text at `start` into `row`; columns that it does not name are marked absent. Returns the line end. */
  read(kind: KindBuilder, bytes: Uint8Array, start: number, row: number): number {
    const fields = this.#fieldsOf(kind);
    const stop = textEnd(bytes, start);
    this.complete = true;
    if (this.#seen.length < kind.columns.length + 2) this.#seen = new Uint8Array(2 * kind.columns.length + 2);
    this.#seen.fill(0, 0, fields.learnt ? undefined : kind.columns.length);
    let at = afterMarker(bytes, start);
    if (nameEnd(bytes, at, stop) < 0) at = this.#leading(fields, bytes, at, stop, row);
    let expected = 0;
    while (at < stop) {
      const equals = nameEnd(bytes, at, stop);
      const valueStart = equals + 1;
      const next = nextName(bytes, valueStart, stop);
      const valueEnd = next < stop ? trimmedEnd(bytes, valueStart, next) : stop;
      const column = columnNamed(fields.names, bytes, at, equals, expected);
      if (fields.learnt) this.#learn(fields.learnt, bytes, at, equals, valueEnd, row);
      else if (column < 0 || this.#seen[column] === 1) this.complete = false;
      else if (this.#value(fields, kind.columns[column], column, bytes, valueStart, valueEnd, row)) {
        this.#seen[column] = 1;
      } else this.complete = false;
      expected = column + 1;
      at = next;
    }
    this.#markAbsent(kind.columns, row);
    return bytes.indexOf(NEWLINE, stop);
  }

  /** Text before the first `name=`. */
  #leading(fields: Fields, bytes: Uint8Array, start: number, stop: number, row: number): number {
    const next = nextName(bytes, start, stop);
    const end = next < stop ? trimmedEnd(bytes, start, next) : stop;
    if (!fields.learnt) this.complete = false;
    else if (end > start) this.#learnText(fields.learnt, 'args', bytes, start, end, row);
    return next;
  }

  #learn(
    learnt: LearntColumns,
    bytes: Uint8Array,
    nameStart: number,
    equals: number,
    end: number,
    row: number,
  ): void {
    const name = latin1(bytes, nameStart, equals);
    const width = learnt.widthOf(name);
    const valueStart = equals + 1;
    if (width !== 0 && this.#number(width, false, bytes, valueStart, end)) {
      const column = learnt.number(name, bytes[valueStart + 1] === X, this.#numbers);
      if (
        column &&
        fitsExactly(this.#numbers, column) &&
        this.#numbers.store(column, row, widthCode(column.field.type))
      ) {
        this.#markSeen(learnt.indexOf(column));
        return;
      }
    }
    this.#learnText(learnt, name, bytes, valueStart, end, row);
  }

  #learnText(
    learnt: LearntColumns,
    name: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    row: number,
  ): void {
    this.#markSeen(learnt.text(name, this.#strings.internBytes(bytes, start, end), row));
  }

  /** Note that the row has column `index`; there is none below 0, and having one twice is not understood. */
  #markSeen(index: number): void {
    if (index < 0 || this.#seen[index] === 1) {
      this.complete = false;
      return;
    }
    if (index >= this.#seen.length) {
      const bigger = new Uint8Array(2 * index + 2);
      bigger.set(this.#seen);
      this.#seen = bigger;
    }
    this.#seen[index] = 1;
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
    if (start >= end || width === 0) return false;
    const bare = bytes[start] !== ZERO || (bytes[start + 1] | 32) !== X;
    const numbers = this.#numbers;
    return (hex && bare ? numbers.hex(bytes, start) : numbers.decimal(bytes, start)) === end;
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

  #markAbsent(columns: readonly ColumnBuilder[], row: number): void {
    for (let index = 0; index < columns.length; index++) {
      if (this.#seen[index] === 1) continue;
      columns[index].low[row] = 0;
      if (columns[index].wide) columns[index].high[row] = 0;
      columns[index].setAbsent(row);
    }
  }

  #fieldsOf(kind: KindBuilder): Fields {
    let fields = this.#fields.get(kind);
    if (!fields) {
      const defs = kind.known ? kind.def.fields : [];
      fields = {
        names: defs.map((field) => Uint8Array.from(field.name, (char) => char.charCodeAt(0))),
        widths: defs.map((field) => widthCode(field.type)),
        hex: defs.map((field) => field.raw === 'hex' && !this.#alwaysDecimal),
        symbols: defs.map((field) => symbolsOf(kind, field)),
        learnt: kind.known ? undefined : new LearntColumns(kind),
      };
      this.#fields.set(kind, fields);
    }
    return fields;
  }
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

/** `ARRAY[e6, 10]`, or pairs of hex digits, as one char per byte. */
function arrayBytes(text: string): string | undefined {
  const inside = /^ARRAY\[([^\]]*)\]$/.exec(text)?.[1] ?? text;
  const pairs = inside.trim() === '' ? [] : inside.trim().split(/,? +|,/);
  if (!pairs.every((pair) => /^[0-9a-f]{2}$/i.test(pair))) return undefined;
  return String.fromCharCode(...pairs.map((pair) => parseInt(pair, 16)));
}

/** Position after `[FAILED TO PARSE]` and spaces. */
function afterMarker(bytes: Uint8Array, start: number): number {
  let at = start;
  if (bytes[at] === 91 && latin1(bytes, at, at + FAILED.length) === FAILED) at += FAILED.length;
  while (bytes[at] === SPACE) at++;
  return at;
}

/** End of the text of a line: before the line end and trailing spaces. */
function textEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] !== NEWLINE) at++;
  while (at > start && (bytes[at - 1] === SPACE || bytes[at - 1] === RETURN)) at--;
  return at;
}

/** Position of the `=` after the name at `start`; -1 when no name stands there. */
function nameEnd(bytes: Uint8Array, start: number, stop: number): number {
  let at = start;
  while (nameByte[bytes[at]] === 1) at++;
  return at > start && at < stop && bytes[at] === EQUALS ? at : -1;
}

/** Start of the next name that follows a space, or `stop`. */
function nextName(bytes: Uint8Array, start: number, stop: number): number {
  for (let at = start; at < stop; at++) {
    if (bytes[at] === SPACE && nameEnd(bytes, at + 1, stop) > 0) return at + 1;
  }
  return stop;
}

/** End of a value before another name: the spaces and a comma between them are no part of it. */
function trimmedEnd(bytes: Uint8Array, start: number, next: number): number {
  let at = next;
  while (at > start && bytes[at - 1] === SPACE) at--;
  return at > start && bytes[at - 1] === COMMA ? at - 1 : at;
}

function columnNamed(
  names: readonly Uint8Array[],
  bytes: Uint8Array,
  start: number,
  end: number,
  expected: number,
): number {
  for (let step = 0; step < names.length; step++) {
    const index = (expected + step) % names.length;
    if (equals(names[index], bytes, start, end)) return index;
  }
  return -1;
}

function equals(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}
