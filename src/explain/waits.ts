/**
 * Lock waits: contention_begin and contention_end paired by task and lock.
 *
 * A task waits for locks like a stack: the wait for the inner spinlock of a qrwlock begins and ends inside
 * that for the qrwlock. So an end closes the newest open wait of its task for its lock, and whatever was
 * opened above it has lost its own end. CPUs share the idle task, so its waits are kept per CPU.
 */
import type { Column } from '../trace/store/column.js';
import type { Trace } from '../trace/store/trace.js';
import { NONE, numbersOf } from './tables.js';
import type { Threads } from './threads.js';

/** LCB_F_* of include/trace/events/lock.h. */
export const LockFlag = { spin: 1, read: 2, write: 4, rt: 8, percpu: 16, mutex: 32 } as const;

/** State of a wait, in `Waits.state`. */
export const WaitState = { matched: 0, unmatched: 1, open: 2 } as const;

/** One row per wait, in order of their begin. */
export interface Waits {
  readonly count: number;
  readonly lock: Uint32Array;
  readonly thread: Uint32Array;
  readonly flags: Uint8Array;
  readonly beginEvent: Uint32Array;
  /** NONE unless matched. */
  readonly endEvent: Uint32Array;
  readonly state: Uint8Array;
  readonly locks: LockTable;
  /** Second begins of one mutex wait. */
  readonly mutexRestarts: number;
  /** Matched waits by their end, for whoever walks the trace. */
  readonly endOrder: Uint32Array;
}

/** Locks by number, in order of their first event. */
export interface LockTable {
  readonly addresses: readonly bigint[];
  readonly firstEvent: number[];
  readonly lastEvent: number[];
  /** Order in which the first wait of each lock was completed; NONE when none was. */
  readonly firstMatched: number[];
  readonly unmatchedEnds: number[];
}

export function waitsOf(trace: Trace, threads: Threads): Waits {
  return new WaitPass(trace, threads).run();
}

class WaitPass {
  readonly #begin;
  readonly #end;
  readonly #rows;
  readonly #table = {
    addresses: [] as bigint[],
    firstEvent: [] as number[],
    lastEvent: [] as number[],
    firstMatched: [] as number[],
    unmatchedEnds: [] as number[],
  };
  /** Lock numbers by the low half of their address. */
  readonly #byLow = new Map<number, number[]>();
  readonly #highs: number[] = [];
  /** Open waits of each task, oldest first. */
  readonly #stacks = new Map<number, number[]>();
  #count = 0;
  #matched = 0;
  #mutexRestarts = 0;

  constructor(
    readonly trace: Trace,
    readonly threads: Threads,
  ) {
    const begin = trace.named('contention_begin');
    const end = trace.named('contention_end');
    const capacity = begin?.length ?? 0;
    this.#begin = {
      table: begin,
      lock: begin?.column('lock_addr'),
      flags: numbersOf(begin?.column('flags')),
    };
    this.#end = { table: end, lock: end?.column('lock_addr') };
    this.#rows = {
      lock: new Uint32Array(capacity),
      thread: new Uint32Array(capacity),
      flags: new Uint8Array(capacity),
      beginEvent: new Uint32Array(capacity),
      endEvent: new Uint32Array(capacity).fill(NONE),
      state: new Uint8Array(capacity).fill(WaitState.open),
      endOrder: new Uint32Array(capacity),
    };
  }

  run(): Waits {
    this.#merge();
    const rows = this.#rows;
    return {
      count: this.#count,
      ...rows,
      endOrder: rows.endOrder.slice(0, this.#matched),
      locks: this.#table,
      mutexRestarts: this.#mutexRestarts,
    };
  }

  /** Walk both tables in the order of their events. */
  #merge(): void {
    const begins = this.#begin.lock ? (this.#begin.table?.events ?? []) : [];
    const ends = this.#end.lock ? (this.#end.table?.events ?? []) : [];
    for (let b = 0, e = 0; b < begins.length || e < ends.length;) {
      const isBegin = e === ends.length || (b < begins.length && begins[b] < ends[e]);
      if (isBegin) this.#begins(begins[b], b++);
      else this.#ends(ends[e], e++);
    }
  }

  #stack(event: number): number[] {
    const tid = this.trace.tasks[this.trace.task[event]].tid;
    const key = tid === 0 ? -1 - this.trace.cpu[event] : tid;
    let stack = this.#stacks.get(key);
    if (!stack) this.#stacks.set(key, (stack = []));
    return stack;
  }

  #begins(event: number, row: number): void {
    if (!this.#begin.lock) return;
    const lock = this.#lockOf(this.#begin.lock, row, event);
    const flags = this.#begin.flags?.[row] ?? 0;
    const stack = this.#stack(event);
    const open = this.#openFor(stack, lock);
    if (open >= 0) {
      // A mutex waiter says so again when it stops spinning and goes to sleep; the wait began with the first.
      if (flags & LockFlag.mutex && this.#rows.flags[stack[open]] & LockFlag.mutex) {
        this.#mutexRestarts++;
        return;
      }
      // Nobody waits twice for one lock: the end of the older wait, and of all above it, was lost.
      this.#drop(stack, open);
    }
    const wait = this.#count++;
    const rows = this.#rows;
    rows.lock[wait] = lock;
    rows.thread[wait] = this.threads.ofTask[this.trace.task[event]];
    rows.flags[wait] = flags;
    rows.beginEvent[wait] = event;
    stack.push(wait);
  }

  #ends(event: number, row: number): void {
    if (!this.#end.lock) return;
    const lock = this.#lockOf(this.#end.lock, row, event);
    const stack = this.#stack(event);
    const open = this.#openFor(stack, lock);
    if (open < 0) {
      this.#table.unmatchedEnds[lock]++;
      return;
    }
    this.#drop(stack, open + 1);
    const wait = stack.pop() ?? NONE;
    const rows = this.#rows;
    rows.endEvent[wait] = event;
    rows.state[wait] = WaitState.matched;
    if (this.#table.firstMatched[lock] === NONE) this.#table.firstMatched[lock] = this.#matched;
    rows.endOrder[this.#matched++] = wait;
  }

  #openFor(stack: number[], lock: number): number {
    for (let at = stack.length - 1; at >= 0; at--) if (this.#rows.lock[stack[at]] === lock) return at;
    return -1;
  }

  /** Give up the open waits from position `from` on: their ends are missing. */
  #drop(stack: number[], from: number): void {
    for (let at = from; at < stack.length; at++) {
      this.#rows.state[stack[at]] = WaitState.unmatched;
    }
    stack.length = from;
  }

  #lockOf(column: Column, row: number, event: number): number {
    const low = column.values[row];
    const high = typeof column.high === 'number' ? column.high : column.high[row];
    const known = this.#byLow.get(low);
    const lock =
      known?.find((candidate) => this.#highs[candidate] === high) ??
      this.#addLock(column, row, event, low, high);
    this.#table.lastEvent[lock] = event;
    return lock;
  }

  #addLock(column: Column, row: number, event: number, low: number, high: number): number {
    const table = this.#table;
    const lock = table.addresses.length;
    table.addresses.push(BigInt.asUintN(64, column.big(row)));
    table.firstEvent.push(event);
    table.lastEvent.push(event);
    table.firstMatched.push(NONE);
    table.unmatchedEnds.push(0);
    this.#highs.push(high);
    const known = this.#byLow.get(low);
    if (known) known.push(lock);
    else this.#byLow.set(low, [lock]);
    return lock;
  }
}
