/** How a state is packed: local states of threads and values of cells, in as few bits as they need. */

export interface Field {
  readonly word: number;
  readonly shift: number;
  /** Of the value, before it is shifted. */
  readonly mask: number;
}

/** A value does not fit into its field: with more bits one must begin anew. */
export class LayoutTooSmall extends Error {}

export class Layout {
  readonly fields: Field[] = [];
  readonly words: number;
  // The same as columns, for loops.
  readonly word: Int32Array;
  readonly shift: Int32Array;
  readonly mask: Int32Array;

  /** @param bits of each field, at most 24 */
  constructor(readonly bits: readonly number[]) {
    // Largest first, each into the first word that has room.
    const order = bits.map((_, index) => index).sort((a, b) => bits[b] - bits[a] || a - b);
    const room: number[] = [];
    for (const index of order) {
      let word = room.findIndex((free) => free >= bits[index]);
      if (word < 0) word = room.push(32) - 1;
      const shift = 32 - room[word];
      room[word] -= bits[index];
      this.fields[index] = { word, shift, mask: (1 << bits[index]) - 1 };
    }
    this.words = Math.max(1, room.length);
    this.word = Int32Array.from(this.fields, ({ word }) => word);
    this.shift = Int32Array.from(this.fields, ({ shift }) => shift);
    this.mask = Int32Array.from(this.fields, ({ mask }) => mask);
  }

  /** @throws LayoutTooSmall */
  write(words: Int32Array, field: number, value: number): void {
    const mask = this.mask[field];
    if (value > mask) throw new LayoutTooSmall();
    const word = this.word[field];
    const shift = this.shift[field];
    words[word] = (words[word] & ~(mask << shift)) | (value << shift);
  }

  read(words: Int32Array, at: number, field: number): number {
    return (words[at + this.word[field]] >>> this.shift[field]) & this.mask[field];
  }
}

/** Bits for numbers below `count`, with room to grow. */
export function bitsFor(count: number, spare: number): number {
  return Math.max(1, 32 - Math.clz32(Math.max(0, Math.ceil(count * spare) - 1)));
}
