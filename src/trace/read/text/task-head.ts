/**
 * Beginning of a line in the layouts of tracefs and trace-cmd:
 *
 *                 node-21212   (  21200) [001] d..2.  1365.973963: kvm_exit: ...
 *         kvmstorm-153     3d..1.     8.087248: kvm_entry: ...          (trace-cmd report -l)
 *
 * The comm may hold spaces, `-`, `:` and `[`. Both tools print it 16 wide (8 wide with -l), so the dash before the
 * thread id is looked for there first.
 */
import { latin1 } from '../../store/strings.js';
import type { ClockReader } from './clock.js';
import { CLOSE, COLON, digitOf, LineHead, MOST_CPU, NEWLINE, OPEN, skipSpaces, SPACE } from './head.js';
import { readFlags } from './latency-flags.js';
import type { TaskNames } from './tasks.js';

const DASH = 45;
const PARENTHESIS = 40;
const CLOSE_PARENTHESIS = 41;
const COMM_WIDTH = 16;
const SHORT_COMM_WIDTH = 8;
/** Bytes of a line in which the comm and thread id must be. */
const SEARCHED = 256;

/** What a line needs before its thread id ends: a comm, `-`, the id; and after it what looks like a CPU. */
const anchor = /^( *)(.*?)-(\d{1,10}) +(?=(?:\( *[\d-]+\) +)?\[\d+\] |\d+[.dDbX][.nNplLbB][.hsHzZ][.\da-f]{1,3} )/;

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
    if (bytes[start + COMM_WIDTH] === DASH && this.#readAt(bytes, start, start + COMM_WIDTH)) return true;
    if (bytes[start + SHORT_COMM_WIDTH] === DASH && this.#readAt(bytes, start, start + SHORT_COMM_WIDTH)) return true;
    return this.#search(bytes, start);
  }

  /** Read a line whose thread id follows the dash at `dash`. */
  #readAt(bytes: Uint8Array, start: number, dash: number): boolean {
    let at = dash + 1;
    let tid = 0;
    let digit = digitOf(bytes[at]);
    while (digit <= 9) {
      tid = tid * 10 + digit;
      digit = digitOf(bytes[++at]);
    }
    if (at === dash + 1 || at > dash + 11 || bytes[at] !== SPACE) return false;
    at = this.#cpuAndFlags(bytes, skipSpaces(bytes, at));
    if (at < 0) return false;
    at = this.#clock.read(bytes, skipSpaces(bytes, at));
    if (at < 0 || !this.#name(bytes, skipSpaces(bytes, at))) return false;
    this.task = this.#tasks.find(bytes, Math.min(skipSpaces(bytes, start), dash), dash, tid);
    this.buffer = '';
    return this.task >= 0;
  }

  /** From `[001] d..2.` or `3d..1.` or `(tgid) [001]`; returns the position after it or -1. */
  #cpuAndFlags(bytes: Uint8Array, start: number): number {
    let at = start;
    if (bytes[at] === PARENTHESIS) {
      const stop = at + 16;
      while (bytes[at] !== CLOSE_PARENTHESIS) if (at++ === stop || bytes[at] === NEWLINE) return -1;
      at = skipSpaces(bytes, at + 1);
    }
    const bracket = bytes[at] === OPEN;
    if (bracket) at++;
    let cpu = 0;
    const first = at;
    let digit = digitOf(bytes[at]);
    while (digit <= 9) {
      cpu = cpu * 10 + digit;
      digit = digitOf(bytes[++at]);
    }
    if (at === first || at > first + 5 || cpu > MOST_CPU) return -1;
    this.cpu = cpu;
    if (!bracket) {
      this.cutComms = true;
      return this.#flags(bytes, at);
    }
    if (bytes[at] !== CLOSE || bytes[at + 1] !== SPACE) return -1;
    at = skipSpaces(bytes, at + 1);
    this.flags = 0;
    return digitOf(bytes[at]) <= 9 ? at : this.#flags(bytes, at);
  }

  #flags(bytes: Uint8Array, start: number): number {
    let at = start;
    while (bytes[at] > SPACE) at++;
    const flags = readFlags(bytes, start, at, this.#traceCmd);
    if (flags < 0) return -1;
    this.flags = flags;
    this.sawFlags = true;
    return at;
  }

  #name(bytes: Uint8Array, start: number): boolean {
    let at = start;
    while (bytes[at] > SPACE && bytes[at] !== COLON) at++;
    if (at === start || bytes[at] !== COLON) return false;
    this.nameStart = start;
    this.nameEnd = at;
    this.args = skipSpaces(bytes, at + 1);
    return true;
  }

  /** A line whose columns stand elsewhere: trimmed, or with the name of a buffer before it. */
  #search(bytes: Uint8Array, start: number): boolean {
    let end = start;
    while (bytes[end] !== NEWLINE && end - start < SEARCHED) end++;
    const found = anchor.exec(latin1(bytes, start, end));
    if (!found) return false;
    const [, indent, comm] = found;
    // Only a prefix makes this longer than a comm can be.
    const prefix = comm.length >= COMM_WIDTH ? /^(.*?): +(?=[^ ])/.exec(comm) : null;
    const commStart = start + indent.length + (prefix?.[0].length ?? 0);
    const dash = start + indent.length + comm.length;
    if (!this.#readAt(bytes, commStart, dash)) return false;
    this.buffer = prefix?.[1] ?? '';
    return true;
  }
}
