/**
 * Numbers from bytes, in two 32-bit halves: no strings, no bigint, no rounding.
 *
 * Every method takes the position of the first byte and returns the position after the last one, or -1.
 * Whoever calls makes sure that a byte that is no digit (the line end) follows.
 */
import type { ColumnBuilder } from '../store/column.js';

// Bytes stand as plain numbers, for speed: 45 `-`, 48 `0`, 120 `x`.

/** Value of a hex digit by its byte, 255 for others. */
const hexDigits = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  const char = digit.toString(16);
  hexDigits[char.charCodeAt(0)] = digit;
  hexDigits[char.toUpperCase().charCodeAt(0)] = digit;
}

/** Value of the hex digit `byte`; 255 when it is none. */
export function hexDigit(byte: number): number {
  return hexDigits[byte];
}

/** Largest unsigned value by number of bits, for fields narrower than 32. */
const limits = [0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xffff];

export class NumberReader {
  /**
   * Halves of the magnitude of the number read last, as signed 32-bit patterns: such integers fit into a
   * tagged word of the engine, so that storing them here allocates nothing.
   */
  low = 0;
  high = 0;
  negative = false;

  /** Decimal digits, `-` and decimal digits, or `0x` and hex digits. */
  decimal(bytes: Uint8Array, start: number): number {
    let at = start;
    this.negative = bytes[at] === 45;
    if (this.negative) at++;
    let digit = (bytes[at] - 48) >>> 0;
    if (digit > 9) return -1;
    if (digit === 0 && (bytes[at + 1] | 32) === 120) return this.#hexDigits(bytes, at + 2);
    let value = 0;
    const stop = at + 9;
    do {
      value = value * 10 + digit;
      digit = (bytes[++at] - 48) >>> 0;
    } while (digit <= 9 && at < stop);
    this.low = value;
    this.high = 0;
    return digit > 9 ? at : this.#longDecimal(bytes, at);
  }

  /** Hex digits, with `0x` before them or without. */
  hex(bytes: Uint8Array, start: number): number {
    this.negative = false;
    const prefixed = bytes[start] === 48 && (bytes[start + 1] | 32) === 120;
    return this.#hexDigits(bytes, prefixed ? start + 2 : start);
  }

  /** Further digits of a decimal number of which `low` holds the first nine. */
  #longDecimal(bytes: Uint8Array, start: number): number {
    let low = this.low;
    let high = 0;
    let at = start;
    for (let digit = (bytes[at] - 48) >>> 0; digit <= 9; digit = (bytes[++at] - 48) >>> 0) {
      low = low * 10 + digit;
      const carry = Math.floor(low / 0x100000000);
      low -= carry * 0x100000000;
      high = high * 10 + carry;
      if (high >= 0x100000000) return -1;
    }
    this.low = low | 0;
    this.high = high | 0;
    return at;
  }

  #hexDigits(bytes: Uint8Array, start: number): number {
    const digits = hexDigits;
    let digit = digits[bytes[start]];
    if (digit === 255) return -1;
    let at = start;
    let low = 0;
    const stop = start + 8;
    do {
      low = (low << 4) | digit;
      digit = digits[bytes[++at]];
    } while (digit !== 255 && at < stop);
    let high = 0;
    while (digit !== 255) {
      if ((high & 0xf0000000) !== 0) return -1;
      high = (high << 4) | (low >>> 28);
      low = (low << 4) | digit;
      digit = digits[bytes[++at]];
    }
    this.low = low;
    this.high = high;
    return at;
  }

  /**
   * Put the number into a column, in two's complement.
   *
   * Kernels print unsigned fields with %d and signed ones with %x, so a value may come in the other sign's
   * form.
   *
   * @param width `widthCode` of the field
   * @returns whether the number fits into the field
   */
  store(column: ColumnBuilder, row: number, width: number): boolean {
    if (this.negative) return this.#storeNegative(column, row, width);
    const { low, high } = this;
    if (width === 64 || width === -64) {
      column.low[row] = low;
      column.high[row] = high;
      return true;
    }
    if (width === 32 || width === -32) {
      column.low[row] = low;
      return high === 0 || (width === -32 && high === -1 && low < 0);
    }
    return high === 0 && storeNarrow(column, row, width, low);
  }

  #storeNegative(column: ColumnBuilder, row: number, width: number): boolean {
    const bits = width < 0 ? -width : width;
    if (bits < 8) return this.low === 0 && this.high === 0;
    const low = -this.low | 0;
    if (bits === 64) {
      column.low[row] = low;
      column.high[row] = this.low === 0 ? -this.high : ~this.high;
      return this.high >= 0 || (this.high === -0x80000000 && this.low === 0);
    }
    column.low[row] = width < 0 || bits === 32 ? low : low & limits[bits];
    return this.high === 0 && this.low >>> 0 <= 2 ** (bits - 1);
  }
}

/** A value of 1, 8 or 16 bits; printed as 32 bits where the kernel widened a signed one. */
function storeNarrow(column: ColumnBuilder, row: number, width: number, value: number): boolean {
  if (width > 0) {
    column.low[row] = value;
    return value >= 0 && value <= limits[width];
  }
  const signed = width === -8 ? (value << 24) >> 24 : (value << 16) >> 16;
  column.low[row] = signed;
  return value === signed || (value >= 0 && value <= limits[-width]);
}
