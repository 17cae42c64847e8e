/**
 * Damages bytes at random, the same way for the same seed: for readers that must survive anything.
 */

/** Whole numbers from 0 to below `most`. */
export function randomNumbers(seed: number): (most: number) => number {
  let state = seed | 1;
  return (most) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % most;
  };
}

/**
 * A copy of `bytes` with one to four damages: bytes changed, cut out, doubled, set to extremes, or the end
 * cut off.
 */
export function mutated(bytes: Uint8Array, random: (most: number) => number): Uint8Array {
  let result = bytes;
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const at = random(result.length + 1);
    const length = 1 + random(1 << random(8));
    const end = Math.min(result.length, at + length);
    switch (random(6)) {
      case 0:
        result = joined(result.subarray(0, at), result.subarray(end));
        break;
      case 1:
        result = joined(result.subarray(0, end), result.subarray(at));
        break;
      case 2:
        result = result.slice().fill([0, 0x7f, 0x80, 0xff][random(4)], at, end);
        break;
      case 3:
        if (random(4) === 0) result = result.slice(0, at);
        break;
      default:
        result = result.slice();
        if (at < result.length) result[at] = random(2) === 0 ? random(256) : result[at] ^ (1 << random(8));
    }
  }
  return result;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}
