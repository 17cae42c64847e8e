/**
 * Reads a trace.dat (versions 6 and 7) into a TraceBuilder.
 */
import { InputError } from '../../errors.js';
import type { TraceBuilder } from '../../store/builder.js';
import type { Ahead, AheadPlace, Codecs } from '../codecs.js';
import { EventDecoder } from '../ring/decoder.js';
import { CpuCursor, type PageLayout, type PageSupply } from '../ring/cpu-cursor.js';
import { mergeEvents, type MergeInput } from '../ring/merge.js';
import { MOST_ABSOLUTE, originOf, stampOf } from '../ring/origin.js';
import type { ByteSource, StreamReader } from '../source.js';
import { PlainPages } from '../raw-pages.js';
import { taskLookup } from '../ring/tasks.js';
import { CompressedPages, decompress } from './blocks.js';
import type { CpuData, DatBuffer, DatFile, TextBuffer } from './dat-file.js';
import { SourceCursor } from './source-cursor.js';
import { readVersion6 } from './version-6.js';
import { readVersion7 } from './version-7.js';

/** What every trace.dat starts with. */
export const MAGIC = [0x17, 0x08, 0x44, 0x74, 0x72, 0x61, 0x63, 0x69, 0x6e, 0x67];

const MOST_PAGE = 1 << 20;
/** Clocks that count ns; others count cycles or events. */
const NS_CLOCKS = new Set(['', 'local', 'global', 'uptime', 'perf', 'mono', 'mono_raw', 'boot', 'tai']);

export interface DatReadOptions {
  readonly codecs: Codecs;
  /** Starts to decompress zstd chunks ahead of the reader, where the host can do that. */
  readonly zstdAhead?: (places: readonly AheadPlace[]) => Ahead | undefined;
  /** Called now and then while events are decoded. */
  readonly onStep?: () => void;
  /**
   * Reads each buffer that holds text instead of pages; made by the host, for texts have readers of their
   * own.
   */
  readonly textReader?: () => StreamReader;
}

/**
 * Read the metadata only.
 *
 * @internal for tests
 */
export function openTraceDat(source: ByteSource, codecs: Codecs): DatFile {
  const cursor = new SourceCursor(source);
  const magic = cursor.bytes(10, 'the magic number of trace.dat');
  if (MAGIC.some((byte, i) => magic[i] !== byte))
    throw new InputError('is not a trace.dat file', { offset: 0 });
  const version = cursor.text('the version', 16);
  if (version !== '6' && version !== '7') {
    throw new InputError(
      `is trace.dat version "${version}"; Faultline reads 6 and 7: trace-cmd convert can change it`,
    );
  }
  if (cursor.u8('the byte order') !== 0) {
    throw new InputError(
      'was recorded on a big-endian machine, which has no x86 KVM: Faultline reads little-endian files',
    );
  }
  const longSize = cursor.u8('the size of a long');
  const pageSize = cursor.u32('the page size');
  if (longSize !== 4 && longSize !== 8)
    throw new InputError(`claims longs of ${longSize} bytes: the file is damaged`);
  checkPageSize(pageSize);
  return version === '6'
    ? readVersion6(cursor, longSize, pageSize)
    : readVersion7(cursor, codecs, longSize, pageSize);
}

/** Read everything that the builder's filter wants. */
export function readTraceDat(source: ByteSource, builder: TraceBuilder, options: DatReadOptions): void {
  const file = openTraceDat(source, options.codecs);
  const places = file.buffers
    .filter(({ compressed }) => compressed)
    .flatMap(({ cpus }) => cpus.filter(hasData));
  const ahead = file.compression === 'zstd' ? options.zstdAhead?.(places) : undefined;
  readBuffers(file, source, builder, options, ahead && { places, take: (place) => ahead.take(place) });
}

/** Chunks decompressed ahead: of which CPUs, and the next of each. */
interface AheadOf {
  readonly places: readonly CpuData[];
  readonly take: Ahead['take'];
}

function readBuffers(
  file: DatFile,
  source: ByteSource,
  builder: TraceBuilder,
  options: DatReadOptions,
  ahead: AheadOf | undefined,
): void {
  describe(file, builder);
  for (const text of file.textBuffers) readText(file, text, source, builder, options);
  const clock = clockOf(file, source, builder, options.codecs);
  const decoder = new EventDecoder(builder, file.formats);
  const taskOf = taskLookup(file.comms, builder);
  const inputs: MergeInput[] = [];
  file.buffers.forEach((buffer, index) => {
    checkPageSize(buffer.pageSize);
    const layout: PageLayout = { pageSize: buffer.pageSize, dataOffset: dataOffset(file), ...clock };
    for (const data of buffer.cpus) {
      if (!hasData(data)) continue;
      checkPlace(data, source, builder);
      const supply = pagesOf(file, buffer, data, source, builder, options.codecs, ahead);
      const cursor = new CpuCursor(data.cpu, supply, layout, builder.diagnostics);
      inputs.push({ cursor, decoder, buffer: index, taskOf });
    }
  });
  mergeEvents(inputs, builder, options.onStep);
}

/** Bytes of text handed to its reader at a time. */
const TEXT_AT_A_TIME = 1 << 20;

/** Read a buffer that latency tracers recorded as text. */
function readText(
  file: DatFile,
  { offset, size, compressed }: TextBuffer,
  source: ByteSource,
  builder: TraceBuilder,
  { codecs, textReader }: DatReadOptions,
): void {
  const reader = textReader?.();
  if (!reader) return;
  if (!compressed) {
    for (let at = 0; at < size; at += TEXT_AT_A_TIME) {
      reader.push(source.read(offset + at, Math.min(TEXT_AT_A_TIME, size - at)));
    }
  } else {
    const data = { cpu: 0, offset, size };
    const unpack = (bytes: Uint8Array, length: number) => decompress(codecs, file.compression, bytes, length);
    const chunks = new CompressedPages(source, data, unpack, builder.diagnostics);
    for (let chunk = chunks.next(); chunk !== undefined; chunk = chunks.next()) reader.push(chunk);
  }
  reader.finish();
}

function describe(file: DatFile, builder: TraceBuilder): void {
  const { options } = file;
  const clock = file.buffers.find((buffer) => buffer.name === '')?.clock || options.clock;
  const cpus = Math.max(
    options.cpuCount ?? 0,
    ...file.buffers.flatMap((b) => b.cpus.map((data) => data.cpu + 1)),
  );
  builder.meta = {
    ...builder.meta,
    format: `trace.dat v${file.version}${file.compression === 'none' ? '' : ` (${file.compression})`}`,
    clock,
    timeUnit: NS_CLOCKS.has(clock) || options.convertsCycles ? 'ns' : 'ticks',
    buffers: file.buffers.map((buffer) => buffer.name),
    pageSize: file.pageSize,
    resolution: 1,
    cpus,
    ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
  };
  for (const { cpu, overrun, dropped } of options.statistics) {
    if (overrun > 0)
      builder.diagnostics.addNote(
        `cpu ${cpu}: ${overrun} events were overwritten before they were read (overrun)`,
      );
    if (dropped > 0)
      builder.diagnostics.addNote(`cpu ${cpu}: ${dropped} events were dropped because the buffer was full`);
  }
}

/**
 * Decide the builder's origin, that of the clock, and how clock values become times relative to the first.
 */
function clockOf(
  file: DatFile,
  source: ByteSource,
  builder: TraceBuilder,
  codecs: Codecs,
): Pick<PageLayout, 'origin' | 'convert'> {
  const stamps = file.buffers.flatMap((buffer) =>
    buffer.cpus.filter(hasData).flatMap((data) => stampOf(firstPage(file, buffer, data, source, codecs))),
  );
  const origin = originOf(stamps);
  const toTime = file.options.conversion;
  const first = toTime ? toTime(origin, 0) : origin;
  const timeOrigin = first >= MOST_ABSOLUTE || first <= -MOST_ABSOLUTE ? first : 0n;
  builder.origin = timeOrigin;
  if (!toTime) return { origin };
  return { origin, convert: (clock, cpu) => Number(toTime(clock, cpu) - timeOrigin) };
}

function firstPage(
  file: DatFile,
  buffer: DatBuffer,
  data: CpuData,
  source: ByteSource,
  codecs: Codecs,
): Uint8Array | undefined {
  if (!buffer.compressed) return source.read(data.offset, 8);
  const head = source.read(data.offset, 12);
  if (head.length < 12) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const packed = view.getUint32(4, true);
  const size = view.getUint32(8, true);
  if (data.offset + 12 + packed > source.size) return undefined;
  try {
    return decompress(codecs, file.compression, source.read(data.offset + 12, packed), size);
  } catch (error) {
    // A damaged chunk is reported when its turn comes; it cannot set the origin.
    if (error instanceof InputError) throw error;
    return undefined;
  }
}

function pagesOf(
  file: DatFile,
  buffer: DatBuffer,
  data: CpuData,
  source: ByteSource,
  builder: TraceBuilder,
  codecs: Codecs,
  ahead: AheadOf | undefined,
): PageSupply {
  if (!buffer.compressed) return new PlainPages(source, data.offset, data.size, buffer.pageSize);
  const place = ahead?.places.indexOf(data) ?? -1;
  const unpack = (bytes: Uint8Array, size: number) => {
    const done = place < 0 ? undefined : ahead?.take(place);
    return done?.length === size ? done : decompress(codecs, file.compression, bytes, size);
  };
  return new CompressedPages(source, data, unpack, builder.diagnostics);
}

function hasData({ size }: CpuData): boolean {
  return size > 0;
}

/** Where data starts in a page, from the format of the page header. */
function dataOffset(file: DatFile): number {
  const match = /field:\s*char\s+data[^;]*;\s*offset:(\d+)/.exec(file.headerPage);
  const offset = match ? Number(match[1]) : 8 + file.longSize;
  return offset === 12 || offset === 16 ? offset : 8 + file.longSize;
}

function checkPageSize(size: number): void {
  if (size < 64 || size > MOST_PAGE || (size & (size - 1)) !== 0) {
    throw new InputError(`claims pages of ${size} bytes: the file is damaged`);
  }
}

function checkPlace(data: CpuData, source: ByteSource, builder: TraceBuilder): void {
  const missing = data.offset + data.size - source.size;
  if (missing <= 0) return;
  const had = Math.max(0, data.size - missing);
  builder.diagnostics.addDamage(
    `cpu ${data.cpu}: only ${had} of ${data.size} bytes are in the file: it was cut off`,
  );
  builder.diagnostics.addLoss(data.cpu, undefined);
}
