/**
 * Reads a binary file front to back, little-endian, and never beyond its end.
 */
import { InputError } from '../../errors.js';
import { ascii, latin1 } from '../../store/strings.js';
import type { ByteSource } from '../source.js';

const WINDOW = 1 << 16;
/** Metadata sections larger than this are not believed. */
const MOST_BYTES = 1 << 28;

export class SourceCursor {
  #window: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#window.buffer);
  #windowStart = 0;

  constructor(
    readonly source: ByteSource,
    /** Offset of the next byte to read. */
    public position = 0,
  ) {}

  /** `count` bytes; an InputError that names `what` when the file ends before. */
  bytes(count: number, what: string): Uint8Array {
    if (count > MOST_BYTES) this.#fail(`${what} claims ${count} bytes: the file is damaged`);
    if (this.position + count > this.source.size) {
      this.#fail(`the file ends inside ${what}: it was cut off, or is still being written`);
    }
    if (count > WINDOW) {
      const big = this.source.read(this.position, count).slice();
      this.position += count;
      return big;
    }
    const start = this.#ensure(count);
    this.position += count;
    return this.#window.subarray(start, start + count);
  }

  u8(what: string): number {
    return this.bytes(1, what)[0];
  }

  u16(what: string): number {
    this.bytes(2, what);
    return this.#view.getUint16(this.position - 2 - this.#windowStart, true);
  }

  u32(what: string): number {
    this.bytes(4, what);
    return this.#view.getUint32(this.position - 4 - this.#windowStart, true);
  }

  /** A u64 that counts bytes or offsets; an InputError when it cannot be one. */
  size64(what: string): number {
    this.bytes(8, what);
    const value = this.#view.getBigUint64(this.position - 8 - this.#windowStart, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.#fail(`${what} is ${value}: the file is damaged`);
    return Number(value);
  }

  /** A NUL-terminated string of at most `most` bytes. */
  text(what: string, most = 4096): string {
    let text = '';
    for (let i = 0; i <= most; i++) {
      const byte = this.u8(what);
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
    return this.#fail(`${what} has no end: the file is damaged`);
  }

  /** `count` bytes as Latin-1 text. */
  latin1(count: number, what: string): string {
    const bytes = this.bytes(count, what);
    return latin1(bytes, 0, bytes.length);
  }

  /** `count` bytes that are ASCII text. */
  ascii(count: number, what: string): string {
    return ascii(this.bytes(count, what));
  }

  skip(count: number, what: string): void {
    if (this.position + count > this.source.size) {
      this.#fail(`the file ends inside ${what}: it was cut off, or is still being written`);
    }
    this.position += count;
  }

  /** Make `count` bytes at `position` available; returns where they start in the window. */
  #ensure(count: number): number {
    const start = this.position - this.#windowStart;
    if (start >= 0 && start + count <= this.#window.length) return start;
    this.#window = this.source.read(this.position, Math.max(count, WINDOW)).slice();
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, this.#window.length);
    this.#windowStart = this.position;
    return 0;
  }

  #fail(message: string): never {
    throw new InputError(message, { offset: this.position });
  }
}
