/**
 * Bytes of a file that may be compressed: `.gz`, `.zst`, `.xz`, told by content and not by name.
 */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
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

/** The decompressed bytes of `path`, in chunks. Damage becomes an InputError that names the file. */
export async function* decompressed(path: string, compression: Compression): AsyncGenerator<Uint8Array> {
  try {
    switch (compression) {
      case 'none':
        yield* createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
        break;
      case 'gzip':
        yield* createReadStream(path).pipe(createGunzip({ chunkSize: 1 << 18 })) as AsyncIterable<Uint8Array>;
        break;
      case 'zstd':
        yield* unzstd(path);
        break;
      case 'xz':
        yield* unxz(path);
    }
  } catch (error) {
    if (error instanceof InputError) throw error.inFile(path);
    if (error instanceof MachineError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`the ${compression} data is damaged or cut off (${reason})`, { file: path });
  }
}

async function* unzstd(path: string): AsyncGenerator<Uint8Array> {
  let ready: Uint8Array[] = [];
  let ended = false;
  const stream = new Decompress((chunk, final) => {
    if (chunk.length > 0) ready.push(chunk.slice());
    ended ||= final === true;
  });
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Uint8Array>) {
    stream.push(chunk);
    yield* ready;
    ready = [];
  }
  stream.push(new Uint8Array(0), true);
  yield* ready;
  if (!ended) throw new Error('it ends too early');
}

/** xz has no decoder in Node; the system's `xz` is asked. */
async function* unxz(path: string): AsyncGenerator<Uint8Array> {
  const child = spawn('xz', ['--decompress', '--stdout', '--', path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, 500);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  // Handled below; without this a failing spawn would be an unhandled rejection first.
  ended.catch(() => undefined);
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const code = await ended;
    if (code !== 0) throw new Error(complaint.trim().split('\n')[0] || `xz ended with ${code}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new MachineError(
        `${path} is compressed with xz and the program xz is missing: install xz-utils, or unpack it first`,
      );
    }
    throw error;
  } finally {
    child.kill();
  }
}
