/**
 * Random access to a file on disk, without reading it whole.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ByteSource } from '../trace/read/source.js';

export class FileSource implements ByteSource {
  readonly #fd: number;
  readonly size: number;
  /** False for pipes and devices, which can only be read as a stream. */
  readonly isRegular: boolean;

  constructor(readonly path: string) {
    this.#fd = openSync(path, 'r');
    const status = fstatSync(this.#fd);
    this.size = status.size;
    this.isRegular = status.isFile();
  }

  read(offset: number, length: number, into?: Uint8Array): Uint8Array {
    const wanted = Math.max(0, Math.min(length, this.size - offset));
    const buffer = into ?? Buffer.allocUnsafeSlow(wanted);
    let done = 0;
    while (done < wanted) {
      const got = readSync(this.#fd, buffer, done, wanted - done, offset + done);
      if (got === 0) break;
      done += got;
    }
    // A plain Uint8Array: a Buffer's slice() would share memory where callers expect a copy.
    return new Uint8Array(buffer.buffer, buffer.byteOffset, done);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
