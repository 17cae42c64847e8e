/**
 * Where writers put bytes, without knowing of files.
 */

/** Takes bytes in order, and lets a few earlier ones be filled in once they are known. */
export interface PatchableSink {
  /** Append. The caller may reuse `bytes` afterwards. */
  write(bytes: Uint8Array): void;
  /** Overwrite bytes that were written before. */
  writeAt(offset: number, bytes: Uint8Array): void;
}

/** What a writer could not say in its format; each note is one sentence for the user. */
export interface WriteSummary {
  /** Events written. */
  readonly events: number;
  /** Bytes written. */
  readonly bytes: number;
  readonly notes: readonly string[];
}

/**
 * Keeps everything in memory: what the browser offers for download.
 *
 * @internal for tests until then
 */
export class MemorySink implements PatchableSink {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  write(bytes: Uint8Array): void {
    const end = this.#length + bytes.length;
    if (end > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      bigger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = bigger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = end;
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, offset);
  }

  /** All bytes so far. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
