/**
 * Metadata of a trace.dat version 7: sections anywhere in the file, found through chained lists of options.
 *
 *     compressor\0 version\0 u64 offset of the first options section
 *     section: u16 id, u16 flags (1: compressed), u32 string id, u64 size
 *              compressed: u32 packed size, u32 unpacked size, then the packed bytes
 *     option:  u16 id, u32 size, data
 *              the last is DONE with the u64 offset of the next options section, 0 at the end
 */
import { InputError } from '../../errors.js';
import type { Codecs } from '../codecs.js';
import { parseComms } from '../comms.js';
import { FormatRegistry } from '../format-file.js';
import { MemorySource, type ByteSource } from '../source.js';
import { decompress } from './blocks.js';
import { readFormats, readHeaders, readSystems, type CpuData, type DatFile } from './dat-file.js';
import { DatOptions, Option } from './options.js';
import { SourceCursor } from './source-cursor.js';

const COMPRESSED = 1;
/** A chain of options longer than this goes in a circle. */
const MOST_OPTION_SECTIONS = 10_000;
/** Bytes of a section header. */
const SECTION_HEADER = 16;

/** Read the metadata from behind the page size of the file's start. */
export function readVersion7(
  cursor: SourceCursor,
  codecs: Codecs,
  longSize: number,
  pageSize: number,
): DatFile {
  const compression = cursor.text('the name of the compression');
  cursor.text('the version of the compression');
  const file: DatFile = {
    version: 7,
    pageSize,
    longSize,
    compression,
    formats: new FormatRegistry(),
    headerPage: '',
    comms: new Map(),
    options: new DatOptions(),
    buffers: [],
    textBuffers: [],
  };
  const reader = new SectionReader(cursor.source, codecs, file);
  reader.readChain(cursor.size64('the offset of the options'));
  if (file.buffers.length === 0 && file.textBuffers.length === 0) {
    throw new InputError('lists no ring buffer: the recording was cut off before its end was written');
  }
  return file;
}

class SectionReader {
  constructor(
    private readonly source: ByteSource,
    private readonly codecs: Codecs,
    private readonly file: DatFile,
  ) {}

  readChain(first: number): void {
    const seen = new Set<number>();
    for (let offset = first; offset !== 0;) {
      if (seen.has(offset) || seen.size > MOST_OPTION_SECTIONS) {
        throw new InputError('its lists of options go in a circle: the file is damaged', { offset });
      }
      seen.add(offset);
      offset = this.#readOptions(this.#section(offset, Option.Done, 'a list of options'));
    }
  }

  /** Handle the options of one list; returns the offset of the next. */
  #readOptions(cursor: SourceCursor): number {
    for (;;) {
      const id = cursor.u16('the id of an option');
      const size = cursor.u32('the size of an option');
      const data = cursor.bytes(size, `option ${id}`).slice();
      const body = new SourceCursor(new MemorySource(data));
      if (id === Option.Done) return body.size64('the offset of the next options');
      this.#readOption(id, body, data);
    }
  }

  #readOption(id: number, body: SourceCursor, data: Uint8Array): void {
    const { file } = this;
    switch (id) {
      case Option.HeaderInfo:
        file.headerPage = readHeaders(this.#section(body.size64('an offset'), id, 'the page headers'));
        break;
      case Option.FtraceEvents: {
        const cursor = this.#section(body.size64('an offset'), id, 'the ftrace formats');
        readFormats(cursor, cursor.u32('the number of ftrace formats'), 'ftrace', file.formats);
        break;
      }
      case Option.EventFormats:
        readSystems(this.#section(body.size64('an offset'), id, 'the event formats'), file.formats);
        break;
      case Option.Cmdlines: {
        const cursor = this.#section(body.size64('an offset'), id, 'the cmdlines');
        file.comms = parseComms(cursor.latin1(cursor.size64('the size of cmdlines'), 'cmdlines'));
        break;
      }
      case Option.Buffer:
        this.#readBuffer(body);
        break;
      case Option.BufferText: {
        const offset = body.size64('the offset of a text buffer');
        const name = body.text('the name of a text buffer');
        const header = this.#header(offset, id, 'a text buffer');
        file.textBuffers.push({ name, offset: offset + SECTION_HEADER, ...header });
        break;
      }
      default:
        file.options.add(id, data);
    }
  }

  /** u64 offset, name\0, clock\0, u32 page size, u32 cpus, then {u32 cpu, u64 offset, u64 size} each. */
  #readBuffer(body: SourceCursor): void {
    const offset = body.size64('the offset of a buffer');
    const name = body.text('the name of a buffer');
    const clock = body.text('the clock of a buffer');
    const pageSize = body.u32('the page size of a buffer');
    const count = body.u32('the number of CPUs of a buffer');
    const cpus: CpuData[] = [];
    for (let i = 0; i < count; i++) {
      const cpu = body.u32('a CPU number');
      const dataOffset = body.size64(`the offset of the data of cpu ${cpu}`);
      cpus.push({ cpu, offset: dataOffset, size: body.size64(`the size of the data of cpu ${cpu}`) });
    }
    const header = this.#header(offset, Option.Buffer, `buffer "${name}"`);
    this.file.buffers.push({ name, clock, pageSize, cpus, compressed: header.compressed });
  }

  #header(offset: number, id: number, what: string): { compressed: boolean; size: number } {
    const cursor = new SourceCursor(this.source, offset);
    const found = cursor.u16(`the section of ${what}`);
    if (found !== id) {
      throw new InputError(
        `has section ${found} where ${what} (section ${id}) should be: the file is damaged`,
        { offset },
      );
    }
    const flags = cursor.u16(`the section of ${what}`);
    cursor.u32(`the section of ${what}`);
    return { compressed: (flags & COMPRESSED) !== 0, size: cursor.size64(`the size of ${what}`) };
  }

  /** The bytes of a section, decompressed if need be. */
  #section(offset: number, id: number, what: string): SourceCursor {
    const { compressed, size } = this.#header(offset, id, what);
    const cursor = new SourceCursor(this.source, offset + SECTION_HEADER);
    if (!compressed) return new SourceCursor(new MemorySource(cursor.bytes(size, what).slice()));
    const packed = cursor.u32(`the packed size of ${what}`);
    const unpacked = cursor.u32(`the size of ${what}`);
    const bytes = cursor.bytes(packed, what);
    try {
      return new SourceCursor(
        new MemorySource(decompress(this.codecs, this.file.compression, bytes, unpacked)),
      );
    } catch (error) {
      if (error instanceof InputError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new InputError(`${what} does not decompress (${reason}): the file is damaged`, { offset });
    }
  }
}
