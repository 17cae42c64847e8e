/**
 * Decompresses the chunks of a trace.dat ahead of the reader, on another core.
 *
 * The reader asks for chunks in an order that only the events' times decide, so the worker works a few chunks
 * ahead on every CPU. A chunk belongs to whom claims it first: where the worker is not yet, the reader
 * decompresses for itself instead of waiting. It is an accelerator and nothing else: whatever goes wrong,
 * `take` answers undefined.
 *
 *     control: [stop, taken, worker waits, places, then per place: chunks claimed, chunks done with]
 *     states:  per slot, the number of the chunk in it plus one
 *     lengths: its bytes, or DAMAGED
 *     data:    SLOTS * SLOT_BYTES per place; chunk n is in slot n % SLOTS
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Ahead, AheadPlace } from '../trace/read/codecs.js';

/** Chunks that the worker may be ahead of the reader, per CPU. */
export const SLOTS = 16;
/** Larger chunks than any that trace-cmd writes are left to the reader. */
export const SLOT_BYTES = 1 << 17;
export const DAMAGED = -1;
/** Indexes into `control`. */
export const STOP = 0;
export const TAKEN = 1;
export const WAITING = 2;
/** Number of places; 0 until they are known. */
export const PLACES = 3;
export const FIRST_PLACE = 4;

/** Below this many bytes of the file a worker costs more than it saves. */
const WORTH_IT = 1 << 21;
/** More CPUs would need more memory than the speed is worth. */
const MOST_PLACES = 64;
/** How long a chunk may take before the worker is given up: it takes a hundredth of that. */
const PATIENCE_MS = 3000;

/** What the worker is started with. */
export interface AheadData {
  readonly path: string;
  readonly control: Int32Array;
  /** Where the chunks of each place start, once there are places. */
  readonly offsets: Float64Array;
  readonly states: Int32Array;
  readonly lengths: Int32Array;
  readonly data: Uint8Array;
}

/**
 * Start a worker for the file at `path`, before it is known where its chunks are: a worker takes as long to
 * start as the metadata takes to read. Undefined where it would not pay.
 *
 * @param bytes of the file
 * @param worthIt bytes from which on it does
 */
export function startAhead(path: string, bytes: number, worthIt = WORTH_IT): ZstdAhead | undefined {
  const script = workerScript();
  if (bytes < worthIt || script === undefined) return undefined;
  const shared = (length: number) => new SharedArrayBuffer(length);
  const data: AheadData = {
    path,
    control: new Int32Array(shared(4 * (FIRST_PLACE + 2 * MOST_PLACES))),
    offsets: new Float64Array(shared(8 * MOST_PLACES)),
    states: new Int32Array(shared(4 * SLOTS * MOST_PLACES)),
    lengths: new Int32Array(shared(4 * SLOTS * MOST_PLACES)),
    data: new Uint8Array(shared(SLOT_BYTES * SLOTS * MOST_PLACES)),
  };
  const worker = new Worker(script, { workerData: data });
  worker.unref();
  // A worker that cannot start is one that never answers: `take` gives it up.
  worker.on('error', () => undefined);
  return new ZstdAhead(data, worker);
}

/** The reader's side of a worker. */
export class ZstdAhead implements Ahead {
  #abandoned = false;
  /** Number of the next chunk of each place. */
  #next: number[] = [];

  constructor(
    private readonly shared: AheadData,
    private readonly worker: Worker,
  ) {}

  /** Tell the worker where the chunks are; undefined where there are too many places for it. */
  begin(places: readonly AheadPlace[]): Ahead | undefined {
    if (places.length > MOST_PLACES) return undefined;
    const { control, offsets } = this.shared;
    this.#next = places.map(() => 0);
    offsets.set(places.map(({ offset }) => offset));
    Atomics.store(control, PLACES, places.length);
    Atomics.notify(control, PLACES);
    return this;
  }

  take(place: number): Uint8Array | undefined {
    if (this.#abandoned) return undefined;
    const { control, states, lengths, data } = this.shared;
    const claimed = FIRST_PLACE + 2 * place;
    const number = this.#next[place]++;
    // The chunks before this one are decoded: their slots are free.
    Atomics.store(control, claimed + 1, number);
    Atomics.add(control, TAKEN, 1);
    const lead = Atomics.load(control, claimed) - number;
    // Waking a thread is dear: the worker is left asleep until half of its lead is used up.
    if (lead <= SLOTS / 2 && Atomics.compareExchange(control, WAITING, 1, 0) === 1)
      Atomics.notify(control, TAKEN);
    if (lead === 0 && Atomics.compareExchange(control, claimed, number, number + 1) === number)
      return undefined;
    const slot = place * SLOTS + (number % SLOTS);
    for (;;) {
      const state = Atomics.load(states, slot);
      if (state === number + 1) break;
      if (Atomics.wait(states, slot, state, PATIENCE_MS) === 'timed-out') {
        this.close();
        return undefined;
      }
    }
    const length = lengths[slot];
    return length === DAMAGED ? undefined : data.subarray(slot * SLOT_BYTES, slot * SLOT_BYTES + length);
  }

  close(): void {
    this.#abandoned = true;
    const { control } = this.shared;
    Atomics.store(control, STOP, 1);
    Atomics.add(control, TAKEN, 1);
    for (const index of [TAKEN, PLACES]) Atomics.notify(control, index);
    void this.worker.terminate();
  }
}

/** The compiled worker; when run from source, that of the last build, if there is one. */
function workerScript(): URL | undefined {
  const place = import.meta.url.endsWith('.ts') ? '../../dist/files/zstd-worker.js' : './zstd-worker.js';
  const url = new URL(place, import.meta.url);
  return existsSync(fileURLToPath(url)) ? url : undefined;
}
