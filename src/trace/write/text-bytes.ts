/**
 * Texts of a trace as bytes and back.
 *
 * The store keeps foreign text with one char per byte (Latin-1), so that a comm that is no valid UTF-8
 * survives. Files get those bytes back unchanged; a char above 0xff can only come from a reader that decoded
 * UTF-8, and becomes UTF-8.
 */
const encoder = new TextEncoder();

/** The bytes of a text of the store. */
export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) return wideBytes(text);
    bytes[i] = code;
  }
  return bytes;
}

function wideBytes(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (code <= 0xff) bytes.push(code);
    else bytes.push(...encoder.encode(char));
  }
  return Uint8Array.from(bytes);
}

/** Hexadecimal digits of a blob (one char per byte), two per byte. */
export function hexOfBlob(blob: string): string {
  let hex = '';
  for (let i = 0; i < blob.length; i++) hex += blob.charCodeAt(i).toString(16).padStart(2, '0');
  return hex;
}
