/**
 * Walks the fields of one protobuf message in memory, without making objects.
 *
 *     const fields = new ProtoReader(bytes, start, end);
 *     while (fields.next()) if (fields.field === 1) use(fields.low, fields.high);
 *
 * Damage ends the walk: `next` returns false and `damaged` is true.
 */
export const Wire = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;

export class ProtoReader {
  /** Number of the current field. */
  field = 0;
  wire = 0;
  /** Low and high half of a varint or fixed value. */
  low = 0;
  high = 0;
  /** Place of the contents of a length-delimited field. */
  start = 0;
  end = 0;
  /** The message breaks off or holds what no message may. */
  damaged = false;

  #bytes: Uint8Array;
  #at: number;
  #limit: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#limit = end;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Offset of what comes next. */
  get position(): number {
    return this.#at;
  }

  /** Walk another message with the same reader. */
  reset(bytes: Uint8Array, start: number, end: number): this {
    this.#bytes = bytes;
    this.#at = start;
    this.#limit = end;
    this.damaged = false;
    return this;
  }

  /** Go to the next field; false at the end of the message and where it is damaged. */
  next(): boolean {
    if (this.#at >= this.#limit) return false;
    if (!this.#varint()) return this.#damage();
    this.wire = this.low & 7;
    this.field = (this.low >>> 3) + this.high * 2 ** 29;
    if (this.field === 0) return this.#damage();
    switch (this.wire) {
      case Wire.varint:
        return this.#varint() || this.#damage();
      case Wire.length:
        if (!this.#varint() || this.high > 0 || this.low > this.#limit - this.#at) return this.#damage();
        this.start = this.#at;
        this.end = this.#at + this.low;
        this.#at = this.end;
        return true;
      case Wire.fixed64:
        return this.#fixed(8);
      case Wire.fixed32:
        return this.#fixed(4);
      default:
        return this.#damage();
    }
  }

  /** The next bare varint, as packed fields have them; false at the end. */
  nextPacked(): boolean {
    if (this.#at >= this.#limit) return false;
    return this.#varint() || this.#damage();
  }

  /** The current value as an unsigned number: exact up to 2^53. */
  get number(): number {
    return this.high * 2 ** 32 + this.low;
  }

  /** The current value as a signed 32-bit number (int32 is sign-extended on the wire). */
  get int32(): number {
    return this.low | 0;
  }

  #damage(): false {
    this.damaged = true;
    this.#at = this.#limit;
    return false;
  }

  #fixed(size: 4 | 8): boolean {
    if (this.#limit - this.#at < size) return this.#damage();
    const bytes = this.#bytes;
    const word = (at: number) =>
      (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
    this.low = word(this.#at);
    this.high = size === 8 ? word(this.#at + 4) : 0;
    this.#at += size;
    return true;
  }

  #varint(): boolean {
    const bytes = this.#bytes;
    let at = this.#at;
    const last = Math.min(this.#limit, at + 10);
    let low = 0;
    let high = 0;
    for (let shift = 0; at < last; shift += 7) {
      const byte = bytes[at++];
      if (shift < 28) low |= (byte & 0x7f) << shift;
      else if (shift === 28) {
        low |= (byte & 0x7f) << 28;
        high = (byte & 0x7f) >>> 4;
      } else high |= (byte & 0x7f) << (shift - 32);
      if (byte < 0x80) {
        this.#at = at;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return true;
      }
    }
    return false;
  }
}
