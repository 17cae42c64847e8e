/**
 * Decompresses the chunks of a trace.dat ahead of the reader, on another core.
 *
 * The reader asks for chunks in an order that only the events' times decide, so the worker works a few chunks
 * ahead on every CPU. A chunk belongs to whom claims it first: where the worker is not yet, the reader
 * decompresses for itself instead of waiting. It is an accelerator and nothing else: whatever goes wrong,
 * `take` answers undefined.
 *
 *     control: [stop, taken, worker waits, then per place: chunks claimed, chunks done with]
 *     states:  per slot, the number of the chunk in it plus one
 *     lengths: its bytes, or DAMAGED
 *     data:    SLOTS * SLOT_BYTES per place; chunk n is in slot n % SLOTS
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Ahead, AheadPlace } from '../trace/read/codecs.js';

/** Chunks that the worker may be ahead of the reader, per CPU. */
export const SLOTS = 8;
/** Larger chunks than any that trace-cmd writes are left to the reader. */
export const SLOT_BYTES = 1 << 17;
export const DAMAGED = -1;
/** Indexes into `control`. */
export const STOP = 0;
export const TAKEN = 1;
export const WAITING = 2;
export const FIRST_PLACE = 3;

/** Below this many compressed bytes a worker costs more than it saves. */
const WORTH_IT = 1 << 21;
/** More CPUs would need more memory than the speed is worth. */
const MOST_PLACES = 64;
/** How long a chunk may take before the worker is given up: it takes a hundredth of that. */
const PATIENCE_MS = 3000;

/** What the worker is started with. */
export interface AheadData {
  readonly path: string;
  readonly places: readonly AheadPlace[];
  readonly control: Int32Array;
  readonly states: Int32Array;
  readonly lengths: Int32Array;
  readonly data: Uint8Array;
}

/**
 * Start decompressing ahead; undefined where it would not pay.
 *
 * @param worthIt compressed bytes from which on it does
 */
export function zstdAhead(
  path: string,
  places: readonly AheadPlace[],
  worthIt = WORTH_IT,
): Ahead | undefined {
  const bytes = places.reduce((sum, place) => sum + place.size, 0);
  const script = workerScript();
  if (bytes < worthIt || places.length > MOST_PLACES || script === undefined) return undefined;
  const shared = (length: number) => new SharedArrayBuffer(length);
  const data: AheadData = {
    path,
    places,
    control: new Int32Array(shared(4 * (FIRST_PLACE + 2 * places.length))),
    states: new Int32Array(shared(4 * SLOTS * places.length)),
    lengths: new Int32Array(shared(4 * SLOTS * places.length)),
    data: new Uint8Array(shared(SLOT_BYTES * SLOTS * places.length)),
  };
  const worker = new Worker(script, { workerData: data });
  worker.unref();
  // A worker that cannot start is one that never answers: `take` gives it up.
  worker.on('error', () => undefined);
  return new ZstdAhead(data, worker);
}

class ZstdAhead implements Ahead {
  #abandoned = false;
  /** Number of the next chunk of each place. */
  readonly #next: number[];

  constructor(
    private readonly shared: AheadData,
    private readonly worker: Worker,
  ) {
    this.#next = shared.places.map(() => 0);
  }

  take(place: number): Uint8Array | undefined {
    if (this.#abandoned) return undefined;
    const { control, states, lengths, data } = this.shared;
    const claimed = FIRST_PLACE + 2 * place;
    const number = this.#next[place]++;
    // The chunks before this one are decoded: their slots are free.
    Atomics.store(control, claimed + 1, number);
    Atomics.add(control, TAKEN, 1);
    // Waking nobody costs as much as waking somebody.
    if (Atomics.load(control, WAITING) === 1) Atomics.notify(control, TAKEN);
    if (Atomics.compareExchange(control, claimed, number, number + 1) === number) return undefined;
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
    Atomics.notify(control, TAKEN);
    void this.worker.terminate();
  }
}

/** The compiled worker; when run from source, that of the last build, if there is one. */
function workerScript(): URL | undefined {
  const place = import.meta.url.endsWith('.ts') ? '../../dist/files/zstd-worker.js' : './zstd-worker.js';
  const url = new URL(place, import.meta.url);
  return existsSync(fileURLToPath(url)) ? url : undefined;
}
