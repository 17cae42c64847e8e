/**
 * Decompression that the host lends to readers: Node and browsers have different fast ones.
 */
export interface Codecs {
  /** Inflate one zlib stream of known size. Throws when the data is damaged or of another size. */
  zlib(bytes: Uint8Array, size: number): Uint8Array;
  /** Decompress one zstd frame of known size. Throws when the data is damaged or of another size. */
  zstd(bytes: Uint8Array, size: number): Uint8Array;
}
