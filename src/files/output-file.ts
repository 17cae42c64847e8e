/**
 * A file that appears only when it is complete: written beside its place, then renamed. Nothing half-written
 * is left behind, whether writing fails or the user interrupts it.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../trace/errors.js';
import type { PatchableSink } from '../trace/write/sink.js';

const BUFFER = 1 << 20;

export class OutputFile implements PatchableSink {
  readonly #partial: string;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER);
  #buffered = 0;
  #written = 0;
  readonly #onInterrupt = () => {
    this.discard();
    process.exit(130);
  };

  /** Opens `path` for writing; its folder is made if need be. */
  constructor(readonly path: string) {
    this.#partial = join(dirname(path), `.${basename(path)}.${process.pid}.partial`);
    try {
      makeFolder(dirname(path));
      this.#fd = openSync(this.#partial, 'w');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new InputError(`cannot be written (${reason})`, { file: path });
    }
    process.once('SIGINT', this.#onInterrupt);
    process.once('SIGTERM', this.#onInterrupt);
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > BUFFER - this.#buffered) this.#flush();
    if (bytes.length > BUFFER) {
      this.#writeOut(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered += bytes.length;
  }

  writeText(text: string): void {
    this.write(Buffer.from(text));
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    this.#flush();
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at, bytes.length - at, offset + at);
  }

  /** The file is complete: put it in its place. */
  commit(): void {
    this.#flush();
    this.#release();
    renameSync(this.#partial, this.path);
  }

  /** Remove what was written. */
  discard(): void {
    this.#release();
    rmSync(this.#partial, { force: true });
  }

  #flush(): void {
    this.#writeOut(this.#buffer.subarray(0, this.#buffered));
    this.#buffered = 0;
  }

  /** Appends at a place of its own, because writeAt must not move it. */
  #writeOut(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;)
      at += writeSync(this.#fd, bytes, at, bytes.length - at, this.#written + at);
    this.#written += bytes.length;
  }

  #release(): void {
    process.off('SIGINT', this.#onInterrupt);
    process.off('SIGTERM', this.#onInterrupt);
    closeSync(this.#fd);
  }
}

/**
 * Makes a folder and those above it. Not mkdir's own `recursive`, which Node 20 never ends in file systems
 * that refuse with ENOENT, such as /proc.
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

const YIELD_MS = 50;

/** Write all chunks to `path`, letting signals in now and then. */
export async function writeChunks(path: string, chunks: Iterable<Uint8Array | string>): Promise<void> {
  const file = new OutputFile(path);
  try {
    let last = performance.now();
    for (const chunk of chunks) {
      if (typeof chunk === 'string') file.writeText(chunk);
      else file.write(chunk);
      if (performance.now() - last > YIELD_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        last = performance.now();
      }
    }
    file.commit();
  } catch (error) {
    file.discard();
    throw error;
  }
}
