/**
 * Time stamps of text: `1365.973963`, `1365.973962722`, or bare counts of clocks that are no seconds.
 */
import type { TraceBuilder } from '../../store/builder.js';

// Bytes stand as plain numbers in the hot loops of this folder (46 `.`, 48 `0`, 58 `:`): a constant of a
// module is a load from memory wherever it is used, which costs a fifth of the speed.

/** Seconds whose ns are exact integers of a number. */
const EXACT_SECONDS = 9_000_000;

const EXACT_TICKS = 2n ** 53n;

export class ClockReader {
  /** The stamp read last: ns (or ticks) since the builder's origin. */
  time = 0;
  /** ns per step of the finest stamp seen: 1000 or 1. */
  resolution = 1000;
  /**
   * What the first stamp was: `sec.usec`, or a count. One trace has one clock, so later ones must be the
   * same.
   */
  unit: 'unknown' | 'ns' | 'ticks' = 'unknown';
  readonly #builder: TraceBuilder;
  #originSeconds = 0;

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /** Read a stamp and the colon after it. Returns the position after the colon, or -1. */
  read(bytes: Uint8Array, start: number): number {
    let at = start;
    let whole = 0;
    let digit = (bytes[at] - 48) >>> 0;
    if (digit > 9) return -1;
    do {
      whole = whole * 10 + digit;
      digit = (bytes[++at] - 48) >>> 0;
    } while (digit <= 9);
    if (bytes[at] === 58) return this.#readTicks(bytes, start, at, whole);
    if (bytes[at] !== 46 || at - start > 12) return -1;
    const dot = at;
    let fraction = 0;
    digit = (bytes[++at] - 48) >>> 0;
    while (digit <= 9) {
      fraction = fraction * 10 + digit;
      digit = (bytes[++at] - 48) >>> 0;
    }
    const digits = at - dot - 1;
    if (bytes[at] !== 58 || (digits !== 6 && digits !== 9)) return -1;
    if (this.unit !== 'ns' && !this.#start(whole)) return -1;
    const seconds = whole - this.#originSeconds;
    if (seconds > EXACT_SECONDS || seconds < -EXACT_SECONDS) return -1;
    if (digits === 9) this.resolution = 1;
    this.time = seconds * 1e9 + (digits === 9 ? fraction : fraction * 1000);
    return at + 1;
  }

  #start(seconds: number): boolean {
    if (this.unit !== 'unknown') return false;
    this.unit = 'ns';
    if (seconds > EXACT_SECONDS) {
      this.#originSeconds = seconds;
      this.#builder.origin = BigInt(seconds) * 1_000_000_000n;
    }
    return true;
  }

  #readTicks(bytes: Uint8Array, start: number, end: number, value: number): number {
    if (end - start > 20 || this.unit === 'ns') return -1;
    let exact = BigInt(value);
    if (end - start > 15) {
      exact = 0n;
      for (let at = start; at < end; at++) exact = exact * 10n + BigInt(bytes[at] - 48);
    }
    if (this.unit === 'unknown') {
      this.unit = 'ticks';
      if (exact >= EXACT_TICKS) this.#builder.origin = exact;
    }
    this.time = Number(exact - this.#builder.origin);
    return Number.isSafeInteger(this.time) ? end + 1 : -1;
  }
}
