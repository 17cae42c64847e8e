/**
 * Compressed blocks of a trace.dat: sections, and the pages of one CPU.
 */
import { InputError } from '../../errors.js';
import type { Diagnostics } from '../../store/diagnostics.js';
import { aligned } from '../aligned.js';
import type { Codecs } from '../codecs.js';
import type { PageSupply } from '../ring/cpu-cursor.js';
import type { ByteSource } from '../source.js';
import type { CpuData } from './dat-file.js';

/** Larger blocks are not believed: a damaged size must not exhaust memory. */
const MOST_BLOCK = 1 << 28;
/** Bytes read at a time: some chunks of trace-cmd's. */
const READ_AHEAD = 1 << 18;
/** zstd and zlib never compress better than about this. */
const MOST_RATIO = 1 << 16;

/** Decompress one block with the file's algorithm; throws an Error that says what is wrong. */
export function decompress(codecs: Codecs, algorithm: string, bytes: Uint8Array, size: number): Uint8Array {
  if (size > MOST_BLOCK || size > (bytes.length + 64) * MOST_RATIO)
    throw new Error(`it claims ${size} bytes when decompressed`);
  switch (algorithm) {
    case 'zlib':
      return codecs.zlib(bytes, size);
    case 'zstd':
      return codecs.zstd(bytes, size);
    default:
      throw new InputError(
        `compressed with "${algorithm.slice(0, 20)}", which Faultline cannot read (only zlib and zstd)`,
      );
  }
}

/** Pages in compressed chunks: u32 count, then per chunk u32 compressed size, u32 size, bytes. */
export class CompressedPages implements PageSupply {
  #at: number;
  #chunksLeft: number | undefined;
  /** Bytes read ahead, and where they are from. */
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;
  #buffer: Uint8Array | undefined;

  constructor(
    private readonly source: ByteSource,
    private readonly data: CpuData,
    private readonly decompressChunk: (bytes: Uint8Array, size: number) => Uint8Array,
    private readonly diagnostics: Diagnostics,
  ) {
    this.#at = data.offset;
  }

  next(): Uint8Array | undefined {
    if (this.data.size === 0) return undefined;
    this.#chunksLeft ??= this.#u32() ?? this.#cutOff();
    while (this.#chunksLeft > 0) {
      this.#chunksLeft--;
      const compressed = this.#u32();
      const size = this.#u32();
      // The size that the file gives for this CPU leaves out the heads of the chunks: only their number
      // counts.
      if (compressed === undefined || size === undefined || this.#at + compressed > this.source.size) {
        this.#chunksLeft = this.#cutOff();
        break;
      }
      const bytes = this.#bytes(compressed);
      try {
        return aligned(this.decompressChunk(bytes, size));
      } catch (error) {
        if (error instanceof InputError) throw error;
        this.#damage(
          `a chunk of ${compressed} bytes does not decompress (${String(error)}); its events are lost`,
        );
      }
    }
    return undefined;
  }

  /** Say that chunks are missing; there are none left to read. */
  #cutOff(): number {
    this.#damage('its data is cut off');
    return 0;
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

  #damage(what: string): void {
    this.diagnostics.addDamage(`cpu ${this.data.cpu}: ${what}`);
    this.diagnostics.addLoss(this.data.cpu, undefined);
  }
}
