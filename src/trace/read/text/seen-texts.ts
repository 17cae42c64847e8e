/**
 * Remembers short texts and recognizes them again by comparing words: most of what a line begins with, and
 * often its arguments, stood in an earlier line, and comparing is several times faster than reading.
 *
 * Words are eight bytes, taken as doubles: the engine has no faster way to compare so many. Two doubles that
 * are equal have the same bytes unless they are zeros, and those are not kept; one that is no number equals
 * nothing, so its text is just not found.
 *
 * A text has a slot, which whoever looks for it chooses; a slot remembers one text.
 */

/** Bytes of a word. No shorter text is remembered. */
const WORD = 8;

export class SeenTexts {
  readonly #most: number;
  readonly #slots: number;
  /** Words of a slot: those of its text from the start on; the last one overlaps the one before. */
  readonly #stride: number;
  /** Made for the first text: many kinds of event have few lines. */
  #words = new Float64Array(0);
  /** Per slot: bytes of its text; 0: none yet. */
  readonly #lengths: Uint8Array;

  /**
   * @param slots how many texts are remembered
   * @param most bytes of a text that is remembered: a multiple of eight below 256
   */
  constructor(slots: number, most: number) {
    this.#slots = slots;
    this.#most = most;
    this.#stride = most / WORD;
    this.#lengths = new Uint8Array(slots);
  }

  /** Length of the text of `slot` if that stands at `start` of `view`, else 0. */
  find(view: DataView, start: number, slot: number): number {
    const length = this.#lengths[slot];
    if (length === 0 || start + length > view.byteLength) return 0;
    const words = this.#words;
    const last = start + length - WORD;
    let word = slot * this.#stride;
    for (let at = start; at < last; at += WORD) if (view.getFloat64(at, true) !== words[word++]) return 0;
    return view.getFloat64(last, true) === words[word] ? length : 0;
  }

  /** Remember `length` bytes at `start` in `slot`. Returns whether they can be. */
  keep(view: DataView, start: number, length: number, slot: number): boolean {
    this.#lengths[slot] = 0;
    if (length < WORD || length > this.#most) return false;
    if (this.#words.length === 0) this.#words = new Float64Array(this.#slots * this.#stride);
    const words = this.#words;
    const last = start + length - WORD;
    let word = slot * this.#stride;
    for (let at = start; at < last; at += WORD) {
      const value = view.getFloat64(at, true);
      if (value === 0) return false;
      words[word++] = value;
    }
    words[word] = view.getFloat64(last, true);
    if (words[word] === 0) return false;
    this.#lengths[slot] = length;
    return true;
  }
}
