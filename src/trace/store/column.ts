/**
 * One field of one kind of event: a typed array with a value per row.
 *
 * 64-bit fields keep their low halves in `values` and their high halves in `high`: an array, or one number
 * where all rows share it (kernel addresses usually do). Text, blobs and CPU masks are numbers of interned
 * strings.
 */
import type { FieldDef } from '../events/types.js';
import { BLOCK, grow, grownCapacity, PackedBlocks, permuted, type IntArray } from './pack.js';
import type { Strings } from './strings.js';

const WORD = 2 ** 32;

/** True for fields whose values are interned strings. */
export function isInterned(field: FieldDef): boolean {
  return field.type === 'string' || field.type === 'bytes' || field.type === 'cpumask';
}

/** True for 64-bit integers. */
function isWide(field: FieldDef): boolean {
  return field.type === 'u64' || field.type === 's64';
}

/**
 * A column being filled. Writers set `low[row]` (and `high[row]` of a wide field), where `row` is
 * KindBuilder.row: the place of the current row in the block that is being filled.
 */
export class ColumnBuilder {
  /** Low halves of the rows of this block. */
  low = new Uint32Array(0);
  /** High halves; stays empty unless the field is 64 bits wide. */
  high = new Uint32Array(0);
  readonly wide: boolean;
  readonly #lowBlocks: PackedBlocks;
  readonly #highBlocks = new PackedBlocks(false);
  /** Rows in the blocks before this one. */
  #before = 0;
  /** One bit per row without this field; undefined while every row has it. */
  #absent: Uint8Array | undefined;

  /** @param rows rows that the kind had before this column; they lack the field */
  constructor(
    readonly field: FieldDef,
    rows = 0,
  ) {
    this.wide = isWide(field);
    const signed = field.type === 's8' || field.type === 's16' || field.type === 's32';
    this.#lowBlocks = new PackedBlocks(signed);
    // The current row is in the block that is being filled, even when it is the last of it.
    this.#before = rows === 0 ? 0 : rows - 1 - ((rows - 1) % BLOCK);
    this.#lowBlocks.skip(this.#before);
    this.#highBlocks.skip(this.#before);
    if (rows > 0) this.#absent = allSet(rows);
  }

  /** Make room for `capacity` rows in the block. */
  reserve(capacity: number): void {
    this.#lowBlocks.reserve(capacity);
    this.low = this.#lowBlocks.scratch;
    if (!this.wide) return;
    this.#highBlocks.reserve(capacity);
    this.high = this.#highBlocks.scratch;
  }

  /** The block of `length` rows is complete. */
  flush(length: number): void {
    this.#lowBlocks.flush(length);
    if (this.wide) this.#highBlocks.flush(length);
    this.#before += length;
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
    const at = this.#before + row;
    const byte = at >> 3;
    if (!this.#absent) this.#absent = new Uint8Array(byte + 1);
    else if (byte >= this.#absent.length)
      this.#absent = grow(this.#absent, grownCapacity(this.#absent.length, byte + 1));
    this.#absent[byte] |= 1 << (at & 7);
  }

  /** Take back `setAbsent`, for the row that a late column begins with. */
  setPresent(row: number): void {
    const at = this.#before + row;
    if (this.#absent) this.#absent[at >> 3] &= ~(1 << (at & 7));
  }

  /**
   * The finished column of `rows` rows; the last block has been flushed.
   *
   * @param order source row of each row, where the trace had to be sorted
   */
  finish(rows: number, strings: Strings, order?: Uint32Array): Column {
    const whole = (blocks: PackedBlocks) => () => {
      const values = blocks.finish();
      return order ? permuted(values, order) : values;
    };
    // A wide column whose high halves are all the same needs but one of them.
    const common = this.wide ? this.#highBlocks.uniform : 0;
    const high = common ?? whole(this.#highBlocks);
    return new Column(this.field, whole(this.#lowBlocks), high, strings, this.#finishAbsent(rows, order));
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

/** A bit set of `count` ones; bits beyond are 0. */
function allSet(count: number): Uint8Array {
  const bits = new Uint8Array((count + 7) >> 3).fill(0xff);
  if (count % 8 !== 0) bits[bits.length - 1] = (1 << (count % 8)) - 1;
  return bits;
}

/** A finished column: read it by row of its KindTable. Its blocks are put together when it is first read. */
export class Column {
  readonly #signed: boolean;
  readonly #wide: boolean;
  #values: IntArray | undefined;
  #high: IntArray | number | undefined;

  constructor(
    readonly field: FieldDef,
    private readonly joinValues: () => IntArray,
    private readonly joinHigh: (() => IntArray) | number,
    readonly strings: Strings,
    readonly absent: Uint8Array | undefined,
  ) {
    this.#wide = isWide(field);
    this.#signed = field.type === 's64';
  }

  /** The value of each row; of a 64-bit field, its low half. */
  get values(): IntArray {
    return (this.#values ??= this.joinValues());
  }

  /** High halves of a 64-bit field: one per row, or the one that all share; 0 for narrower fields. */
  get high(): IntArray | number {
    return (this.#high ??= typeof this.joinHigh === 'number' ? this.joinHigh : this.joinHigh());
  }

  /** Whether this row carries the field at all; a text line may lack it. Absent values read as 0 or ''. */
  has(row: number): boolean {
    return this.absent === undefined || ((this.absent[row >> 3] >> (row & 7)) & 1) === 0;
  }

  /** The value as a JavaScript number: exact up to 2^53, rounded beyond; identities above that need `big`. */
  number(row: number): number {
    const low = this.values[row];
    if (!this.#wide) return low;
    const halves = this.high;
    if (halves === 0) return low;
    const high = typeof halves === 'number' ? halves : halves[row];
    return (this.#signed ? high | 0 : high) * WORD + low;
  }

  /** All 64 bits, lossless. */
  big(row: number): bigint {
    if (!this.#wide) return BigInt(this.values[row]);
    const halves = this.high;
    const high = typeof halves === 'number' ? halves : halves[row];
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
    const halves = this.high;
    const high = typeof halves === 'number' ? 0 : halves.byteLength;
    return this.values.byteLength + high + (this.absent?.byteLength ?? 0);
  }
}
