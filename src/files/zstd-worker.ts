/**
 * The worker of `zstd-ahead.ts`: claims chunks, decompresses them into their slots, until there are none left
 * or it is told to stop.
 */
import { workerData } from 'node:worker_threads';
import type { Codecs } from '../trace/read/codecs.js';
import { ChunkWalker, type Chunk } from '../trace/read/dat/chunks.js';
import { nodeCodecs } from './codecs.js';
import { FileSource } from './file-source.js';
import {
  DAMAGED,
  FIRST_PLACE,
  PLACES,
  SLOT_BYTES,
  SLOTS,
  STOP,
  TAKEN,
  WAITING,
  type AheadData,
} from './zstd-ahead.js';

const shared = workerData as AheadData;
const { control, states, lengths, data } = shared;

/** The chunks of one place, and how many of them have been walked. */
interface Place {
  readonly index: number;
  readonly walker: ChunkWalker;
  walked: number;
}

function work(codecs: Codecs): void {
  const source = new FileSource(shared.path);
  while (Atomics.load(control, PLACES) === 0 && Atomics.load(control, STOP) === 0)
    Atomics.wait(control, PLACES, 0);
  const offsets = shared.offsets.slice(0, Atomics.load(control, PLACES));
  const places = Array.from(offsets, (offset, index) => {
    return { index, walker: new ChunkWalker(source, offset), walked: 0 };
  });
  while (Atomics.load(control, STOP) === 0 && places.some(({ walker }) => walker.chunksLeft > 0)) {
    const taken = Atomics.load(control, TAKEN);
    let busy = false;
    for (const place of places) busy = step(codecs, place) || busy;
    if (busy) continue;
    // The reader looks at this flag after it has counted: one of the two always sees the other.
    Atomics.store(control, WAITING, 1);
    Atomics.wait(control, TAKEN, taken);
    Atomics.store(control, WAITING, 0);
  }
  source.close();
}

/** Claim the next chunk of a place and decompress it; false where there is none to claim. */
function step(codecs: Codecs, place: Place): boolean {
  const claimed = FIRST_PLACE + 2 * place.index;
  const number = Atomics.load(control, claimed);
  if (place.walked + place.walker.chunksLeft <= number) return false;
  if (number - Atomics.load(control, claimed + 1) >= SLOTS) return false;
  // When the reader was quicker, there is another chunk to claim.
  if (Atomics.compareExchange(control, claimed, number, number + 1) !== number) return true;
  let chunk: Chunk | undefined;
  for (; place.walked <= number; place.walked++) chunk = place.walker.next();
  const slot = place.index * SLOTS + (number % SLOTS);
  lengths[slot] = DAMAGED;
  try {
    if (chunk !== undefined && chunk.size <= SLOT_BYTES) {
      data.set(codecs.zstd(chunk.bytes, chunk.size), slot * SLOT_BYTES);
      lengths[slot] = chunk.size;
    }
  } catch {
    // The reader comes to the same end when it decompresses the chunk itself, and reports it.
  }
  Atomics.store(states, slot, number + 1);
  Atomics.notify(states, slot);
  return true;
}

work(await nodeCodecs());
