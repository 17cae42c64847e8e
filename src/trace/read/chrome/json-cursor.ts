/**
 * Reads JSON from bytes without losing anything: numbers stay text, so that no digit of a 64-bit value is
 * rounded, and strings become one char per byte as the store keeps them.
 *
 * Every method returns undefined (or false) where the bytes are no JSON.
 */
import type { Strings } from '../../store/strings.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Digits that a double always holds exactly. */
const MOST_EXACT_DIGITS = 15;
const encoder = new TextEncoder();

/** A JSON value as it stands in the file. */
export interface JsonValue {
  readonly kind: 'text' | 'number' | 'word' | 'nested';
  /** Decoded string, digits, `true` `false` `null`, or the JSON text of an object or array. */
  readonly text: string;
  /** An integer, or decimal fraction, of few enough digits to be exact; its `text` is then ''. */
  readonly small?: SmallNumber;
}

/** `digits` / 10^`decimals`. */
export interface SmallNumber {
  readonly digits: number;
  readonly decimals: number;
}

export class JsonCursor {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  constructor(readonly strings: Strings) {}

  /** Read the bytes from `start` to `end` from now on. */
  reset(bytes: Uint8Array, start: number, end: number): this {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    return this;
  }

  /** Take one punctuation mark if it comes next. */
  take(char: number): boolean {
    this.#space();
    if (this.#at >= this.#end || this.#bytes[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  /** The next byte that is no space, or -1 at the end. */
  peek(): number {
    this.#space();
    return this.#at < this.#end ? this.#bytes[this.#at] : -1;
  }

  get position(): number {
    return this.#at;
  }

  string(): string | undefined {
    if (!this.take(QUOTE)) return undefined;
    const bytes = this.#bytes;
    const start = this.#at;
    let escaped = false;
    for (let at = start; at < this.#end; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#at = at + 1;
        return escaped
          ? this.#unescape(start, at)
          : this.strings.text(this.strings.internBytes(bytes, start, at));
      }
      if (byte === BACKSLASH) {
        escaped = true;
        at++;
      }
    }
    return undefined;
  }

  value(): JsonValue | undefined {
    const next = this.peek();
    if (next === QUOTE) {
      const text = this.string();
      return text === undefined ? undefined : { kind: 'text', text };
    }
    const start = this.#at;
    const small = this.#small();
    if (small) return { kind: 'number', text: '', small };
    if (next === 0x7b || next === 0x5b) {
      if (!this.#nested()) return undefined;
      return { kind: 'nested', text: this.#slice(start) };
    }
    while (this.#at < this.#end && isWordByte(this.#bytes[this.#at])) this.#at++;
    const text = this.#slice(start);
    if (/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return { kind: 'number', text };
    return /^(?:true|false|null)$/.test(text) ? { kind: 'word', text } : undefined;
  }

  /** Most numbers: perhaps a minus, at most 15 digits, perhaps a point among them. Takes no others. */
  #small(): SmallNumber | undefined {
    const bytes = this.#bytes;
    const negative = bytes[this.#at] === 0x2d;
    const first = negative ? this.#at + 1 : this.#at;
    let at = first;
    let digits = 0;
    let point = -1;
    for (; at < this.#end; at++) {
      const byte = bytes[at];
      if (byte >= 0x30 && byte <= 0x39) digits = digits * 10 + byte - 0x30;
      else if (byte === 0x2e && point < 0 && at > first) point = at;
      else break;
    }
    const length = at - first - (point < 0 ? 0 : 1);
    const whole = at >= this.#end || !isWordByte(bytes[at]);
    if (!whole || length < 1 || length > MOST_EXACT_DIGITS || point === at - 1) return undefined;
    this.#at = at;
    return { digits: negative ? 0 - digits : digits, decimals: point < 0 ? 0 : at - point - 1 };
  }

  /** Skip an object or array. */
  #nested(): boolean {
    let depth = 0;
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at];
      if (byte === QUOTE) {
        if (!this.#skipString()) return false;
        continue;
      }
      this.#at++;
      if (byte === 0x7b || byte === 0x5b) depth++;
      else if ((byte === 0x7d || byte === 0x5d) && --depth === 0) return true;
    }
    return false;
  }

  #skipString(): boolean {
    for (let at = this.#at + 1; at < this.#end; at++) {
      if (this.#bytes[at] === BACKSLASH) at++;
      else if (this.#bytes[at] === QUOTE) {
        this.#at = at + 1;
        return true;
      }
    }
    return false;
  }

  #space(): void {
    while (this.#at < this.#end && isSpace(this.#bytes[this.#at])) this.#at++;
  }

  #slice(start: number): string {
    let text = '';
    for (let at = start; at < this.#at; at += 4096) {
      text += String.fromCharCode(...this.#bytes.subarray(at, Math.min(this.#at, at + 4096)));
    }
    return text;
  }

  #unescape(start: number, end: number): string | undefined {
    let text = '';
    for (let at = start; at < end; at++) {
      const byte = this.#bytes[at];
      if (byte !== BACKSLASH) {
        text += String.fromCharCode(byte);
        continue;
      }
      const letter = String.fromCharCode(this.#bytes[++at]);
      if (letter !== 'u') {
        const plain = ESCAPES.get(letter);
        if (plain === undefined) return undefined;
        text += plain;
        continue;
      }
      const code = this.#hex(at + 1, end);
      if (code === undefined) return undefined;
      at += 4;
      const low = isHighSurrogate(code) && this.#bytes[at + 1] === BACKSLASH && this.#bytes[at + 2] === 0x75;
      const second = low ? this.#hex(at + 3, end) : undefined;
      if (second !== undefined && second >= 0xdc00 && second < 0xe000) {
        text += bytesOf(0x10000 + (code - 0xd800) * 0x400 + (second - 0xdc00));
        at += 6;
      } else text += bytesOf(code);
    }
    return text;
  }

  #hex(at: number, end: number): number | undefined {
    if (at + 4 > end) return undefined;
    const text = String.fromCharCode(...this.#bytes.subarray(at, at + 4));
    return /^[0-9a-f]{4}$/i.test(text) ? Number.parseInt(text, 16) : undefined;
  }
}

const ESCAPES = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code < 0xdc00;

/** UTF-8 of a code point, one char per byte; a lone U+DC80 to U+DCFF stands for a byte that is no UTF-8. */
function bytesOf(code: number): string {
  if (code >= 0xdc80 && code < 0xdd00) return String.fromCharCode(code - 0xdc00);
  return String.fromCharCode(...encoder.encode(String.fromCodePoint(code)));
}

export function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 9 && byte <= 13);
}

/** Bytes of numbers and of true, false, null. */
function isWordByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x45 ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e
  );
}
