/**
 * Walks the compressed chunks of one CPU: u32 chunks, then per chunk u32 compressed size, u32 size, bytes.
 */
import type { ByteSource } from '../source.js';

/** Bytes read at a time: some chunks of trace-cmd's. */
const READ_AHEAD = 1 << 18;

export interface Chunk {
  /** Valid until the next call of `next`. */
  readonly bytes: Uint8Array;
  /** Bytes when decompressed, as the file says. */
  readonly size: number;
}

export class ChunkWalker {
  #at: number;
  #chunksLeft: number | undefined;
  /** Bytes read ahead, and where they are from. */
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;
  #buffer: Uint8Array | undefined;

  constructor(
    private readonly source: ByteSource,
    offset: number,
  ) {
    this.#at = offset;
  }

  /** Chunks not walked yet; 0 as well where the file is cut off. */
  get chunksLeft(): number {
    this.#chunksLeft ??= this.#u32() ?? 0;
    return this.#chunksLeft;
  }

  /** The next chunk; undefined where the file ends inside it. Call only while there are chunks left. */
  next(): Chunk | undefined {
    const left = this.chunksLeft;
    const compressed = this.#u32();
    const size = this.#u32();
    // The size that the file gives for a CPU leaves out the heads of the chunks: only their number counts.
    if (compressed === undefined || size === undefined || this.#at + compressed > this.source.size) {
      this.#chunksLeft = 0;
      return undefined;
    }
    this.#chunksLeft = left - 1;
    return { bytes: this.#bytes(compressed), size };
  }

  #u32(): number | undefined {
    const bytes = this.#bytes(4);
    if (bytes.length < 4) return undefined;
    return (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
  }

  /** The next `count` bytes, fewer at the end of the file; valid until the next call. */
  #bytes(count: number): Uint8Array {
    const from = this.#at - this.#windowAt;
    this.#at += count;
    if (from + count <= this.#window.length) return this.#window.subarray(from, from + count);
    this.#windowAt = this.#at - count;
    this.#buffer ??= new Uint8Array(READ_AHEAD);
    const length = Math.max(count, READ_AHEAD);
    this.#window = this.source.read(this.#windowAt, length, count > READ_AHEAD ? undefined : this.#buffer);
    return this.#window.subarray(0, count);
  }
}
