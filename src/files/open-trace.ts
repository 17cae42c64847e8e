/**
 * Opens a trace of any format that Faultline reads: a file, compressed or not, or a folder of raw pages.
 */
import { statSync } from 'node:fs';
import { InputError } from '../trace/errors.js';
import { ChromeReader } from '../trace/read/chrome/chrome-reader.js';
import { readTraceDat } from '../trace/read/dat/read-trace-dat.js';
import { DETECT_BYTES, detectFormat, type TraceFormat } from '../trace/read/detect.js';
import { PerfettoReader } from '../trace/read/perfetto/perfetto-reader.js';
import { readRawPages } from '../trace/read/raw-pages.js';
import type { ByteSource, StreamReader } from '../trace/read/source.js';
import { TextReader } from '../trace/read/text/text-reader.js';
import { TraceBuilder, type BuilderOptions } from '../trace/store/builder.js';
import type { Trace } from '../trace/store/trace.js';
import { nodeCodecs } from './codecs.js';
import { decompressed, detectCompression, type Compression } from './compressed.js';
import { FileSource } from './file-source.js';
import { openRawFolder } from './raw-folder.js';
import { Spool } from './spool.js';

export interface OpenOptions extends BuilderOptions {
  /** Called now and then with the bytes read so far and, where known, the bytes in all. */
  readonly onProgress?: (done: number, total: number | undefined) => void;
}

/** Read the trace at `path`. Bad input becomes an InputError that names the file. */
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
  if (statSync(path).isDirectory()) {
    const folder = openRawFolder(path);
    try {
      readRawPages(folder.recording, builder);
    } finally {
      folder.close();
    }
    return builder.finish();
  }
  const source = new FileSource(path);
  try {
    if (!source.isRegular) await readStream(path, 'none', builder, options, undefined);
    else {
      const head = source.read(0, DETECT_BYTES);
      if (source.size === 0) throw new InputError('is empty');
      const compression = detectCompression(head);
      if (compression !== 'none') await readStream(path, compression, builder, options, source.size);
      else await readPlain(path, source, head, builder, options);
    }
  } finally {
    source.close();
  }
  return builder.finish();
}

async function readPlain(
  path: string,
  source: FileSource,
  head: Uint8Array,
  builder: TraceBuilder,
  options: OpenOptions,
): Promise<void> {
  const format = detectFormat(head);
  if (format === 'trace.dat') await readDat(source, builder, options);
  else await readStream(path, 'none', builder, options, source.size);
}

async function readDat(source: ByteSource, builder: TraceBuilder, options: OpenOptions): Promise<void> {
  const codecs = await nodeCodecs();
  const texts: { offset: number; size: number }[] = [];
  readTraceDat(source, builder, {
    codecs,
    onStep: () => options.onProgress?.(builder.length, undefined),
    onText: (offset, size) => texts.push({ offset, size }),
  });
  for (const { offset, size } of texts) {
    const reader = new TextReader(builder);
    for (let at = 0; at < size; at += CHUNK)
      reader.push(source.read(offset + at, Math.min(CHUNK, size - at)));
    reader.finish();
  }
}

const CHUNK = 1 << 20;

/** Feed a stream to the reader that its first bytes ask for. */
async function readStream(
  path: string,
  compression: Compression,
  builder: TraceBuilder,
  options: OpenOptions,
  total: number | undefined,
): Promise<void> {
  let head: Uint8Array = new Uint8Array(0);
  let sink: StreamReader | Spool | undefined;
  let done = 0;
  try {
    for await (const chunk of decompressed(path, compression)) {
      done += chunk.length;
      if (sink) sink.push(chunk);
      else {
        head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
        if (head.length < DETECT_BYTES) continue;
        sink = openSink(head, builder);
        sink.push(head);
      }
      options.onProgress?.(done, compression === 'none' ? total : undefined);
    }
    if (!sink) {
      if (head.length === 0) throw new InputError('is empty');
      sink = openSink(head, builder);
      sink.push(head);
    }
    sink.finish();
    if (sink instanceof Spool) await readDat(sink.source(), builder, options);
  } finally {
    if (sink instanceof Spool) sink.close();
  }
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
        `is no trace that Faultline knows (it starts with ${JSON.stringify(shown(head))}): it reads trace.dat, ` +
          'ftrace, trace-cmd and perf script text, Perfetto, Chrome JSON, and folders of raw pages',
      );
  }
}

function shown(head: Uint8Array): string {
  return Buffer.from(head.subarray(0, 24)).toString('latin1');
}
