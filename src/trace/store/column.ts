/**
 * One field of one kind of event: a typed array with a value per row.
 *
 * 64-bit fields keep their low halves in `values` and their high halves in `high`: an array, or one number
 * where all rows share it (kernel addresses usually do). Text, blobs and CPU masks are numbers of interned
 * strings.
 */
import type { FieldDef } from '../events/types.js';
import {
  grow,
  grownCapacity,
  packedSigned,
  packedUnsigned,
  permuted,
  uniform,
  type IntArray,
} from './pack.js';
import type { Strings } from './strings.js';

const WORD = 2 ** 32;

/** True for fields whose values are interned strings. */
export function isInterned(field: FieldDef): boolean {
  return field.type === 'string' || field.type === 'bytes' || field.type === 'cpumask';
}

/** True for 64-bit integers. */
export function isWide(field: FieldDef): boolean {
  return field.type === 'u64' || field.type === 's64';
}

/**
 * A column being filled. Writers set `low[row]` (and `high[row]` of a wide field) after KindBuilder made
 * room.
 */
export class ColumnBuilder {
  low = new Uint32Array(0);
  /** High halves; stays empty unless the field is 64 bits wide. */
  high = new Uint32Array(0);
  readonly wide: boolean;
  /** One bit per row without this field; undefined while every row has it. */
  #absent: Uint8Array | undefined;

  constructor(readonly field: FieldDef) {
    this.wide = isWide(field);
  }

  reserve(capacity: number): void {
    this.low = grow(this.low, capacity);
    if (this.wide) this.high = grow(this.high, capacity);
  }

  /** Set a 64-bit (or narrower) value from a bigint; negative values wrap to two's complement. */
  setBig(row: number, value: bigint): void {
    this.low[row] = Number(value & 0xffffffffn);
    if (this.wide) this.high[row] = Number((value >> 32n) & 0xffffffffn);
  }

  /** Set from a JavaScript integer below 2^53 in magnitude. */
  setNumber(row: number, value: number): void {
    this.low[row] = value;
    if (this.wide) this.high[row] = Math.floor(value / WORD);
  }

  /** Say that this row does not carry the field. */
  setAbsent(row: number): void {
    const byte = row >> 3;
    if (!this.#absent) this.#absent = new Uint8Array(byte + 1);
    else if (byte >= this.#absent.length)
      this.#absent = grow(this.#absent, grownCapacity(this.#absent.length, byte + 1));
    this.#absent[byte] |= 1 << (row & 7);
  }

  /** Take back `setAbsent`, for the row that a late column begins with. */
  setPresent(row: number): void {
    if (this.#absent) this.#absent[row >> 3] &= ~(1 << (row & 7));
  }

  finish(rows: number, strings: Strings, order?: Uint32Array): Column {
    let { low, high } = this;
    if (order) {
      low = permuted(low, order);
      if (this.wide) high = permuted(high, order);
    }
    const signed = this.field.type.startsWith('s') && this.field.type !== 'string';
    const topHalf = this.wide ? uniform(high, rows) : 0;
    const absent = this.#finishAbsent(rows, order);
    // A wide column whose high halves are all zero is an ordinary unsigned one.
    if (topHalf !== undefined) {
      const values = signed && !this.wide ? packedSigned(low, rows) : packedUnsigned(low, rows);
      return new Column(this.field, values, topHalf, strings, absent);
    }
    return new Column(this.field, low.slice(0, rows), high.slice(0, rows), strings, absent);
  }

  #finishAbsent(rows: number, order: Uint32Array | undefined): Uint8Array | undefined {
    const bits = this.#absent;
    if (!bits) return undefined;
    const result = new Uint8Array((rows + 7) >> 3);
    for (let row = 0; row < rows; row++) {
      const source = order ? order[row] : row;
      if ((bits[source >> 3] >> (source & 7)) & 1) result[row >> 3] |= 1 << (row & 7);
    }
    return result;
  }
}

/** A finished column: read it by row of its KindTable. */
export class Column {
  readonly #signed: boolean;
  readonly #wide: boolean;

  constructor(
    readonly field: FieldDef,
    readonly values: IntArray,
    readonly high: Uint32Array | number,
    readonly strings: Strings,
    readonly absent: Uint8Array | undefined,
  ) {
    this.#wide = isWide(field);
    this.#signed = field.type === 's64';
  }

  /** Whether this row carries the field at all; a text line may lack it. Absent values read as 0 or ''. */
  has(row: number): boolean {
    return this.absent === undefined || ((this.absent[row >> 3] >> (row & 7)) & 1) === 0;
  }

  /** The value as a JavaScript number: exact up to 2^53, rounded beyond; identities above that need `big`. */
  number(row: number): number {
    const low = this.values[row];
    if (!this.#wide || this.high === 0) return low;
    const high = typeof this.high === 'number' ? this.high : this.high[row];
    return (this.#signed ? high | 0 : high) * WORD + low;
  }

  /** All 64 bits, lossless. */
  big(row: number): bigint {
    if (!this.#wide) return BigInt(this.values[row]);
    const high = typeof this.high === 'number' ? this.high : this.high[row];
    const bits = (BigInt(high) << 32n) | BigInt(this.values[row]);
    return this.#signed ? BigInt.asIntN(64, bits) : bits;
  }

  /**
   * The interned text of a string, bytes (one char per byte) or cpumask (a CPU list such as `0-2,5`) field.
   */
  text(row: number): string {
    if (!isInterned(this.field)) return this.big(row).toString();
    return this.strings.text(this.values[row]);
  }

  /** Bytes that the column occupies. */
  get bytes(): number {
    const high = typeof this.high === 'number' ? 0 : this.high.byteLength;
    return this.values.byteLength + high + (this.absent?.byteLength ?? 0);
  }
}
