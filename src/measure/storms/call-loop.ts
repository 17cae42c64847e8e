/** The loop of a storm that is one system call for each step: batches of calls that machine code makes. */
import { MAP_ANONYMOUS, MAP_PRIVATE, mmap, munmap, PROT_READ, PROT_WRITE, viewOf } from '../ffi/libc.js';
import { addressOfShared } from '../ffi/quick.js';
import { CALL_SIGNATURE, callProgram, Entry, ENTRY_BYTES } from './call-program.js';
import { Word, type Control, type ThreadCounts } from './control.js';
import type { SystemCalls } from './kinds/kind.js';
import { record } from './latencies.js';
import { loadMachineCode } from './machine-code.js';
import { clock, type Pace } from './pace.js';

/** Calls of a batch. */
const BATCH = 64;
/** A batch ends with the call that ends after this, ns: counts are at most so old, or one call. */
const LONGEST_BATCH = 1e6;
/** How long the TSC is compared with the clock, ms. */
const CALIBRATION = 3;
const BYTES = BATCH * ENTRY_BYTES;
/** rdtsc; shl rdx,0x20; or rax,rdx; ret */
const READ_TSC = Uint8Array.of(0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3);

/** What the thread is. */
interface Thread {
  readonly pace: Pace;
  readonly control: Control;
  readonly counts: ThreadCounts;
  /** Says that the thread is ready. */
  readonly say: () => void;
}

/** Makes calls until the storm is stopped. */
export function repeatCalls(calls: SystemCalls, { pace, control, counts, say }: Thread): void {
  const loop = new CallLoop(calls, control, counts);
  try {
    say();
    let now = clock();
    for (let done = 0; ;) {
      const begun = pace.next(done, now);
      if (begun < 0) return;
      const made = loop.run(begun, pace);
      done += made;
      counts.operations[0] = done;
      now = clock();
    }
  } finally {
    loop.free();
  }
}

class CallLoop {
  readonly #code = loadMachineCode(callProgram().bytes(), CALL_SIGNATURE);
  readonly #entries = mmap(BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  readonly #bytes = new Uint8Array(viewOf(this.#entries, BYTES));
  /** Words of 32 bits: numbers below 2^53 are two of them. */
  readonly #words = new Uint32Array(this.#bytes.buffer);
  readonly #place = Number(this.#entries);
  readonly #word: number;
  readonly #cyclesPerNs = cyclesPerNs();
  /** Entries that have been filled in and not been made, at the start of the table. */
  #filled = 0;

  constructor(
    private readonly calls: SystemCalls,
    { words }: Control,
    private readonly counts: ThreadCounts,
  ) {
    this.#word = addressOfShared(words) + 4 * Word.Changes;
  }

  /**
   * Makes at least one call, and some more where the pace is free.
   *
   * @returns how many
   */
  run(now: number, { freeUntil, changes }: Pace): number {
    const left = Math.min(freeUntil - now, LONGEST_BATCH);
    const wanted = left > 0 ? BATCH : 1;
    for (; this.#filled < wanted; this.#filled++) this.#fill(this.#filled);
    const cycles = Math.max(0, Math.round(left * this.#cyclesPerNs));
    const made = this.#code.call(this.#place, wanted, this.#word, changes, cycles, this.calls.number);
    for (let call = 0; call < made; call++) this.#count(call);
    this.#bytes.copyWithin(0, made * ENTRY_BYTES, this.#filled * ENTRY_BYTES);
    this.#filled -= made;
    return made;
  }

  #fill(call: number): void {
    const { walk } = this.calls;
    walk.next();
    this.#set(call, Entry.Address, walk.address);
    this.#set(call, Entry.Length, walk.length);
    this.#set(call, Entry.Argument, this.calls.argument(walk));
  }

  #set(call: number, field: number, value: number): void {
    const at = (call * ENTRY_BYTES + field) / 4;
    this.#words[at] = value;
    this.#words[at + 1] = value / 2 ** 32;
  }

  #count(call: number): void {
    const at = (call * ENTRY_BYTES) / 4;
    const cycles = this.#words[at + Entry.Cycles / 4] + this.#words[at + Entry.Cycles / 4 + 1] * 2 ** 32;
    record(this.counts.latency, cycles / this.#cyclesPerNs);
    // 0, or an errno below 0.
    const result = this.#words[at + Entry.Result / 4] | 0;
    if (result < 0) this.counts.errnos[-result]++;
  }

  free(): void {
    this.#code.free();
    munmap(this.#entries, BYTES);
  }
}

/** By how much the TSC moves in a nanosecond of CLOCK_MONOTONIC. */
function cyclesPerNs(): number {
  const code = loadMachineCode(READ_TSC, 'int64_t read_tsc()');
  // The closest of some readings: whoever is interrupted between the two is far off.
  const read = (): { ns: number; cycles: number } => {
    let best = { ns: 0, cycles: 0, apart: Infinity };
    for (let time = 0; time < 8; time++) {
      const before = clock();
      const cycles = code.call();
      const apart = clock() - before;
      if (apart < best.apart) best = { ns: before + apart / 2, cycles, apart };
    }
    return best;
  };
  const first = read();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, CALIBRATION);
  const last = read();
  code.free();
  return (last.cycles - first.cycles) / (last.ns - first.ns);
}
