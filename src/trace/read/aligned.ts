/** The same bytes at an offset that is a multiple of 4 in their buffer, so that words can be read. */
export function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
}
