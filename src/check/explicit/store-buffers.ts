/** Store buffers of x86-TSO as numbers: equal contents, equal number; 0 is empty. */

interface Buffer {
  /** Shared cell (its index) and number of the value, oldest first. */
  readonly entries: readonly number[];
}

export class StoreBuffers {
  readonly #buffers: Buffer[] = [{ entries: [] }];
  readonly #numbers = new Map<string, number>([['', 0]]);
  readonly #pushed: Map<number, number>[] = [new Map()];
  readonly #rest: number[] = [0];

  get count(): number {
    return this.#buffers.length;
  }

  /** The buffer with one more store. */
  push(buffer: number, cell: number, value: number): number {
    const key = cell * 0x10000 + value;
    const found = this.#pushed[buffer].get(key);
    if (found !== undefined) return found;
    const next = this.#numberOf([...this.#buffers[buffer].entries, cell, value]);
    this.#pushed[buffer].set(key, next);
    return next;
  }

  /** Cell of the oldest store. */
  oldestCell(buffer: number): number {
    return this.#buffers[buffer].entries[0];
  }

  oldestValue(buffer: number): number {
    return this.#buffers[buffer].entries[1];
  }

  /** The buffer without its oldest store. */
  rest(buffer: number): number {
    return this.#rest[buffer];
  }

  /** Calls `visit` for each store, oldest first. */
  forEach(buffer: number, visit: (cell: number, value: number) => void): void {
    const { entries } = this.#buffers[buffer];
    for (let index = 0; index < entries.length; index += 2) visit(entries[index], entries[index + 1]);
  }

  has(buffer: number, cell: number): boolean {
    const { entries } = this.#buffers[buffer];
    for (let index = 0; index < entries.length; index += 2) if (entries[index] === cell) return true;
    return false;
  }

  #numberOf(entries: readonly number[]): number {
    const key = entries.join();
    const found = this.#numbers.get(key);
    if (found !== undefined) return found;
    const number = this.#buffers.length;
    this.#numbers.set(key, number);
    this.#buffers.push({ entries });
    this.#pushed.push(new Map());
    this.#rest.push(-1);
    this.#rest[number] = this.#numberOf(entries.slice(2));
    return number;
  }
}
