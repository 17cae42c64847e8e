/**
 * Reads the text of a symbol table (`SPIN|WRITE`, `EXIT_NPF`) from bytes, remembering what it has seen.
 */
import { latin1 } from '../store/strings.js';
import type { SymbolTable } from './symbol-table.js';

const WORD = 2 ** 32;
const SLOTS = 1 << 8;
/** Longest text that is remembered; longer ones are read anew each time. */
const LONGEST = 48;

export class SymbolReader {
  /** Halves of the number that `read` found, in two's complement, each a signed 32-bit pattern. */
  low = 0;
  high = 0;
  readonly #table: SymbolTable;
  /** Per slot: bytes of the text, its length (0: empty slot), halves of its number. */
  readonly #texts = new Uint8Array(SLOTS * LONGEST);
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #lows = new Int32Array(SLOTS);
  readonly #highs = new Int32Array(SLOTS);

  private constructor(table: SymbolTable) {
    this.#table = table;
  }

  /** The reader of `table`: one per table, for all shapes that use it. */
  static of(table: SymbolTable): SymbolReader {
    let reader = readers.get(table);
    if (!reader) readers.set(table, (reader = new SymbolReader(table)));
    return reader;
  }

  /** Whether the text in [start, end) belongs to the table; then `low` and `high` hold its number. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (length === 0 || length > LONGEST) return this.#look(bytes, start, end);
    let hash = length;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]) | 0;
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    if (this.#lengths[slot] === length && this.#same(slot, bytes, start, length)) {
      this.low = this.#lows[slot];
      this.high = this.#highs[slot];
      return true;
    }
    if (!this.#look(bytes, start, end)) return false;
    this.#lengths[slot] = length;
    this.#texts.set(bytes.subarray(start, end), slot * LONGEST);
    this.#lows[slot] = this.low;
    this.#highs[slot] = this.high;
    return true;
  }

  #same(slot: number, bytes: Uint8Array, start: number, length: number): boolean {
    const texts = this.#texts;
    const base = slot * LONGEST;
    for (let i = 0; i < length; i++) if (texts[base + i] !== bytes[start + i]) return false;
    return true;
  }

  #look(bytes: Uint8Array, start: number, end: number): boolean {
    const value = this.#table.parse(latin1(bytes, start, end));
    if (value === undefined || !Number.isSafeInteger(value)) return false;
    this.low = value | 0;
    this.high = Math.floor(value / WORD) | 0;
    return true;
  }
}

const readers = new WeakMap<SymbolTable, SymbolReader>();
