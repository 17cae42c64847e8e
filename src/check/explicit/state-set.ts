/** An exact set of states of a fixed number of words, numbered in the order in which they came. */

const FIRST_STATES = 1 << 12;

export class StateSet {
  /** Words of the states, one after another. */
  words: Int32Array;
  size = 0;
  #slots: Int32Array;
  #mask: number;

  constructor(readonly width: number) {
    this.words = new Int32Array(FIRST_STATES * width);
    this.#slots = new Int32Array(FIRST_STATES * 2);
    this.#mask = this.#slots.length - 1;
  }

  /** Number of a state; `size` grows when it is new. */
  add(state: Int32Array): number {
    const { width } = this;
    let slot = hash(state, width) & this.#mask;
    for (;;) {
      const found = this.#slots[slot];
      if (found === 0) break;
      if (this.#equals(found - 1, state)) return found - 1;
      slot = (slot + 1) & this.#mask;
    }
    const number = this.size++;
    this.#slots[slot] = number + 1;
    if ((number + 1) * width > this.words.length) this.#grow();
    const at = number * width;
    for (let index = 0; index < width; index++) this.words[at + index] = state[index];
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return number;
  }

  /** Number of a state, or -1. */
  find(state: Int32Array): number {
    let slot = hash(state, this.width) & this.#mask;
    for (;;) {
      const found = this.#slots[slot];
      if (found === 0) return -1;
      if (this.#equals(found - 1, state)) return found - 1;
      slot = (slot + 1) & this.#mask;
    }
  }

  #equals(number: number, state: Int32Array): boolean {
    const { width, words } = this;
    const at = number * width;
    for (let index = 0; index < width; index++) if (words[at + index] !== state[index]) return false;
    return true;
  }

  #grow(): void {
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    const state = new Int32Array(this.width);
    for (let number = 0; number < this.size; number++) {
      for (let index = 0; index < this.width; index++) state[index] = this.words[number * this.width + index];
      let slot = hash(state, this.width) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
    this.#mask = mask;
  }

  /** Bytes that states and table take. */
  get bytes(): number {
    return this.words.byteLength + this.#slots.byteLength;
  }
}

/** Mixes every word well: states differ in few bits. */
function hash(state: Int32Array, width: number): number {
  let h = 0x9e3779b9 | 0;
  for (let index = 0; index < width; index++) {
    h = Math.imul(h ^ state[index], 0x85ebca6b);
    h ^= h >>> 13;
  }
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
