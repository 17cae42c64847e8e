/**
 * Finds the parts of `name=value` text. Bytes stand as plain numbers, for speed (see clock.ts): 10 line end,
 * 13 carriage return, 32 space, 44 `,`, 61 `=`, 91 `[`.
 */
import { latin1 } from '../../store/strings.js';

const FAILED = '[FAILED TO PARSE]';

/** Letters, digits and `_`, as field names have. */
const nameByte = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) nameByte[byte] = /\w/.test(String.fromCharCode(byte)) ? 1 : 0;

/** `ARRAY[e6, 10]`, or pairs of hex digits, as one char per byte. */
export function arrayBytes(text: string): string | undefined {
  const inside = /^ARRAY\[([^\]]*)\]$/.exec(text)?.[1] ?? text;
  const pairs = inside.trim() === '' ? [] : inside.trim().split(/,? +|,/);
  if (!pairs.every((pair) => /^[0-9a-f]{2}$/i.test(pair))) return undefined;
  return String.fromCharCode(...pairs.map((pair) => parseInt(pair, 16)));
}

/** Position after `[FAILED TO PARSE]` and spaces. */
export function afterMarker(bytes: Uint8Array, start: number): number {
  let at = start;
  if (bytes[at] === 91 && latin1(bytes, at, at + FAILED.length) === FAILED) at += FAILED.length;
  while (bytes[at] === 32) at++;
  return at;
}

/** End of the text of a line: before the line end and trailing spaces. */
export function textEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] !== 10) at++;
  while (at > start && (bytes[at - 1] === 32 || bytes[at - 1] === 13)) at--;
  return at;
}

/** Position of the `=` after the name at `start`; -1 when no name stands there. */
export function nameEnd(bytes: Uint8Array, start: number): number {
  const allowed = nameByte;
  let at = start;
  while (allowed[bytes[at]] === 1) at++;
  return at > start && bytes[at] === 61 ? at : -1;
}

/** Start of the next name that follows a space, or `stop`. */
export function nextName(bytes: Uint8Array, start: number, stop: number): number {
  for (let at = start; at < stop; at++) {
    if (bytes[at] === 32 && nameEnd(bytes, at + 1) > 0) return at + 1;
  }
  return stop;
}

/** End of a value before another name: the spaces and a comma between them are no part of it. */
export function trimmedEnd(bytes: Uint8Array, start: number, next: number): number {
  let at = next;
  while (at > start && bytes[at - 1] === 32) at--;
  return at > start && bytes[at - 1] === 44 ? at - 1 : at;
}

export function columnNamed(
  names: readonly Uint8Array[],
  bytes: Uint8Array,
  start: number,
  end: number,
  expected: number,
): number {
  for (let step = 0; step < names.length; step++) {
    const index = (expected + step) % names.length;
    if (isName(names[index], bytes, start, end)) return index;
  }
  return -1;
}

function isName(name: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}

/** Position after `name=` if exactly that stands at `start`, else -1. */
export function afterName(name: Uint8Array, bytes: Uint8Array, start: number): number {
  const { length } = name;
  for (let i = 0; i < length; i++) if (name[i] !== bytes[start + i]) return -1;
  return bytes[start + length] === 61 ? start + length + 1 : -1;
}

/** End of the word at `start`; -1 where a comma or carriage return ends it, which may be no part of it. */
export function wordEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (bytes[at] !== 32 && bytes[at] !== 10) at++;
  return bytes[at - 1] === 44 || bytes[at - 1] === 13 ? -1 : at;
}
