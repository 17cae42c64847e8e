/**
 * Beginning of a line in the layouts of tracefs and trace-cmd:
 *
 *                 node-21212   (  21200) [001] d..2.  1365.973963: kvm_exit: ...
 *         kvmstorm-153     3d..1.     8.087248: kvm_entry: ...          (trace-cmd report -l)
 *
 * The comm may hold spaces, `-`, `:` and `[`. Both tools print it 16 wide (8 wide with -l), so the dash
 * before the thread id is looked for there first.
 */
import { latin1 } from '../../store/strings.js';
import type { ClockReader } from './clock.js';
import { digitOf, LineHead, skipSpaces } from './head.js';
import { readFlags } from './latency-flags.js';
import type { TaskNames } from './tasks.js';

// Bytes stand as plain numbers, for speed (see clock.ts): 10 line end, 32 space, 40 `(`, 41 `)`, 45 `-`, 48
// `0`, 57 `9`, 58 `:`, 91 `[`, 93 `]`. A comm is 16 bytes wide, with -l 8.

/** Bytes of a line in which the comm and thread id must be. */
const SEARCHED = 256;
/** What a line needs before its thread id ends: a comm, `-`, the id; and after it what looks like a CPU. */
const anchor =
  /^( *)(.*?)-(\d{1,10}) +(?=(?:\( *[\d-]+\) +)?\[\d+\] |\d+[.dDbX][.nNplLbB][.hsHzZ][.\da-f]{1,3} )/;

export class TaskHead extends LineHead {
  /** `trace-cmd report -l` was seen: it cuts comms to 8 characters. */
  cutComms = false;
  /** A flags column was seen. */
  sawFlags = false;
  /** What stands before the comm where trace-cmd names the buffer (instance); '' for the main one. */
  buffer = '';
  readonly #tasks: TaskNames;
  readonly #clock: ClockReader;
  readonly #traceCmd: boolean;

  constructor(tasks: TaskNames, clock: ClockReader, traceCmd: boolean) {
    super();
    this.#tasks = tasks;
    this.#clock = clock;
    this.#traceCmd = traceCmd;
  }

  read(bytes: Uint8Array, start: number): boolean {
    if (bytes[start + 16] === 45 && this.#readAt(bytes, start, start + 16)) return true;
    if (bytes[start + 8] === 45 && this.#readAt(bytes, start, start + 8)) return true;
    return this.#search(bytes, start);
  }

  /** Read a line whose thread id follows the dash at `dash`. */
  #readAt(bytes: Uint8Array, start: number, dash: number): boolean {
    // Our own writer prints the thread id -1 of perf's unknown tasks; the kernel has none.
    const first = bytes[dash + 1] === 45 ? dash + 2 : dash + 1;
    let at = first;
    let tid = 0;
    let digit = bytes[at] - 48;
    while (digit >= 0 && digit <= 9) {
      tid = tid * 10 + digit;
      digit = bytes[++at] - 48;
    }
    if (at === first || at > first + 10 || bytes[at] !== 32) return false;
    if (first > dash + 1) tid = -tid;
    while (bytes[at] === 32) at++;
    at = bytes[at] === 91 ? this.#cpu(bytes, at + 1) : this.#unusualCpu(bytes, at);
    if (at < 0) return false;
    while (bytes[at] === 32) at++;
    at = this.#clock.read(bytes, at);
    if (at < 0) return false;
    while (bytes[at] === 32) at++;
    this.nameStart = at;
    while (bytes[at] > 32 && bytes[at] !== 58) at++;
    if (at === this.nameStart || bytes[at] !== 58) return false;
    this.nameEnd = at++;
    while (bytes[at] === 32) at++;
    this.args = at;
    this.buffer = '';
    if (dash === start + 16) this.task = this.#tasks.findPadded(bytes, this.view, start, tid);
    else this.task = this.#tasks.find(bytes, Math.min(skipSpaces(bytes, start), dash), dash, tid);
    return this.task >= 0;
  }

  /** From the digits in `[001] d..2.`; returns the position after the flags, if there are any, or -1. */
  #cpu(bytes: Uint8Array, start: number): number {
    let at = start;
    let cpu = 0;
    let digit = bytes[at] - 48;
    while (digit >= 0 && digit <= 9) {
      cpu = cpu * 10 + digit;
      digit = bytes[++at] - 48;
    }
    if (bytes[at] !== 93 || bytes[at + 1] !== 32) return -1;
    if (at === start || at > start + 5 || cpu > 0xffff) return -1;
    this.cpu = cpu;
    this.flags = 0;
    at += 2;
    while (bytes[at] === 32) at++;
    return bytes[at] >= 48 && bytes[at] <= 57 ? at : this.#flags(bytes, at);
  }

  /** From `(tgid) [001] d..2.` or `3d..1.`, like `#cpu`. */
  #unusualCpu(bytes: Uint8Array, start: number): number {
    let at = start;
    if (bytes[at] === 40) {
      const stop = at + 16;
      while (bytes[at] !== 41) if (at++ === stop || bytes[at] === 10) return -1;
      at = skipSpaces(bytes, at + 1);
      return bytes[at] === 91 ? this.#cpu(bytes, at + 1) : -1;
    }
    let cpu = 0;
    let digit = digitOf(bytes[at]);
    while (digit <= 9) {
      cpu = cpu * 10 + digit;
      digit = digitOf(bytes[++at]);
    }
    if (at === start || at > start + 5 || cpu > 0xffff) return -1;
    this.cpu = cpu;
    this.cutComms = true;
    return this.#flags(bytes, at);
  }

  #flags(bytes: Uint8Array, start: number): number {
    let at = start;
    while (bytes[at] > 32) at++;
    const flags = readFlags(bytes, start, at, this.#traceCmd);
    if (flags < 0) return -1;
    this.flags = flags;
    this.sawFlags = true;
    return at;
  }

  /** A line whose columns stand elsewhere: trimmed, or with the name of a buffer before it. */
  #search(bytes: Uint8Array, start: number): boolean {
    let end = start;
    while (bytes[end] !== 10 && end - start < SEARCHED) end++;
    const found = anchor.exec(latin1(bytes, start, end));
    if (!found) return false;
    const [, indent, comm] = found;
    // Only a prefix makes this longer than a comm can be.
    const prefix = this.#traceCmd && comm.length >= 16 ? /^(.*?): +(?=[^ ])/.exec(comm) : null;
    const commStart = start + indent.length + (prefix?.[0].length ?? 0);
    const dash = start + indent.length + comm.length;
    if (!this.#readAt(bytes, commStart, dash)) return false;
    this.buffer = prefix?.[1] ?? '';
    return true;
  }
}
