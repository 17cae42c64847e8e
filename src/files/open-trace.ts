/**
 * Opens a trace of any format that Faultline reads: a file, compressed or not, or a folder of raw pages.
 */
import { createReadStream, statSync } from 'node:fs';
import { InputError } from '../trace/errors.js';
import { ChromeReader } from '../trace/read/chrome/chrome-reader.js';
import { MAGIC, readTraceDat } from '../trace/read/dat/read-trace-dat.js';
import { DETECT_BYTES, detectFormat, type TraceFormat } from '../trace/read/detect.js';
import { PerfettoReader } from '../trace/read/perfetto/perfetto-reader.js';
import { readRawPages } from '../trace/read/raw-pages.js';
import type { ByteSource, StreamReader } from '../trace/read/source.js';
import { TextReader } from '../trace/read/text/text-reader.js';
import { TraceBuilder, type BuilderOptions } from '../trace/store/builder.js';
import type { Trace } from '../trace/store/trace.js';
import { nodeCodecs } from './codecs.js';
import { decompressed, detectCompression } from './compressed.js';
import { FileSource } from './file-source.js';
import { openRawFolder } from './raw-folder.js';
import { Spool } from './spool.js';
import { startAhead, type ZstdAhead } from './zstd-ahead.js';

export interface OpenOptions extends BuilderOptions {
  /** Called now and then with the bytes read so far and, where known, the bytes in all. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** Stands for standard input in place of a path. */
const STDIN = '-';
const CHUNK = 1 << 20;
/** What is read of a file at a time: few enough bytes to stay in the processor's cache. */
const PLAIN_CHUNK = 1 << 17;
/** Bytes of a trace.dat version 7 within which it names its compression. */
const COMPRESSION_NAMED = 32;
/** Bytes that tell a compression. */
const LONGEST_MAGIC = 6;

/** Read the trace at `path` (`-`: standard input). Bad input becomes an InputError that names the file. */
export async function readTrace(path: string, options: OpenOptions = {}): Promise<Trace> {
  try {
    return await read(path, options);
  } catch (error) {
    if (error instanceof InputError) throw error.inFile(path);
    throw systemError(path, error);
  }
}

/** What the system says about a file, as one line for its user. */
function systemError(path: string, error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'ENOENT') return new InputError('no such file', { file: path });
  if (code === 'EACCES' || code === 'EPERM')
    return new InputError('may not be read by this user', { file: path });
  if (code === 'EISDIR') return new InputError('is a folder', { file: path });
  return error;
}

async function read(path: string, options: OpenOptions): Promise<Trace> {
  const builder = new TraceBuilder(options);
  if (path === STDIN)
    await readStream(process.stdin as AsyncIterable<Uint8Array>, undefined, builder, options);
  else if (statSync(path).isDirectory()) readFolder(path, builder);
  else await readFile(path, builder, options);
  return builder.finish();
}

function readFolder(path: string, builder: TraceBuilder): void {
  const folder = openRawFolder(path);
  try {
    readRawPages(folder.recording, builder);
  } finally {
    folder.close();
  }
}

async function readFile(path: string, builder: TraceBuilder, options: OpenOptions): Promise<void> {
  const source = new FileSource(path);
  try {
    const head = source.read(0, MAGIC.length);
    if (source.isRegular && detectFormat(head) === 'trace.dat') {
      await readDat(source, builder, options);
      return;
    }
    const plain = source.isRegular && detectCompression(head) === 'none';
    // Files that the kernel makes up when they are read have no size.
    if (plain && source.size > 0) {
      readPlain(source, builder, options);
      return;
    }
    const total = plain ? source.size : undefined;
    await readStream(
      createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Uint8Array>,
      total,
      builder,
      options,
    );
  } finally {
    source.close();
  }
}

/** Feed a file to the reader that its first bytes ask for, through one buffer. */
function readPlain(source: FileSource, builder: TraceBuilder, options: OpenOptions): void {
  const buffer = new Uint8Array(PLAIN_CHUNK);
  let chunk = source.read(0, PLAIN_CHUNK, buffer);
  const sink = openSink(chunk.subarray(0, DETECT_BYTES), builder);
  for (let done = 0; chunk.length > 0; chunk = source.read(done, PLAIN_CHUNK, buffer)) {
    sink.push(chunk);
    done += chunk.length;
    options.onProgress?.(done, source.size);
  }
  sink.finish();
}

async function readDat(source: ByteSource, builder: TraceBuilder, options: OpenOptions): Promise<void> {
  const ahead = source instanceof FileSource ? aheadOf(source) : undefined;
  try {
    readTraceDat(source, builder, {
      codecs: await nodeCodecs(),
      ...(ahead ? { zstdAhead: (places) => ahead.begin(places) } : {}),
      textReader: () => new TextReader(builder),
      onStep: () => options.onProgress?.(builder.length, undefined),
    });
  } finally {
    ahead?.close();
  }
}

/** A worker that decompresses ahead, for a file that names zstd where a trace.dat names its compression. */
function aheadOf(source: FileSource): ZstdAhead | undefined {
  const head = Buffer.from(source.read(0, COMPRESSION_NAMED)).toString('latin1');
  return head.includes('zstd\0') ? startAhead(source.path, source.size) : undefined;
}

/** Unpack a stream if need be and feed it to the reader that its first bytes ask for. */
async function readStream(
  packed: AsyncIterable<Uint8Array>,
  total: number | undefined,
  builder: TraceBuilder,
  options: OpenOptions,
): Promise<void> {
  const start = await peek(packed, LONGEST_MAGIC);
  if (start.head.length === 0) throw new InputError('is empty');
  const unpacked = decompressed(start.all, detectCompression(start.head));
  const { head, all } = await peek(unpacked, DETECT_BYTES);
  if (head.length === 0) throw new InputError('is empty once it is unpacked');
  const sink = openSink(head, builder);
  let done = 0;
  try {
    for await (const chunk of all) {
      sink.push(chunk);
      done += chunk.length;
      options.onProgress?.(done, total);
    }
    sink.finish();
    if (sink instanceof Spool) await readDat(sink.source(), builder, options);
  } finally {
    if (sink instanceof Spool) sink.close();
  }
}

/**
 * The first bytes of a stream (fewer than `count` only if it is shorter), and the whole of it, those
 * included.
 */
async function peek(
  chunks: AsyncIterable<Uint8Array>,
  count: number,
): Promise<{ head: Uint8Array; all: AsyncIterable<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let length = 0;
  while (length < count) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    seen.push(value);
    length += value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* seen;
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(seen), all: all() };
}

function openSink(head: Uint8Array, builder: TraceBuilder): StreamReader | Spool {
  const format: TraceFormat = detectFormat(head);
  switch (format) {
    case 'trace.dat':
      return new Spool();
    case 'perfetto':
      return new PerfettoReader(builder);
    case 'chrome':
      return new ChromeReader(builder);
    case 'text':
      return new TextReader(builder);
    case 'unknown':
      throw new InputError(
        `is no trace that Faultline knows (it starts with ${JSON.stringify(shown(head))}): ` +
          'it reads trace.dat, ftrace, trace-cmd and perf script text, Perfetto, Chrome JSON, and folders of raw pages',
      );
  }
}

function shown(head: Uint8Array): string {
  return Buffer.from(head.subarray(0, 24)).toString('latin1');
}
