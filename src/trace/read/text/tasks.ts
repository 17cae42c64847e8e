/**
 * From the bytes of a comm and a thread id to the number of the task, without making strings for known ones.
 */
import { latin1 } from '../../store/strings.js';
import type { TraceBuilder } from '../../store/builder.js';

const SLOTS = 1 << 12;
/** Bytes that are compared: the width in which tools print a comm. */
const COMM_WIDTH = 16;
const NEWLINE = 10;
const SPACE = 32;

export class TaskNames {
  readonly #builder: TraceBuilder;
  /** Per slot: the comm as four words, padded with spaces on its left. */
  readonly #words = new Int32Array(SLOTS * 4);
  /** Per slot: number of the task + 1 (0: empty slot), thread id. */
  readonly #tasks = new Uint32Array(SLOTS);
  readonly #tids = new Int32Array(SLOTS);
  readonly #padded = new Uint8Array(COMM_WIDTH);
  readonly #paddedView = new DataView(this.#padded.buffer);

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /**
   * The number of the task whose comm is printed in the 16 bytes at `start`, right-aligned.
   *
   * @returns -1 when a line ends in them
   */
  findPadded(bytes: Uint8Array, view: DataView, start: number, tid: number): number {
    const words = this.#words;
    const last = view.getInt32(start + 12, true);
    const slot = (Math.imul(tid, 0x85ebca6b) ^ Math.imul(last, 0x9e3779b1)) >>> 20;
    const base = slot * 4;
    if (
      this.#tids[slot] === tid &&
      words[base + 3] === last &&
      words[base + 2] === view.getInt32(start + 8, true) &&
      words[base + 1] === view.getInt32(start + 4, true) &&
      words[base] === view.getInt32(start, true) &&
      this.#tasks[slot] !== 0
    ) {
      return this.#tasks[slot] - 1;
    }
    const end = start + COMM_WIDTH;
    let first = start;
    while (first < end && bytes[first] === SPACE) first++;
    const task = this.#task(bytes, first, end, tid);
    if (task < 0) return -1;
    for (let i = 0; i < 4; i++) words[base + i] = view.getInt32(start + 4 * i, true);
    this.#tids[slot] = tid;
    this.#tasks[slot] = task + 1;
    return task;
  }

  /** The number of the task with the comm [start, end); -1 when that holds a line end and so is no comm. */
  find(bytes: Uint8Array, start: number, end: number, tid: number): number {
    if (end - start > COMM_WIDTH || end === start || bytes[start] === SPACE)
      return this.#task(bytes, start, end, tid);
    const padding = COMM_WIDTH - (end - start);
    const padded = this.#padded;
    padded.fill(SPACE, 0, padding);
    for (let i = start; i < end; i++) padded[padding + i - start] = bytes[i];
    return this.findPadded(padded, this.#paddedView, 0, tid);
  }

  #task(bytes: Uint8Array, start: number, end: number, tid: number): number {
    if (bytes.subarray(start, end).includes(NEWLINE)) return -1;
    return this.#builder.task(tid, latin1(bytes, start, end));
  }
}
