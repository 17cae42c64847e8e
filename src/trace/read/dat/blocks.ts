/**
 * Compressed blocks of a trace.dat: sections, and the pages of one CPU.
 */
import { InputError } from '../../errors.js';
import type { Diagnostics } from '../../store/diagnostics.js';
import { aligned } from '../aligned.js';
import type { Codecs } from '../codecs.js';
import type { PageSupply } from '../ring/cpu-cursor.js';
import type { ByteSource } from '../source.js';
import { ChunkWalker } from './chunks.js';
import type { CpuData } from './dat-file.js';

/** Larger blocks are not believed: a damaged size must not exhaust memory. */
const MOST_BLOCK = 1 << 28;
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

/** Pages in compressed chunks. */
export class CompressedPages implements PageSupply {
  readonly #walker: ChunkWalker;

  /** @param unpack decompresses a chunk, or takes it from where that has been done already */
  constructor(
    source: ByteSource,
    private readonly data: CpuData,
    private readonly unpack: (bytes: Uint8Array, size: number) => Uint8Array,
    private readonly diagnostics: Diagnostics,
  ) {
    this.#walker = new ChunkWalker(source, data.offset);
  }

  next(): Uint8Array | undefined {
    if (this.data.size === 0) return undefined;
    while (this.#walker.chunksLeft > 0) {
      const chunk = this.#walker.next();
      if (chunk === undefined) {
        this.#damage('its data is cut off');
        return undefined;
      }
      try {
        return aligned(this.unpack(chunk.bytes, chunk.size));
      } catch (error) {
        if (error instanceof InputError) throw error;
        const { length } = chunk.bytes;
        this.#damage(
          `a chunk of ${length} bytes does not decompress (${String(error)}); its events are lost`,
        );
      }
    }
    return undefined;
  }

  #damage(what: string): void {
    this.diagnostics.addDamage(`cpu ${this.data.cpu}: ${what}`);
    this.diagnostics.addLoss(this.data.cpu, undefined);
  }
}
