/**
 * From the bytes of a comm and a thread id to the number of the task, without making strings for known ones.
 */
import { latin1 } from '../../store/strings.js';
import type { TraceBuilder } from '../../store/builder.js';

const SLOTS = 1 << 12;
/** Longest comm that is remembered; the kernel's own have at most 15 characters. */
const LONGEST = 24;
const NEWLINE = 10;

export class TaskNames {
  readonly #builder: TraceBuilder;
  readonly #comms = new Uint8Array(SLOTS * LONGEST);
  /** Per slot: length of the comm + 1 (0: empty slot), thread id, number of the task. */
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #tids = new Int32Array(SLOTS);
  readonly #tasks = new Uint32Array(SLOTS);

  constructor(builder: TraceBuilder) {
    this.#builder = builder;
  }

  /** The number of the task; -1 when [start, end) holds a line end and so is no comm. */
  find(bytes: Uint8Array, start: number, end: number, tid: number): number {
    const length = end - start;
    const slot = (tid * 31 + length * 7 + bytes[start]) & (SLOTS - 1);
    if (this.#lengths[slot] === length + 1 && this.#tids[slot] === tid && this.#same(slot, bytes, start, length)) {
      return this.#tasks[slot];
    }
    return this.#add(bytes, start, end, tid, slot);
  }

  #same(slot: number, bytes: Uint8Array, start: number, length: number): boolean {
    const comms = this.#comms;
    const base = slot * LONGEST;
    for (let i = 0; i < length; i++) if (comms[base + i] !== bytes[start + i]) return false;
    return true;
  }

  #add(bytes: Uint8Array, start: number, end: number, tid: number, slot: number): number {
    const comm = bytes.subarray(start, end);
    if (comm.includes(NEWLINE)) return -1;
    const task = this.#builder.task(tid, latin1(bytes, start, end));
    if (comm.length <= LONGEST) {
      this.#comms.set(comm, slot * LONGEST);
      this.#lengths[slot] = comm.length + 1;
      this.#tids[slot] = tid;
      this.#tasks[slot] = task;
    }
    return task;
  }
}
