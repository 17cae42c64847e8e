/**
 * Reads the text of an event into the columns of its kind, by the instructions of a compiled shape.
 *
 * Works on bytes, makes no strings and looks at each byte about once: this is the inner loop of every text
 * reader.
 */
import { latin1, type Strings } from '../store/strings.js';
import type { ColumnBuilder } from '../store/column.js';
import { maskList } from './print-shape-masks.js';
import { hexDigit, NumberReader } from './print-shape-numbers.js';
import type { PrintShape } from './print-shape.js';

// Bytes and operations stand as plain numbers in these loops: a constant of a module is a load from memory
// wherever it is used, which costs a fifth of the speed. 10 line end, 13 carriage return, 32 space, 40 `(`,
// 120 `x`. A test compares the operations with `Op` of print-shape.ts.

/** How often a text is made longer because what follows did not fit: bounds the work for a hostile line. */
const MOST_RETRIES = 64;
/** Texts of one shape that can be made longer. */
const MOST_CHOICES = 16;
/** Position of the line end if only spaces stand before it, else -1. */
export function lineEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] === 32) at++;
  if (bytes[at] === 10) return at;
  return bytes[at] === 13 && bytes[at + 1] === 10 ? at + 1 : -1;
}

export class ShapeReader {
  /** A pointer was printed as 16 digits with an empty upper half: the kernel's %p hashes. */
  hashedPointers = false;
  readonly #numbers = new NumberReader();
  readonly #strings: Strings;
  #scratch = new Uint8Array(64);
  /** Texts that may be longer than first thought: instruction, start, end. */
  readonly #choices = new Int32Array(3 * MOST_CHOICES);
  #choiceCount = 0;
  /** The bytes that are being read, and the same as words. */
  #viewed: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(strings: Strings) {
    this.#strings = strings;
  }

  /**
   * Read the text at `start` by `shape` into row `row`.
   *
   * @param bytes hold a line end at or after `start`
   * @param columns of the event, in the order of its fields
   * @returns position of the line end, or -1 when the text has another shape; the row may hold parts of it
   * then
   */
  read(
    shape: PrintShape,
    bytes: Uint8Array,
    start: number,
    columns: readonly ColumnBuilder[],
    row: number,
  ): number {
    if (bytes !== this.#viewed) this.#look(bytes);
    const { code, widths } = shape;
    const view = this.#view;
    const numbers = this.#numbers;
    let pc = 0;
    let at = start;
    let retries = 0;
    this.#choiceCount = 0;
    for (;;) {
      const op = code[pc];
      let next: number;
      if (op === 0) next = matchWords(shape, bytes, view, at, code[pc + 3], code[pc + 4]);
      else if (op <= 3) {
        if (op === 2) next = numbers.hex(bytes, at);
        else next = op === 1 ? numbers.decimal(bytes, at) : this.#pointer(bytes, at);
        const field = code[pc + 1];
        const column = columns[field];
        if (widths[field] === 64 && !numbers.negative) {
          column.low[row] = numbers.low;
          column.high[row] = numbers.high;
        } else if (next >= 0 && !numbers.store(column, row, widths[field])) next = -1;
      } else if (op === 9) {
        next = lineEnd(bytes, at);
        if (next >= 0) return next;
      } else next = this.#text(shape, pc, bytes, at, at, columns, row);
      while (next < 0) {
        if (this.#choiceCount === 0 || retries++ === MOST_RETRIES) return -1;
        const choice = 3 * --this.#choiceCount;
        pc = this.#choices[choice];
        const end = this.#choices[choice + 2];
        next = this.#text(shape, pc, bytes, this.#choices[choice + 1], end + 1, columns, row);
      }
      at = next;
      pc += 5;
    }
  }

  #look(bytes: Uint8Array): void {
    this.#viewed = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #pointer(bytes: Uint8Array, at: number): number {
    const numbers = this.#numbers;
    if (bytes[at] === 40) return this.#nullPointer(bytes, at);
    const next = numbers.hex(bytes, at);
    if (next === at + 16 && bytes[at + 1] !== 120 && numbers.high === 0 && numbers.low !== 0) {
      this.hashedPointers = true;
    }
    return next;
  }

  /** `(null)`, as kernels before 5.7 print a null pointer. */
  #nullPointer(bytes: Uint8Array, at: number): number {
    if (latin1(bytes, at, at + 6) !== '(null)') return -1;
    this.#numbers.low = this.#numbers.high = 0;
    this.#numbers.negative = false;
    return at + 6;
  }

  /** A text from `at` whose end is looked for from `from`. */
  #text(
    shape: PrintShape,
    pc: number,
    bytes: Uint8Array,
    at: number,
    from: number,
    columns: readonly ColumnBuilder[],
    row: number,
  ): number {
    const code = shape.code;
    const op = code[pc];
    const column = columns[code[pc + 1]];
    if (op === 6) return this.#hexbytes(bytes, at, column, row);
    const length = code[pc + 4];
    let end =
      length === 0 ? restOfLine(bytes, from) : findLiteral(bytes, from, shape.literals, code[pc + 3], length);
    while (end >= 0 && !this.#accept(shape, pc, bytes, at, end, column, row)) {
      if (length === 0 || endsLine(bytes[end])) return -1;
      end = findLiteral(bytes, end + 1, shape.literals, code[pc + 3], length);
    }
    if (end >= 0 && length > 0 && !endsLine(bytes[end]) && this.#choiceCount < MOST_CHOICES) {
      const choice = 3 * this.#choiceCount++;
      this.#choices[choice] = pc;
      this.#choices[choice + 1] = at;
      this.#choices[choice + 2] = end;
    }
    return end;
  }

  /** Whether [at, end) is a text for the instruction at `pc`; stores it then. */
  #accept(
    shape: PrintShape,
    pc: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    column: ColumnBuilder,
    row: number,
  ): boolean {
    const op = shape.code[pc];
    if (op === 8) return true;
    if (op === 4) {
      column.low[row] = this.#strings.internBytes(bytes, at, end);
      return true;
    }
    if (op === 7) {
      const list = maskList(latin1(bytes, at, end));
      if (list === undefined) return false;
      column.low[row] = this.#strings.intern(list);
      return true;
    }
    const symbols = shape.symbolReaders[shape.code[pc + 2]];
    if (!symbols.read(bytes, at, end)) return false;
    const numbers = this.#numbers;
    numbers.negative = symbols.high >= 0x80000000;
    numbers.low = numbers.negative ? -symbols.low >>> 0 : symbols.low;
    numbers.high = numbers.negative
      ? (symbols.low === 0 ? -symbols.high : ~symbols.high) >>> 0
      : symbols.high;
    return numbers.store(column, row, shape.widths[shape.code[pc + 1]]);
  }

  #hexbytes(bytes: Uint8Array, start: number, column: ColumnBuilder, row: number): number {
    let at = start;
    let count = 0;
    for (;;) {
      const upper = hexDigit(bytes[at]);
      const lower = upper === 255 ? 255 : hexDigit(bytes[at + 1]);
      // A pair is a word of its own: `FA` of `FAIL` is none.
      if (lower === 255 || bytes[at + 2] >= 48) break;
      if (count === this.#scratch.length) this.#scratch = doubled(this.#scratch);
      this.#scratch[count++] = (upper << 4) | lower;
      at += 2;
      // A space belongs to the bytes only if another pair follows it.
      if (bytes[at] !== 32 || hexDigit(bytes[at + 1]) === 255 || hexDigit(bytes[at + 2]) === 255) break;
      at++;
    }
    column.low[row] = this.#strings.internBytes(this.#scratch, 0, count);
    return at;
  }
}

function endsLine(byte: number): boolean {
  return byte === 10 || byte === 13;
}

function doubled(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const bigger = new Uint8Array(2 * bytes.length);
  bigger.set(bytes);
  return bigger;
}

/** `matchLiteral`, four bytes at a time as long as the text has no longer runs of spaces than the literal. */
function matchWords(
  shape: PrintShape,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  offset: number,
  length: number,
): number {
  if (length < 4 || start + length > bytes.length)
    return matchLiteral(bytes, start, shape.literals, offset, length);
  const words = shape.literalWords;
  const last = length - 4;
  for (let i = 0; i < last; i += 4) {
    if (view.getInt32(start + i, true) !== words[offset + i]) {
      return matchLiteral(bytes, start, shape.literals, offset, length);
    }
  }
  if (view.getInt32(start + last, true) !== words[offset + last]) {
    return matchLiteral(bytes, start, shape.literals, offset, length);
  }
  let at = start + length;
  if (bytes[at] === 32 && bytes[at - 1] === 32) while (bytes[at] === 32) at++;
  return at;
}

/**
 * Position after the literal, or -1. A space stands for one or more; for none at the end of the line, and
 * where an empty text lies between two literals and the first has taken all spaces.
 */
function matchLiteral(
  bytes: Uint8Array,
  start: number,
  literals: Uint8Array,
  offset: number,
  length: number,
): number {
  let at = start;
  const stop = offset + length;
  for (let i = offset; i < stop; i++) {
    const byte = literals[i];
    if (bytes[at] === byte) {
      at++;
      if (byte === 32) while (bytes[at] === 32) at++;
    } else if (byte !== 32) return -1;
    else if (i === offset && bytes[at - 1] === 32) continue;
    else if (i + 1 < stop || !endsLine(bytes[at])) return -1;
  }
  return at;
}

/** First place at or after `start` where the literal stands, or -1 when the line ends before. */
function findLiteral(
  bytes: Uint8Array,
  start: number,
  literals: Uint8Array,
  offset: number,
  length: number,
): number {
  const first = literals[offset];
  if (first === 32 && bytes[start - 1] === 32 && matchLiteral(bytes, start, literals, offset, length) >= 0)
    return start;
  for (let at = start; ; at++) {
    const byte = bytes[at];
    if (byte === first) {
      if (length === 1 || matchLiteral(bytes, at, literals, offset, length) >= 0) return at;
    } else if (byte === 10) {
      // A literal that is one space may be missing at the end of the line.
      return length === 1 && first === 32 ? restOfLine(bytes, at) : -1;
    }
  }
}

/** End of the line's text: the line end, or the carriage return before it. */
function restOfLine(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] !== 10) at++;
  return at > start && bytes[at - 1] === 13 ? at - 1 : at;
}
