/**
 * Typed arrays that grow while a trace is read and shrink to the narrowest width once it is complete.
 */

/** Any column of integers up to 32 bits. */
export type IntArray = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;

/** Next capacity for a growing column: twice as much, at least `needed`. */
export function grownCapacity(current: number, needed: number): number {
  return Math.max(needed, current * 2, 16);
}

/** A copy of `source` with room for `capacity` elements. */
export function grow<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
  source: T,
  capacity: number,
): T {
  const bigger = new (source.constructor as new (length: number) => T)(capacity);
  bigger.set(source);
  return bigger;
}

/** The first `length` values in the narrowest unsigned array that holds them all. */
function packedUnsigned(values: Uint32Array, length: number): IntArray {
  let seen = 0;
  for (let i = 0; i < length; i++) seen |= values[i];
  if (seen >>> 8 === 0) return copy(new Uint8Array(length), values);
  if (seen >>> 16 === 0) return copy(new Uint16Array(length), values);
  return values.slice(0, length);
}

/** The same for 32-bit patterns in two's complement. */
function packedSigned(bits: Uint32Array, length: number): IntArray {
  const values = new Int32Array(bits.buffer, bits.byteOffset, length);
  let low = 0;
  let high = 0;
  for (let i = 0; i < length; i++) {
    const value = values[i];
    if (value < low) low = value;
    else if (value > high) high = value;
  }
  if (low >= -0x80 && high <= 0x7f) return copy(new Int8Array(length), values);
  if (low >= -0x8000 && high <= 0x7fff) return copy(new Int16Array(length), values);
  return values.slice();
}

function copy<T extends IntArray>(target: T, source: Uint32Array | Int32Array): T {
  for (let i = 0; i < target.length; i++) target[i] = source[i];
  return target;
}

/** Rows that are packed at a time: few enough to stay in the processor's cache until they are. */
export const BLOCK = 8192;

/**
 * Integers up to 32 bits, appended block by block. A block is filled in `scratch`, then packed to the
 * narrowest width that holds it, so that memory is touched once and grows by what is needed.
 */
export class PackedBlocks {
  /** The block being filled; grows to BLOCK and is reused from then on. Unwritten places hold 0. */
  scratch = new Uint32Array(0);
  readonly #blocks: IntArray[] = [];
  #length = 0;
  /** The value that all rows so far share; undefined once two differ. Meaningless while there are none. */
  #common: number | undefined = 0;

  constructor(private readonly signed: boolean) {}

  /** Make room for `capacity` values in the block, at most BLOCK. */
  reserve(capacity: number): void {
    this.scratch = grow(this.scratch, capacity);
  }

  /** The block holds `length` values: put them away and begin another. */
  flush(length: number): void {
    if (length === 0) return;
    const { scratch } = this;
    if (this.#length === 0) this.#common = scratch[0];
    if (this.#common !== undefined && !isUniform(scratch, length, this.#common)) this.#spread(this.#common);
    this.#length += length;
    // While all rows are the same, no block is kept.
    if (this.#common === undefined) {
      this.#blocks.push(this.signed ? packedSigned(scratch, length) : packedUnsigned(scratch, length));
    }
    scratch.fill(0);
  }

  /** As if `count` zeros had been appended, before anything else. */
  skip(count: number): void {
    this.#length = count;
  }

  /**
   * The value that all rows have in common, or undefined; 0 when there are none. Call after the last flush.
   */
  get uniform(): number | undefined {
    return this.#common;
  }

  /** All values, in the narrowest array for them. Call after the last flush. */
  finish(): IntArray {
    if (this.#common !== undefined) this.#spread(this.#common);
    if (this.#blocks.length === 1) return this.#blocks[0];
    const bytes = Math.max(1, ...this.#blocks.map((block) => block.BYTES_PER_ELEMENT));
    return joined(this.#blocks, this.#array(bytes));
  }

  /** Rows so far all hold `value`; keep them as a block from now on. */
  #spread(value: number): void {
    const one = Uint32Array.of(value);
    const narrow = this.signed ? packedSigned(one, 1) : packedUnsigned(one, 1);
    if (this.#length > 0) this.#blocks.push(this.#array(narrow.BYTES_PER_ELEMENT).fill(narrow[0]));
    this.#common = undefined;
  }

  /** Room for all rows so far, at a width. */
  #array(bytes: number): IntArray {
    return this.signed ? signedArray(bytes, this.#length) : unsignedArray(bytes, this.#length);
  }
}

/** All blocks one after the other, in `all`, which has room for them. */
export function joined<T extends IntArray | Float64Array>(blocks: readonly T[], all: T): T {
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

function isUniform(values: Uint32Array, length: number, common: number): boolean {
  for (let i = 0; i < length; i++) if (values[i] !== common) return false;
  return true;
}

/** Small numbers, appended one by one: a byte each until one needs more. */
export class SmallNumbers {
  #values: Uint8Array | Uint16Array | Uint32Array = new Uint8Array(BLOCK);
  #most = 0xff;
  #blocks: (Uint8Array | Uint16Array | Uint32Array)[] = [];

  /** Put `value` at place `slot` of the block. */
  set(slot: number, value: number): void {
    if (value > this.#most) this.#widen(value);
    this.#values[slot] = value;
  }

  flush(length: number): void {
    this.#blocks.push(this.#values.slice(0, length));
  }

  finish(): IntArray {
    const length = this.#blocks.reduce((sum, block) => sum + block.length, 0);
    return joined<IntArray>(this.#blocks, unsignedArray(this.#values.BYTES_PER_ELEMENT, length));
  }

  #widen(value: number): void {
    const wider = value > 0xffff ? new Uint32Array(BLOCK) : new Uint16Array(BLOCK);
    this.#most = value > 0xffff ? 0xffffffff : 0xffff;
    wider.set(this.#values);
    this.#values = wider;
  }
}

function unsignedArray(bytes: number, length: number): IntArray {
  return bytes === 1
    ? new Uint8Array(length)
    : bytes === 2
      ? new Uint16Array(length)
      : new Uint32Array(length);
}

function signedArray(bytes: number, length: number): IntArray {
  return bytes === 1 ? new Int8Array(length) : bytes === 2 ? new Int16Array(length) : new Int32Array(length);
}

/** `values` in the order of `permutation`: result[i] = values[permutation[i]]. */
export function permuted<T extends IntArray | Float64Array>(values: T, permutation: Uint32Array): T {
  const result = new (values.constructor as new (length: number) => T)(permutation.length);
  for (let i = 0; i < permutation.length; i++) result[i] = values[permutation[i]];
  return result;
}
