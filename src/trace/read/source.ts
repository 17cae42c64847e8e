/**
 * Where readers get bytes from, without knowing of files: random access for binary formats, chunks for
 * streams.
 */

/** Random access to bytes that may not fit into memory. */
export interface ByteSource {
  /** Total bytes. */
  readonly size: number;
  /**
   * Up to `length` bytes from `offset`; fewer only where the source ends.
   *
   * @param into at least `length` bytes that the source may use for the answer, to spare it a new array
   */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array;
}

/** Bytes that are in memory already. */
export class MemorySource implements ByteSource {
  constructor(readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }
}

/** A reader that is fed chunks of any size, in order, and fills a TraceBuilder. */
export interface StreamReader {
  /** @param chunk good only until this returns: whoever calls may put the next chunk into the same bytes */
  push(chunk: Uint8Array): void;
  /** No more input: handle what is left over, say what is missing. */
  finish(): void;
}
