/**
 * Beginning of a line in perf script's layout:
 *
 *                 node 20793/20793 [000]  1292.679765:     1 kvm:kvm_unmap_hva_range: ...
 *
 * Process id, CPU and period may be missing. The comm may hold spaces and may be `:20783` where perf does
 * not know it.
 */
import { latin1 } from '../../store/strings.js';
import type { EventCatalog } from './catalog.js';
import type { ClockReader } from './clock.js';
import { digitOf, LineHead, skipSpaces } from './head.js';
import { SeenTexts } from './seen-texts.js';
import type { TaskNames } from './tasks.js';

// Bytes stand as plain numbers, for speed (see clock.ts): 10 line end, 32 space, 45 `-`, 47 `/`, 58 `:`, 91
// `[`, 93 `]`.

const SEARCHED = 256;
/** Lines that are recognized by what they begin with; bytes of that, and up to where they choose the slot. */
const SEEN_BITS = 10;
const SEEN_BYTES = 40;
const SEEN_TO = 28;
const MOST_TID = 2 ** 31 - 1;

/** A line without CPU, or with a comm that has a bracket in it. */
const anchor = /^( *)(.*?) +(?:-?\d+\/)?(-?\d{1,10}) +(?:\[(\d{1,5})\] +)?(?=\d+\.\d+: )/;

export class PerfHead extends LineHead {
  /** A line without a CPU was seen; such events are put on CPU 0. */
  noCpu = false;
  readonly #tasks: TaskNames;
  readonly #clock: ClockReader;
  readonly #catalog: EventCatalog;
  /** Lines up to their CPU, and per slot the task and CPU that they give. */
  readonly #seen = new SeenTexts(1 << SEEN_BITS, SEEN_BYTES);
  readonly #seenTasks = new Int32Array(1 << SEEN_BITS);
  readonly #seenCpus = new Uint16Array(1 << SEEN_BITS);

  constructor(tasks: TaskNames, clock: ClockReader, catalog: EventCatalog) {
    super();
    this.#catalog = catalog;
    this.#tasks = tasks;
    this.#clock = clock;
  }

  read(bytes: Uint8Array, start: number): boolean {
    const { view } = this;
    if (start + SEEN_TO > view.byteLength) return this.#readUnseen(bytes, start, -1);
    let hash = Math.imul(view.getInt32(start + SEEN_TO - 4, true), 0x9e3779b1);
    hash ^= Math.imul(view.getInt32(start + SEEN_TO - 8, true), 0x85ebca6b);
    hash ^= Math.imul(view.getInt32(start + 12, true), 0xc2b2ae35);
    const slot = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> (32 - SEEN_BITS);
    const length = this.#seen.find(view, start, slot);
    if (length > 0 && this.#timeAndName(bytes, start + length)) {
      this.cpu = this.#seenCpus[slot];
      this.task = this.#seenTasks[slot];
      return true;
    }
    return this.#readUnseen(bytes, start, slot);
  }

  /** Read a line that is to be recognized by `slot` later on, unless that is negative. */
  #readUnseen(bytes: Uint8Array, start: number, slot: number): boolean {
    let open = start;
    while (bytes[open] !== 91 && bytes[open] !== 10) open++;
    if (bytes[open] !== 91 || !this.#readAt(bytes, start, open)) return this.#search(bytes, start);
    let close = open;
    while (bytes[close] !== 93) close++;
    if (slot >= 0 && this.#seen.keep(this.view, start, close + 1 - start, slot)) {
      this.#seenTasks[slot] = this.task;
      this.#seenCpus[slot] = this.cpu;
    }
    return true;
  }

  /** Read a line whose CPU stands in the bracket at `open`. */
  #readAt(bytes: Uint8Array, start: number, open: number): boolean {
    let at = open + 1;
    let cpu = 0;
    let digit = bytes[at] - 48;
    while (digit >= 0 && digit <= 9) {
      cpu = cpu * 10 + digit;
      digit = bytes[++at] - 48;
    }
    if (at === open + 1 || at > open + 6 || cpu > 0xffff || bytes[at] !== 93) return false;
    if (!this.#timeAndName(bytes, at + 1)) return false;
    this.cpu = cpu;
    let end = open;
    while (end > start && bytes[end - 1] === 32) end--;
    return end < open && this.#task(bytes, start, end);
  }

  /** A comm and thread id that end at `end`, in the line at `start`. */
  #task(bytes: Uint8Array, start: number, end: number): boolean {
    let at = end;
    let tid = 0;
    let unit = 1;
    let digit = bytes[at - 1] - 48;
    while (digit >= 0 && digit <= 9 && at > start) {
      tid += digit * unit;
      unit *= 10;
      at--;
      digit = bytes[at - 1] - 48;
    }
    if (at === end || end - at > 10 || tid > MOST_TID) return false;
    if (bytes[at - 1] === 45) {
      tid = -tid;
      at--;
    }
    if (bytes[at - 1] === 47) {
      at--;
      while (digitOf(bytes[at - 1]) <= 9) at--;
      if (bytes[at - 1] === 45) at--;
    }
    if (bytes[at - 1] !== 32 || at <= start) return false;
    while (at > start && bytes[at - 1] === 32) at--;
    // Right-aligned in 16 columns, except beside stacks.
    if (at === start + 16) this.task = this.#tasks.findPadded(bytes, this.view, start, tid);
    else this.task = this.#tasks.find(bytes, skipSpaces(bytes, start), at, tid);
    return this.task >= 0;
  }

  #timeAndName(bytes: Uint8Array, start: number): boolean {
    let at = start;
    while (bytes[at] === 32) at++;
    at = this.#clock.read(bytes, at);
    if (at < 0) return false;
    while (bytes[at] === 32) at++;
    if (bytes[at] >= 48 && bytes[at] <= 57) {
      while (digitOf(bytes[at]) <= 9) at++;
      if (bytes[at] !== 32) return false;
      at = skipSpaces(bytes, at);
    }
    const first = at;
    const length = this.#catalog.recall(this.view, at);
    if (length > 0) {
      this.reader = this.#catalog.recalled;
      at += length;
      while (bytes[at] === 32) at++;
      this.args = at;
      return true;
    }
    this.reader = undefined;
    while (bytes[at] > 32) at++;
    if (at - 1 <= first || bytes[at - 1] !== 58) return false;
    this.nameStart = first;
    this.nameEnd = at - 1;
    while (bytes[at] === 32) at++;
    this.args = at;
    return true;
  }

  #search(bytes: Uint8Array, start: number): boolean {
    let end = start;
    while (bytes[end] !== 10 && end - start < SEARCHED) end++;
    const found = anchor.exec(latin1(bytes, start, end));
    if (!found || !this.#timeAndName(bytes, start + found[0].length)) return false;
    const [, indent, comm, tid, cpu] = found;
    if (Math.abs(Number(tid)) > MOST_TID || Number(cpu ?? 0) > 0xffff || comm === '') return false;
    this.cpu = Number(cpu ?? 0);
    if (cpu === undefined) this.noCpu = true;
    const commStart = start + indent.length;
    this.task = this.#tasks.find(bytes, commStart, commStart + comm.trimEnd().length, Number(tid));
    return this.task >= 0;
  }
}
