/**
 * Node's decompressors for the readers: zlib from Node itself, zstd from zstddec (WebAssembly).
 *
 * zstddec was chosen by measurement: 56 MB of ring-buffer pages in 1,205 frames take it 0.14 s, fzstd 0.59 s,
 * a `zstd` process 0.30 s (Node 20 has no zstd of its own). fzstd stays for `.zst` files, which it reads as a
 * stream.
 */
import { inflateSync } from 'node:zlib';
import { ZSTDDecoder } from 'zstddec';
import type { Codecs } from '../trace/read/codecs.js';

let codecs: Promise<Codecs> | undefined;

/** The codecs; the first call compiles the WebAssembly module (about 40 ms). */
export function nodeCodecs(): Promise<Codecs> {
  codecs ??= load();
  return codecs;
}

async function load(): Promise<Codecs> {
  const decoder = new ZSTDDecoder();
  await withoutFetch(() => decoder.init());
  return {
    zlib: (bytes, size) => exactly(inflateSync(bytes, { maxOutputLength: Math.max(1, size) }), size),
    zstd: (bytes, size) => {
      checkFrame(bytes, size);
      return exactly(decoder.decode(bytes, size), size);
    },
  };
}

function exactly(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length !== size) throw new Error('the compressed data is damaged');
  return bytes;
}

/**
 * Check that the frame itself says `size`, so that a damaged size cannot make the decoder reserve memory for
 * it.
 *
 * Source: RFC 8878, section 3.1.1.
 */
function checkFrame(bytes: Uint8Array, size: number): void {
  if (bytes.length < 6) throw notAFrame();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== 0xfd2fb528) throw notAFrame();
  const descriptor = bytes[4];
  const singleSegment = (descriptor >> 5) & 1;
  const sizeBytes = [singleSegment, 2, 4, 8][descriptor >> 6];
  if (sizeBytes === 0) return;
  const at = 5 + (1 - singleSegment) + [0, 1, 2, 4][descriptor & 3];
  if (at + sizeBytes > bytes.length) throw notAFrame();
  let content: number;
  if (sizeBytes === 1) content = bytes[at];
  else if (sizeBytes === 2) content = view.getUint16(at, true) + 256;
  else if (sizeBytes === 4) content = view.getUint32(at, true);
  else content = Number(view.getBigUint64(at, true));
  if (content !== size) throw new Error(`the frame holds ${content} bytes where the file says ${size}`);
}

/** Made only when it is thrown: the stack trace of an Error costs more than checking a frame. */
function notAFrame(): Error {
  return new Error('not a zstd frame');
}

/**
 * zstddec fetches its embedded WebAssembly as a data URL where there is a `fetch`, and decodes it directly
 * where there is none. Node's own fetch takes 20 ms to load, for nothing.
 */
function withoutFetch<T>(start: () => T): T {
  const { fetch } = globalThis;
  Reflect.deleteProperty(globalThis, 'fetch');
  try {
    return start();
  } finally {
    globalThis.fetch = fetch;
  }
}
