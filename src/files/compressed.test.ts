/**
 * Goal: a compressed recording is the recording, whichever program compressed it, and damage is said in one
 * line.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { requires } from '../../test/requires.js';
import { InputError } from '../trace/errors.js';
import { decompressed, detectCompression, type Compression } from './compressed.js';
import { Spool } from './spool.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Half a million bytes that are neither constant nor random. */
const plain = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `${(i * i) % 9973}\n`).join(''));

async function unpack(path: string, compression: Compression): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompressed(createReadStream(path), compression))
    chunks.push(new Uint8Array(chunk));
  return Buffer.concat(chunks);
}

async function expectRoundTrip(name: string, packed: Uint8Array, compression: Compression): Promise<void> {
  const path = join(folder, name);
  writeFileSync(path, packed);
  expect(detectCompression(packed)).toBe(compression);
  expect((await unpack(path, compression)).equals(plain)).toBe(true);
  if (compression === 'none') return;
  for (const cut of [packed.length - 1, packed.length >> 1, 20]) {
    writeFileSync(path, packed.subarray(0, cut));
    const failure: unknown = await unpack(path, compression).catch((error: unknown) => error);
    expect(failure, `${name} cut to ${cut}`).toBeInstanceOf(InputError);
    expect(String(failure)).toMatch(/damaged or cut off/);
  }
}

it('plain and gzip', async () => {
  await expectRoundTrip('plain', plain, 'none');
  await expectRoundTrip('x.gz', gzipSync(plain), 'gzip');
});

const real = requires('xz', 'zstd');

real.it('xz, and zstd at several levels, with a checksum or without, in several frames', async () => {
  const pack = (program: string, ...args: string[]) => spawnSync(program, args, { input: plain }).stdout;
  await expectRoundTrip('x.xz', pack('xz', '-c'), 'xz');
  for (const args of [['-1'], ['-19'], ['--no-check'], ['--ultra', '-22']]) {
    await expectRoundTrip('x.zst', pack('zstd', '-c', ...args), 'zstd');
  }
  const half = plain.length >> 1;
  const frames = [plain.subarray(0, half), plain.subarray(half)].map(
    (part) => spawnSync('zstd', ['-c'], { input: part }).stdout,
  );
  const path = join(folder, 'frames.zst');
  writeFileSync(path, Buffer.concat(frames));
  expect((await unpack(path, 'zstd')).equals(plain)).toBe(true);
});

it('a spool gives random access, from memory or from a file without a name', () => {
  for (const mostInMemory of [1 << 20, 1000]) {
    const spool = new Spool(mostInMemory);
    for (let at = 0; at < plain.length; at += 777) spool.push(plain.subarray(at, at + 777));
    spool.finish();
    const source = spool.source();
    expect(source.size).toBe(plain.length);
    for (const [offset, length] of [
      [0, 10],
      [123_456, 70_000],
      [plain.length - 5, 100],
    ]) {
      expect(Buffer.from(source.read(offset, length)).equals(plain.subarray(offset, offset + length))).toBe(
        true,
      );
    }
    spool.close();
  }
});
