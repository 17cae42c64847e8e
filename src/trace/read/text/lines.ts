/**
 * Cuts a stream of chunks into complete lines without copying them: whole runs of lines are handed on in
 * place, and only a line that straddles two chunks is put together in a buffer.
 */

/** Longest line that is read; the kernel's own lines are under 8 KiB. */
const LONGEST_LINE = 65_536;
const SAMPLE_BYTES = 160;
const NEWLINE = 10;

/** What takes the lines. */
export interface LineSink {
  /**
   * Complete lines: bytes [start, end), the last of which ends a line; no line is longer than LONGEST_LINE.
   */
  lines(bytes: Uint8Array, start: number, end: number): void;
  /** A line too long to be read; `bytes` hold its beginning. */
  tooLong(bytes: Uint8Array): void;
}

export class LineFeeder {
  readonly #sink: LineSink;
  readonly #carry = new Uint8Array(LONGEST_LINE + 1);
  #carried = 0;
  /** In a line that is too long already. */
  #skipping = false;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    // One class of array only (not Node's Buffer): the readers' loops stay monomorphic.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    if (this.#carried > 0 || this.#skipping) {
      const newline = bytes.indexOf(NEWLINE);
      if (newline < 0) {
        this.#keep(bytes, 0, bytes.length);
        return;
      }
      this.#keep(bytes, 0, newline + 1);
      this.#flush();
      start = newline + 1;
    }
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    if (end > start) this.#whole(bytes, start, end);
    this.#keep(bytes, Math.max(start, end), bytes.length);
  }

  /** The input is over. Returns whether it ended inside a line (which is handed on). */
  finish(): boolean {
    const open = this.#carried > 0 || this.#skipping;
    if (open) {
      this.#keep(Uint8Array.of(NEWLINE), 0, 1);
      this.#flush();
    }
    return open;
  }

  /** Runs of lines, cut where a line is too long. */
  #whole(bytes: Uint8Array, start: number, end: number): void {
    let from = start;
    let at = start;
    while (end - at > LONGEST_LINE) {
      const last = bytes.lastIndexOf(NEWLINE, at + LONGEST_LINE - 1);
      if (last >= at) {
        at = last + 1;
        continue;
      }
      if (at > from) this.#sink.lines(bytes, from, at);
      this.#sink.tooLong(bytes.subarray(at, at + SAMPLE_BYTES));
      at = bytes.indexOf(NEWLINE, at) + 1;
      from = at;
    }
    if (end > from) this.#sink.lines(bytes, from, end);
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const room = this.#carry.length - this.#carried;
    const length = Math.min(end - start, room);
    if (!this.#skipping) this.#carry.set(bytes.subarray(start, start + length), this.#carried);
    if (!this.#skipping) this.#carried += length;
    if (this.#carried > LONGEST_LINE) this.#skipping = true;
  }

  #flush(): void {
    if (this.#skipping) this.#sink.tooLong(this.#carry.subarray(0, SAMPLE_BYTES));
    else this.#sink.lines(this.#carry, 0, this.#carried);
    this.#carried = 0;
    this.#skipping = false;
  }
}
