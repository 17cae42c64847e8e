/**
 * Beginning of a line in perf script's layout:
 *
 *                 node 20793/20793 [000]  1292.679765:     1 kvm:kvm_unmap_hva_range: ...
 *
 * Process id, CPU and period may be missing. The comm may hold spaces and may be `:20783` where perf does
 * not know it.
 */
import { latin1 } from '../../store/strings.js';
import type { ClockReader } from './clock.js';
import { digitOf, LineHead, skipSpaces } from './head.js';
import type { TaskNames } from './tasks.js';

// Bytes stand as plain numbers, for speed (see clock.ts): 10 line end, 32 space, 45 `-`, 47 `/`, 58 `:`, 91
// `[`, 93 `]`.

const SEARCHED = 256;
const MOST_TID = 2 ** 31 - 1;

/** A line without CPU, or with a comm that has a bracket in it. */
const anchor = /^( *)(.*?) +(?:-?\d+\/)?(-?\d{1,10}) +(?:\[(\d{1,5})\] +)?(?=\d+\.\d+: )/;

export class PerfHead extends LineHead {
  /** A line without a CPU was seen; such events are put on CPU 0. */
  noCpu = false;
  readonly #tasks: TaskNames;
  readonly #clock: ClockReader;

  constructor(tasks: TaskNames, clock: ClockReader) {
    super();
    this.#tasks = tasks;
    this.#clock = clock;
  }

  read(bytes: Uint8Array, start: number): boolean {
    let open = start;
    while (bytes[open] !== 91 && bytes[open] !== 10) open++;
    if (bytes[open] === 91 && this.#readAt(bytes, start, open)) return true;
    return this.#search(bytes, start);
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
