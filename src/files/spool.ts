/**
 * Keeps a decompressed stream for random access: in memory while it is small, else in a temporary file that
 * is gone when the spool is closed or the process ends.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemorySource, type ByteSource } from '../trace/read/source.js';

/** Beyond this a temporary file is used. */
const MOST_IN_MEMORY = 1 << 29;

export class Spool {
  #chunks: Uint8Array[] = [];
  #size = 0;
  #file: { fd: number; path: string } | undefined;

  constructor(private readonly mostInMemory = MOST_IN_MEMORY) {}

  push(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (this.#file) {
      writeAll(this.#file.fd, chunk);
      return;
    }
    this.#chunks.push(new Uint8Array(chunk));
    if (this.#size > this.mostInMemory) this.#moveToFile();
  }

  finish(): void {
    // The stream is complete; `source` gives access to it.
  }

  source(): ByteSource {
    const file = this.#file;
    if (!file) {
      const bytes = new Uint8Array(this.#size);
      let at = 0;
      for (const chunk of this.#chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      this.#chunks = [bytes];
      return new MemorySource(bytes);
    }
    const size = this.#size;
    return {
      size,
      read: (offset, length) => {
        const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - offset)));
        const got = readSync(file.fd, buffer, 0, buffer.length, offset);
        return new Uint8Array(buffer.buffer, buffer.byteOffset, got);
      },
    };
  }

  close(): void {
    if (this.#file) closeSync(this.#file.fd);
    this.#file = undefined;
    this.#chunks = [];
  }

  #moveToFile(): void {
    const folder = mkdtempSync(join(tmpdir(), 'faultline-'));
    const path = join(folder, 'spool');
    const fd = openSync(path, 'w+', 0o600);
    // The open descriptor keeps the bytes; without a name nothing is left behind, however the process ends.
    rmSync(folder, { recursive: true });
    for (const chunk of this.#chunks) writeAll(fd, chunk);
    this.#chunks = [];
    this.#file = { fd, path };
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}
