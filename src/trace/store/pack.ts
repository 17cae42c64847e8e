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
export function packedUnsigned(values: Uint16Array | Uint32Array, length: number): IntArray {
  let seen = 0;
  for (let i = 0; i < length; i++) seen |= values[i];
  if (seen >>> 8 === 0) return copy(new Uint8Array(length), values);
  if (seen >>> 16 === 0) return copy(new Uint16Array(length), values);
  return values.slice(0, length);
}

/** The same for 32-bit patterns in two's complement. */
export function packedSigned(bits: Uint32Array, length: number): IntArray {
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

function copy<T extends IntArray>(target: T, source: Uint16Array | Uint32Array | Int32Array): T {
  for (let i = 0; i < target.length; i++) target[i] = source[i];
  return target;
}

/** The value that the first `length` elements share, or undefined when they differ (or there are none). */
export function uniform(values: Uint32Array, length: number): number | undefined {
  if (length === 0) return 0;
  const first = values[0];
  for (let i = 1; i < length; i++) if (values[i] !== first) return undefined;
  return first;
}

/** `values` in the order of `permutation`: result[i] = values[permutation[i]]. */
export function permuted<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(
  values: T,
  permutation: Uint32Array,
): T {
  const result = new (values.constructor as new (length: number) => T)(permutation.length);
  for (let i = 0; i < permutation.length; i++) result[i] = values[permutation[i]];
  return result;
}
