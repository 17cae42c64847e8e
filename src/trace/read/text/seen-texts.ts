/**
 * Remembers short texts and recognizes them again by comparing words: most of what a line begins with, and
 * often its arguments, stood in an earlier line, and comparing is several times faster than reading.
 *
 * A text has a slot, which whoever looks for it chooses; a slot remembers one text. Texts have at least four
 * bytes.
 */
export class SeenTexts {
  readonly #most: number;
  readonly #slots: number;
  /** Words of a slot: those of its text from the start on; the last one overlaps the one before. */
  readonly #stride: number;
  /** Made for the first text: many kinds of event have few lines. */
  #words = new Int32Array(0);
  /** Per slot: bytes of its text; 0: none yet. */
  readonly #lengths: Uint8Array;

  /**
   * @param slots how many texts are remembered
   * @param most bytes of a text that is remembered: a multiple of four below 256
   */
  constructor(slots: number, most: number) {
    this.#slots = slots;
    this.#most = most;
    this.#stride = most >> 2;
    this.#lengths = new Uint8Array(slots);
  }

  /** Length of the text of `slot` if that stands at `start` of `view`, else 0. */
  find(view: DataView, start: number, slot: number): number {
    const length = this.#lengths[slot];
    if (length === 0 || start + length > view.byteLength) return 0;
    const words = this.#words;
    const last = start + length - 4;
    let word = slot * this.#stride;
    for (let at = start; at < last; at += 4) if (view.getInt32(at, true) !== words[word++]) return 0;
    return view.getInt32(last, true) === words[word] ? length : 0;
  }

  /** Remember `length` bytes at `start` in `slot`. Returns whether they are few enough. */
  keep(view: DataView, start: number, length: number, slot: number): boolean {
    if (length < 4 || length > this.#most) return false;
    if (this.#words.length === 0) this.#words = new Int32Array(this.#slots * this.#stride);
    const words = this.#words;
    const last = start + length - 4;
    let word = slot * this.#stride;
    for (let at = start; at < last; at += 4) words[word++] = view.getInt32(at, true);
    words[word] = view.getInt32(last, true);
    this.#lengths[slot] = length;
    return true;
  }
}
