/**
 * Goal: chunks decompressed ahead are the chunks, in order, whatever order the places are asked in; what
 * cannot be decompressed is left to the reader; nothing blocks for ever.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { tryBuild } from '../../scripts/lib/build.mjs';
import { repositoryRoot, requires } from '../../test/requires.js';
import { randomNumbers } from '../../test/support/mutate.js';
import { SLOT_BYTES, SLOTS, startAhead } from './zstd-ahead.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
// The worker is a compiled file.
beforeAll(() => expect(tryBuild(repositoryRoot)).toBe(true));

const CHUNKS = 4 * SLOTS + 3;

function chunk(place: number, number: number): Buffer {
  const size = place === 2 && number === 5 ? SLOT_BYTES + 1 : 500 + 37 * number;
  return Buffer.alloc(size, `${place}:${number} `);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A file of three places; chunk 7 of place 1 is damaged, chunk 5 of place 2 is larger than a slot. */
function chunkFile(): { path: string; places: { offset: number; size: number }[] } {
  const parts: Buffer[] = [Buffer.from('head')];
  const places: { offset: number; size: number }[] = [];
  let offset = 4;
  for (let place = 0; place < 3; place++) {
    const body = [u32(CHUNKS)];
    for (let number = 0; number < CHUNKS; number++) {
      const plain = chunk(place, number);
      const packed = spawnSync('zstd', ['-c'], { input: plain }).stdout;
      if (place === 1 && number === 7) packed.fill(0xaa, 8);
      body.push(u32(packed.length), u32(plain.length), packed);
    }
    const bytes = Buffer.concat(body);
    places.push({ offset, size: bytes.length });
    parts.push(bytes);
    offset += bytes.length;
  }
  const path = join(folder, 'chunks');
  writeFileSync(path, Buffer.concat(parts));
  return { path, places };
}

const { it } = requires('zstd');

it('gives every chunk or leaves it to the reader, in any order of places', () => {
  const { path, places } = chunkFile();
  for (const seed of [1, 2, 3]) {
    const ahead = startAhead(path, 1, 0);
    if (!ahead?.begin(places)) throw new Error('no worker');
    const random = randomNumbers(seed);
    const next = [0, 0, 0];
    let given = 0;
    while (next.some((number) => number < CHUNKS)) {
      const place = random(3);
      const number = next[place];
      if (number === CHUNKS) continue;
      next[place]++;
      // The reader takes its time, as it does when it decodes: the worker gets ahead.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3);
      const bytes = ahead.take(place);
      if (bytes === undefined) continue;
      given++;
      expect(Buffer.from(bytes).equals(chunk(place, number)), `chunk ${place}:${number}`).toBe(true);
      expect([place, number]).not.toEqual([1, 7]);
      expect([place, number]).not.toEqual([2, 5]);
    }
    expect(given).toBeGreaterThan(CHUNKS);
    ahead.close();
    expect(ahead.take(0)).toBeUndefined();
  }
});

it('is not started for little', () => {
  expect(startAhead(chunkFile().path, 1000)).toBeUndefined();
});
