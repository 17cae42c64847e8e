/**
 * Interned strings of one trace: every name, comm and blob is kept once and columns hold its number.
 */
export class Strings {
  readonly #ids = new Map<string, number>();
  readonly #texts: string[] = [];
  /**
   * Open-addressed cache from a hash of raw bytes to an id: skips making a JavaScript string for known text.
   */
  readonly #byteSlots = new Int32Array(1 << 14).fill(-1);

  constructor() {
    this.intern('');
  }

  get size(): number {
    return this.#texts.length;
  }

  /** The number of `text`; 0 is the empty string. */
  intern(text: string): number {
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.#texts.length;
      this.#ids.set(text, id);
      this.#texts.push(text);
    }
    return id;
  }

  /**
   * The number of the bytes [start, end) read as Latin-1 (one char per byte, so that blobs are kept whole).
   */
  internBytes(bytes: Uint8Array, start: number, end: number): number {
    let hash = end - start;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]) | 0;
    const slot = (hash ^ (hash >>> 15)) & (this.#byteSlots.length - 1);
    const known = this.#byteSlots[slot];
    if (known >= 0 && equalBytes(this.#texts[known], bytes, start, end)) return known;
    const id = this.intern(latin1(bytes, start, end));
    this.#byteSlots[slot] = id;
    return id;
  }

  /** The text with number `id`. */
  text(id: number): string {
    const text = this.#texts[id];
    if (text === undefined) throw new RangeError(`no interned string ${id}`);
    return text;
  }

  /** Bytes held, at two per char: an estimate of the strings themselves. */
  get bytes(): number {
    let sum = 0;
    for (const text of this.#texts) sum += 2 * text.length;
    return sum;
  }
}

function equalBytes(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = start; i < end; i++) if (text.charCodeAt(i - start) !== bytes[i]) return false;
  return true;
}

/** Bytes [start, end) as a string with one char per byte. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, Math.min(end, i + 4096)));
  }
  return text;
}

const utf8 = new TextDecoder();

/** Bytes that are known to be ASCII, such as format files: much faster than `latin1` for long texts. */
export function ascii(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}
