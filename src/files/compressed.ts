/**
 * Bytes that may be compressed with gzip, zstd or xz, told by content and not by name.
 */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { InputError, MachineError } from '../trace/errors.js';

export type Compression = 'none' | 'gzip' | 'zstd' | 'xz';

const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** What the first bytes of a file say. */
export function detectCompression(head: Uint8Array): Compression {
  const found = MAGICS.find(([, magic]) => magic.every((byte, i) => head[i] === byte));
  return found ? found[0] : 'none';
}

/** The decompressed bytes of `packed`, in chunks. Damage becomes an InputError. */
export async function* decompressed(
  packed: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  try {
    switch (compression) {
      case 'none':
        yield* packed;
        break;
      case 'gzip':
        yield* gunzip(packed);
        break;
      case 'zstd':
        yield* unzstd(packed);
        break;
      case 'xz':
        yield* unxz(packed);
    }
  } catch (error) {
    if (error instanceof InputError || error instanceof MachineError || compression === 'none') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`the ${compression} data is damaged or cut off (${reason})`);
  }
}

async function* gunzip(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = Readable.from(packed);
  const unpacked = createGunzip({ chunkSize: 1 << 18 });
  source.on('error', (error) => unpacked.destroy(error));
  yield* source.pipe(unpacked) as AsyncIterable<Uint8Array>;
}

async function* unzstd(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  let ended = false;
  const stream = new Decompress((chunk, final) => {
    if (chunk.length > 0) ready.push(new Uint8Array(chunk));
    ended ||= final === true;
  });
  for await (const chunk of packed) {
    stream.push(chunk);
    yield* ready;
    ready = [];
  }
  stream.push(new Uint8Array(0), true);
  yield* ready;
  if (!ended) throw new Error('it ends too early');
}

/** xz has no decoder in Node; the system's `xz` is asked. */
async function* unxz(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const child = spawn('xz', ['--decompress', '--stdout'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, 500);
  });
  // xz may stop reading before we stop writing; what it says on stderr is the reason.
  child.stdin.on('error', () => undefined);
  Readable.from(packed).pipe(child.stdin);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  // Awaited below; without this a failing spawn would be an unhandled rejection first.
  ended.catch(() => undefined);
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const code = await ended;
    if (code !== 0)
      throw new Error(
        complaint.trim().split('\n')[0].replace('xz: (stdin): ', '') || `xz ended with ${code}`,
      );
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new MachineError(
        'a file compressed with xz needs the program xz, which is missing: install xz-utils, or unpack it first',
      );
    }
    throw error;
  } finally {
    child.kill();
  }
}
