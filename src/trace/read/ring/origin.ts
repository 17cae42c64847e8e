/** Stamps from here on do not fit into 53 bits. */
export const MOST_ABSOLUTE = 1n << 52n;

/**
 * The clock value that times count from: 0 while stamps are small enough to be kept whole, else the earliest
 * stamp.
 *
 * @param firstStamps stamp of the first page of each CPU
 */
export function originOf(firstStamps: readonly bigint[]): bigint {
  const first = firstStamps.reduce((a, b) => (b < a ? b : a), firstStamps[0] ?? 0n);
  return first >= MOST_ABSOLUTE ? first : 0n;
}

/** The stamp that a page starts with; none where it is cut off before. */
export function stampOf(page: Uint8Array | undefined): bigint[] {
  if (!page || page.length < 8) return [];
  return [new DataView(page.buffer, page.byteOffset, page.length).getBigUint64(0, true)];
}
