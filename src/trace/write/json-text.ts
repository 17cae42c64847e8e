/**
 * Texts of the store as JSON strings, so that a reader can get the very bytes back.
 *
 * Bytes that are UTF-8 become the characters that they spell. Bytes that are not become lone surrogates
 * U+DC80 to U+DCFF, as Python's `surrogateescape` does: legal JSON, and no other text turns into them.
 */
import { textBytes } from './text-bytes.js';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** `text` with its quotes. */
export function jsonText(text: string): string {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) > 0x7e) return JSON.stringify(decoded(textBytes(text)));
  return JSON.stringify(text);
}

function decoded(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return decodedInPieces(bytes);
  }
}

function decodedInPieces(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length > 0) text += decoder.decode(bytes.subarray(at, at + length));
    else text += String.fromCharCode(0xdc00 + bytes[at]);
    at += Math.max(1, length);
  }
  return text;
}

/** Bytes of the UTF-8 sequence at `at`; 0 when there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at];
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  try {
    decoder.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}
