/**
 * Which reader a file wants, told by its first bytes and never by its name.
 */
import { MAGIC } from './dat/read-trace-dat.js';
import { detectTextLayout } from './text/detect.js';

export type TraceFormat = 'trace.dat' | 'perfetto' | 'chrome' | 'text' | 'unknown';

/** Bytes that `detectFormat` wants to see; fewer only when the file is shorter. */
export const DETECT_BYTES = 1 << 16;

/** The format of a file that starts with `head`. */
export function detectFormat(head: Uint8Array): TraceFormat {
  if (MAGIC.every((byte, i) => head[i] === byte)) return 'trace.dat';
  if (looksLikePerfetto(head)) return 'perfetto';
  if (detectTextLayout(head) !== undefined) return 'text';
  if (looksLikeJson(head)) return 'chrome';
  return 'unknown';
}

function looksLikeJson(head: Uint8Array): boolean {
  let at = 0;
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) at = 3;
  while (at < head.length && (head[at] === 0x20 || (head[at] >= 9 && head[at] <= 13))) at++;
  return head[at] === 0x7b || head[at] === 0x5b;
}

/**
 * A Perfetto trace is one repeated field: tag 0x0a, length, packet. Two well-formed packets in a row (or one
 * that ends the file), each starting with a legal tag, are no accident.
 */
function looksLikePerfetto(head: Uint8Array): boolean {
  let at = 0;
  for (let packet = 0; packet < 2; packet++) {
    if (at === head.length && packet > 0) return true;
    if (head[at] !== 0x0a) return false;
    let length = 0;
    let shift = 0;
    at++;
    for (; at < head.length && shift < 35; shift += 7) {
      const byte = head[at++];
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const wireType = head[at] & 7;
    if (
      length === 0 ||
      at >= head.length ||
      (wireType !== 0 && wireType !== 1 && wireType !== 2 && wireType !== 5)
    )
      return false;
    if (length > 1 << 28) return false;
    at += length;
    // The next packet lies beyond what we were shown: believe the first unless it reads as text.
    if (at > head.length) return head.subarray(0, 64).some((byte) => byte < 9 || byte > 126);
  }
  return true;
}
