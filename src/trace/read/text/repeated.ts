/**
 * Arguments that were read before, and what they gave: the same task on the same CPU often prints the same
 * arguments again.
 *
 * Kinds whose arguments are always new (addresses, say) are looked for only now and then: see `#judge`.
 */
import type { PrintShape } from '../../events/print-shape.js';
import type { ColumnBuilder } from '../../store/column.js';
import { SeenTexts } from './seen-texts.js';

/** Texts remembered per kind. */
const SLOT_BITS = 7;
const SLOTS = 1 << SLOT_BITS;
const MOST_BYTES = 192;
/** A text and what follows it is at least as long as what the slot is chosen by. */
const LEAST_BYTES = 16;
/** Looks after which it is judged whether they pay, and how many of them must find something. */
const TRIAL = 512;
const ENOUGH = TRIAL / 4;
/** Lines without a look after a trial that failed. */
const REST = 1 << 14;

export class RepeatedArguments {
  readonly #columns: readonly ColumnBuilder[];
  readonly #texts = new SeenTexts(SLOTS, MOST_BYTES);
  /** Per slot and column: what the text gave. */
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  /** Per slot: the shape that the text has. */
  readonly #shapes: PrintShape[] = [];
  #slot = 0;
  #looks = 0;
  #finds = 0;
  #rest = 0;

  constructor(columns: readonly ColumnBuilder[]) {
    this.#columns = columns;
    this.#low = new Int32Array(SLOTS * columns.length);
    this.#high = new Int32Array(SLOTS * columns.length);
  }

  /**
   * Fill `row` if the text at `start` is known.
   *
   * @param view the bytes that hold the text
   * @param key what the text probably depends on, such as task and CPU
   * @returns the position of the line end; -1 when the text is not known, but may be kept by `keep`; -2
   * when it may not
   */
  read(view: DataView, start: number, key: number, row: number): number {
    if (this.#rest > 0) {
      this.#rest--;
      return -2;
    }
    if (start + LEAST_BYTES > view.byteLength) return -2;
    if (++this.#looks === TRIAL) this.#judge();
    const hash = Math.imul(view.getInt32(start + 12, true) ^ Math.imul(key, 0x85ebca6b), 0x9e3779b1);
    const slot = hash >>> (32 - SLOT_BITS);
    this.#slot = slot;
    const length = this.#texts.find(view, start, slot);
    if (length === 0) return -1;
    this.#finds++;
    this.#fill(slot, row);
    return start + length - 1;
  }

  /** Remember the text [start, end], which ends with its line end and was read by `shape` into `row`. */
  keep(view: DataView, start: number, end: number, shape: PrintShape, row: number): void {
    const slot = this.#slot;
    if (!this.#texts.keep(view, start, end + 1 - start, slot)) return;
    this.#shapes[slot] = shape;
    const columns = this.#columns;
    let value = slot * columns.length;
    for (let at = 0; at < columns.length; at++, value++) {
      this.#low[value] = columns[at].low[row];
      if (columns[at].wide) this.#high[value] = columns[at].high[row];
    }
  }

  #fill(slot: number, row: number): void {
    const columns = this.#columns;
    let value = slot * columns.length;
    for (let at = 0; at < columns.length; at++, value++) {
      const column = columns[at];
      column.low[row] = this.#low[value];
      if (column.wide) column.high[row] = this.#high[value];
    }
    const { missing } = this.#shapes[slot];
    for (let at = 0; at < missing.length; at++) columns[missing[at]].setAbsent(row);
  }

  #judge(): void {
    if (this.#finds < ENOUGH) this.#rest = REST;
    this.#looks = this.#finds = 0;
  }
}
