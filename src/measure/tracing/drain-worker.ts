/**
 * Moves pages of the kernel's ring buffers into files while the guest runs. Started with a DrainTask; says
 * `ready`, and ends when it was told to finish and the buffers are empty.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Command, type DrainTask } from './drain-control.js';

/** Between two looks at the buffers, ms: short beside the time in which a buffer fills. */
const PERIOD_MS = 20;
/** Pages that are written at a time. */
const PAGES = 64;
/** Of a page's header: where its data begins, and of the word before, which bits count them. */
const HEADER_BYTES = 16;
const COMMIT_AT = 8;
const COMMIT_MASK = 0x7ffffff;
/** A page with less of it filled is the one that the kernel writes to now, taken in part. */
const FULL_SHARE = 0.75;

/** The pages of one CPU. */
class Stream {
  readonly #from: number;
  readonly #to: number;
  readonly #block: Uint8Array;
  readonly #view: DataView;
  #filled = 0;

  constructor(
    from: string,
    to: string,
    private readonly pageBytes: number,
  ) {
    this.#from = openSync(from, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#to = openSync(to, 'w');
    this.#block = new Uint8Array(PAGES * pageBytes);
    this.#view = new DataView(this.#block.buffer);
  }

  /**
   * Until it has caught up with the kernel: a page that is read in part takes a whole one in the file.
   *
   * @param all whatever is left, when nothing is added any more
   */
  drain(all: boolean): void {
    while (this.#read()) {
      const commit = this.#view.getUint32(this.#filled + COMMIT_AT, true) & COMMIT_MASK;
      this.#filled += this.pageBytes;
      if (this.#filled === this.#block.length) this.#flush();
      if (!all && commit < FULL_SHARE * (this.pageBytes - HEADER_BYTES)) return;
    }
  }

  /** Reads a page, which may be partly filled. */
  #read(): boolean {
    try {
      return readSync(this.#from, this.#block, this.#filled, this.pageBytes, null) > 0;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') return false;
      if (code === 'EINTR') return true;
      throw error;
    }
  }

  #flush(): void {
    for (let at = 0; at < this.#filled;) at += writeSync(this.#to, this.#block, at, this.#filled - at);
    this.#filled = 0;
  }

  close(): void {
    this.#flush();
    closeSync(this.#from);
    closeSync(this.#to);
  }
}

function work({ cpus, pageBytes, control }: DrainTask): void {
  const streams = cpus.map(({ from, to }) => new Stream(from, to, pageBytes));
  parentPort?.postMessage('ready');
  for (let last = false; !last;) {
    last = Atomics.load(control, 0) === Command.Finish;
    for (const stream of streams) stream.drain(last);
    if (!last) Atomics.wait(control, 0, Command.Drain, PERIOD_MS);
  }
  for (const stream of streams) stream.close();
}

work(workerData as DrainTask);
