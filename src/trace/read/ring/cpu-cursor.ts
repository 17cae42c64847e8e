/**
 * Walks the ring-buffer pages of one CPU, event by event.
 *
 * A page (the same in trace_pipe_raw and trace.dat): u64 time stamp; a long `commit` whose low 27 bits count
 * the bytes of data, bit 31 says that events were lost before this page and bit 30 that their number follows
 * the data; then the data. An event starts with a word: 5 bits type_len, 27 bits time delta.
 *
 *     type_len 0       the next word is the length of the data, itself included
 *              1..28   data of type_len * 4 bytes
 *              29      padding: delta 0 ends the page, else the next word says how much to skip
 *              30      time extend: delta and the next word (<< 27) are added to the clock
 *              31      absolute time: delta and the next word (<< 27) are the clock; the top 5 bits stay
 *
 * Source: kernel/trace/ring_buffer.c, include/linux/ring_buffer.h.
 */
import type { Diagnostics } from '../../store/diagnostics.js';

/** The pages of one CPU, some at a time. */
export interface PageSupply {
  /**
   * The next whole pages, or undefined at the end. The array starts at a multiple of 4 in its buffer and is
   * valid until the next call. Only the last page may be cut short.
   */
  next(): Uint8Array | undefined;
}

/** How pages are laid out and clocks read, the same for all CPUs of a buffer. */
export interface PageLayout {
  /** Bytes of a page, a power of two. */
  readonly pageSize: number;
  /** Offset of the data in a page: 16 on 64-bit kernels, 12 on 32-bit ones. */
  readonly dataOffset: number;
  /** Clock value of time 0. */
  readonly origin: bigint;
  /** From clock value to ns since the trace's origin; undefined when the clock counts ns already. */
  readonly convert?: (clock: bigint, cpu: number) => number;
}

const WORD = 2 ** 32;
const EXTEND = 2 ** 27;
/** Above this high half a stamp needs more than 53 bits. */
const SAFE_HIGH = 2 ** 21;
const COMMIT_MASK = 0x7ffffff;
const LOST = 0x80000000;
const LOST_STORED = 0x40000000;
/** Absolute stamps hold 59 bits; the rest comes from the clock so far. */
const ABSOLUTE_BITS = (1n << 59n) - 1n;

export class CpuCursor {
  /** Time of the current event, ns since the trace's origin. */
  time = 0;
  /** Where the current event's data starts in `bytes`, and how long it is. */
  at = 0;
  length = 0;
  bytes: Uint8Array = new Uint8Array(0);
  words: Uint32Array = new Uint32Array(0);
  /** Called before `bytes` and `words` are replaced. */
  onBlockEnd: (() => void) | undefined;

  /** The clock, relative to layout.origin; equals `time` unless the clock is converted. */
  #clock = 0;
  #next = 0;
  #end = 0;
  #pageStart = 0;
  #nextPage = 0;
  #lossPending: { events: number | undefined } | undefined;
  #lastTime = -Infinity;

  constructor(
    readonly cpu: number,
    private readonly supply: PageSupply,
    private readonly layout: PageLayout,
    private readonly diagnostics: Diagnostics,
  ) {}

  /** Move to the next event; false at the end. */
  advance(): boolean {
    for (;;) {
      if (this.#next >= this.#end) {
        if (!this.#openPage()) return false;
        continue;
      }
      const word = this.words[this.#next >>> 2];
      const typeLength = word & 31;
      const delta = word >>> 5;
      if (typeLength > 28) {
        this.#special(typeLength, delta);
        continue;
      }
      let at = this.#next + 4;
      let length = typeLength << 2;
      if (typeLength === 0) {
        length = (this.words[at >>> 2] - 4 + 3) & ~3;
        at += 4;
      }
      if (length < 0 || at + length > this.#end) {
        this.#damagedPage(`an event of ${length} bytes crosses the end of its page`);
        continue;
      }
      this.#next = at + length;
      this.#clock += delta;
      this.at = at;
      this.length = length;
      this.#stamp();
      return true;
    }
  }

  #special(type: number, delta: number): void {
    const at = this.#next;
    if (type === 29 && delta === 0) {
      this.#next = this.#end;
      return;
    }
    if (at + 8 > this.#end) {
      this.#damagedPage('the page ends inside a time stamp');
      return;
    }
    const second = this.words[(at >>> 2) + 1];
    if (type === 29) {
      // A discarded event: its delta still counts, because its successor's delta starts from it.
      this.#clock += delta;
      const skip = (second + 3) & ~3;
      if (skip < 4 || at + 4 + skip > this.#end) this.#damagedPage('padding crosses the end of its page');
      else this.#next = at + 4 + skip;
      return;
    }
    if (type === 30) this.#clock += delta + second * EXTEND;
    else this.#setAbsolute((BigInt(second) << 27n) | BigInt(delta));
    this.#next = at + 8;
  }

  #setAbsolute(stamp: bigint): void {
    const clock = this.layout.origin + BigInt(this.#clock);
    this.#clock = Number(((clock & ~ABSOLUTE_BITS) | stamp) - this.layout.origin);
  }

  #stamp(): void {
    const { convert } = this.layout;
    this.time = convert ? convert(this.layout.origin + BigInt(this.#clock), this.cpu) : this.#clock;
    if (this.time < this.#lastTime) {
      this.diagnostics.addBackstep(this.#lastTime - this.time);
    } else {
      this.#lastTime = this.time;
    }
    if (this.#lossPending) {
      this.diagnostics.addLoss(this.cpu, this.#lossPending.events, this.time);
      this.#lossPending = undefined;
    }
  }

  #openPage(): boolean {
    if (this.#nextPage >= this.bytes.length && !this.#openBlock()) {
      if (this.#lossPending) this.diagnostics.addLoss(this.cpu, this.#lossPending.events);
      this.#lossPending = undefined;
      return false;
    }
    const { pageSize, dataOffset } = this.layout;
    const page = this.#nextPage;
    this.#pageStart = page;
    this.#nextPage = page + pageSize;
    const available = Math.min(this.bytes.length - page, pageSize) & ~3;
    if (available < dataOffset) {
      this.#damage(`the last page has only ${this.bytes.length - page} bytes`);
      this.#next = this.#end = 0;
      return true;
    }
    this.#readHeader(page, available);
    return true;
  }

  #readHeader(page: number, available: number): void {
    const { pageSize, dataOffset, origin } = this.layout;
    const low = this.words[page >>> 2];
    const high = this.words[(page >>> 2) + 1];
    const commit = this.words[(page >>> 2) + 2];
    const size = commit & COMMIT_MASK;
    this.#clock =
      origin === 0n && high < SAFE_HIGH
        ? high * WORD + low
        : Number(((BigInt(high) << 32n) | BigInt(low)) - origin);
    this.#next = page + dataOffset;
    this.#end = this.#next + size;
    if (size > pageSize - dataOffset) {
      this.#damage(`a page claims ${size} bytes of data, more than fit; it is skipped`);
      this.#next = this.#end;
      return;
    }
    if (this.#end > page + available) {
      this.#damage(`a page is cut off after ${available} of ${dataOffset + size} bytes`);
      this.#end = page + available;
    }
    if ((commit & LOST) !== 0) {
      const stored = (commit & LOST_STORED) !== 0 && this.#end + 4 <= page + available;
      this.#lossPending = { events: stored ? this.words[this.#end >>> 2] : undefined };
    }
  }

  #openBlock(): boolean {
    if (this.bytes.length > 0) this.onBlockEnd?.();
    const block = this.supply.next();
    if (!block) return false;
    this.bytes = block;
    this.words = new Uint32Array(block.buffer, block.byteOffset, block.length >>> 2);
    this.#nextPage = 0;
    return block.length > 0;
  }

  #damagedPage(what: string): void {
    this.#damage(`${what}; the rest of the page is skipped`);
    this.#next = this.#end;
    // What was skipped is lost, in unknown number.
    this.#lossPending ??= { events: undefined };
  }

  #damage(what: string): void {
    this.diagnostics.addDamage(`cpu ${this.cpu}, page at ${this.#pageStart} of its block: ${what}`);
  }
}
