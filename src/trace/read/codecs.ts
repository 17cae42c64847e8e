/**
 * Decompression that the host lends to readers: Node and browsers have different fast ones.
 */
export interface Codecs {
  /** Inflate one zlib stream of known size. Throws when the data is damaged or of another size. */
  zlib(bytes: Uint8Array, size: number): Uint8Array;
  /** Decompress one zstd frame of known size. Throws when the data is damaged or of another size. */
  zstd(bytes: Uint8Array, size: number): Uint8Array;
}

/** Where the compressed chunks of one CPU start, and about how many bytes they are. */
export interface AheadPlace {
  readonly offset: number;
  readonly size: number;
}

/** Chunks that are decompressed before the reader asks for them. */
export interface Ahead {
  /**
   * The next chunk of a place, decompressed; valid until the next call for that place. Undefined when the
   * reader must decompress this chunk itself.
   */
  take(place: number): Uint8Array | undefined;
}
