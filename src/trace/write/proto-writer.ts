/**
 * Encodes protobuf messages into one growing buffer: varints, fixed64, bytes, nested messages.
 *
 * 64-bit values come as two 32-bit halves, the way the store has them, so that no bigint is made per value.
 */
import { textBytes } from './text-bytes.js';

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;

export class ProtoWriter {
  #bytes = new Uint8Array(1 << 12);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** What was written since the last `clear`; valid until the next call. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  /** A copy of what was written, and an empty writer. */
  take(): Uint8Array {
    const copy = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    return copy;
  }

  /** An integer from 0 to 2^53. */
  uint(field: number, value: number): void {
    this.wide(field, value >>> 0, Math.floor(value / 2 ** 32));
  }

  /** An integer of up to 53 bits; negative ones take ten bytes, as int32 and int64 do. */
  int(field: number, value: number): void {
    this.wide(field, value >>> 0, Math.floor(value / 2 ** 32) >>> 0);
  }

  /** A 64-bit integer from its halves. */
  wide(field: number, low: number, high: number): void {
    this.#reserve(20);
    this.#tag(field, VARINT);
    this.#varint(low, high);
  }

  big(field: number, value: bigint): void {
    this.wide(field, Number(value & 0xffffffffn), Number((value >> 32n) & 0xffffffffn));
  }

  bool(field: number, value: boolean): void {
    this.wide(field, value ? 1 : 0, 0);
  }

  fixed64(field: number, low: number, high: number): void {
    this.#reserve(20);
    this.#tag(field, FIXED64);
    this.#view.setUint32(this.#at, low, true);
    this.#view.setUint32(this.#at + 4, high, true);
    this.#at += 8;
  }

  double(field: number, value: number): void {
    this.#reserve(20);
    this.#tag(field, FIXED64);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  raw(field: number, bytes: Uint8Array): void {
    this.#reserve(20 + bytes.length);
    this.#tag(field, LENGTH);
    this.#varint(bytes.length, 0);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** A text of the store: its bytes as they are. */
  text(field: number, text: string): void {
    this.raw(field, textBytes(text));
  }

  /** Begin a nested message; `end` takes what this returns. */
  begin(field: number): number {
    this.#reserve(20);
    this.#tag(field, LENGTH);
    this.#at++;
    return this.#at;
  }

  end(start: number): void {
    const length = this.#at - start;
    // One byte was left for the length, which is enough for most messages.
    let more = 0;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) more++;
    if (more > 0) {
      this.#reserve(more);
      this.#bytes.copyWithin(start + more, start, this.#at);
    }
    this.#at = start - 1;
    this.#varint(length, 0);
    this.#at += length;
  }

  #tag(field: number, wire: number): void {
    this.#varint(((field << 3) | wire) >>> 0, 0);
  }

  #varint(low: number, high: number): void {
    let rest = low >>> 0;
    let top = high >>> 0;
    while (top > 0 || rest > 0x7f) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest = ((rest >>> 7) | (top << 25)) >>> 0;
      top >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  #reserve(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const bigger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bigger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bigger;
    this.#view = new DataView(bigger.buffer);
  }
}
