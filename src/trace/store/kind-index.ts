/**
 * Which events are of which kind, and which row of its kind each event has: built when first asked for.
 */
import type { IntArray } from './pack.js';

export class KindIndex {
  #built: { lists: Uint32Array[]; row: Uint32Array } | undefined;

  /**
   * @param kindOf kind of each event
   * @param counts events of each kind
   */
  constructor(
    private readonly kindOf: IntArray,
    private readonly counts: readonly number[],
  ) {}

  /** Events of each kind, ascending. */
  get lists(): readonly Uint32Array[] {
    return this.#index.lists;
  }

  /** Row of each event: rows of a kind count its events. */
  get row(): Uint32Array {
    return this.#index.row;
  }

  /** Bytes of what has been built. */
  get bytes(): number {
    if (!this.#built) return 0;
    return this.#built.lists.reduce((sum, list) => sum + list.byteLength, this.#built.row.byteLength);
  }

  get #index(): { lists: Uint32Array[]; row: Uint32Array } {
    return (this.#built ??= this.#build());
  }

  #build(): { lists: Uint32Array[]; row: Uint32Array } {
    const { kindOf } = this;
    const lists = this.counts.map((count) => new Uint32Array(count));
    const next = new Uint32Array(lists.length);
    const row = new Uint32Array(kindOf.length);
    for (let event = 0; event < kindOf.length; event++) {
      const kind = kindOf[event];
      const at = next[kind]++;
      row[event] = at;
      lists[kind][at] = event;
    }
    return { lists, row };
  }
}
