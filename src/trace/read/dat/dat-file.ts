/**
 * What a trace.dat says before its events: the same for version 6 and version 7.
 *
 * Source: Documentation/trace-cmd/trace-cmd.dat.v6.5.txt and .v7.5.txt of trace-cmd.
 */
import { InputError } from '../../errors.js';
import { FormatRegistry } from '../format-file.js';
import type { SourceCursor } from './source-cursor.js';
import type { DatOptions } from './options.js';

/** Where the ring-buffer pages of one CPU lie. */
export interface CpuData {
  readonly cpu: number;
  readonly offset: number;
  readonly size: number;
}

/** One ring buffer: the main one has the name ''. */
export interface DatBuffer {
  readonly name: string;
  readonly clock: string;
  readonly pageSize: number;
  readonly cpus: readonly CpuData[];
  /** The pages are in compressed chunks. */
  readonly compressed: boolean;
}

export interface DatFile {
  readonly version: 6 | 7;
  readonly pageSize: number;
  /** Bytes of a C long on the traced machine. */
  readonly longSize: number;
  /** `none`, `zlib` or `zstd`. */
  readonly compression: string;
  readonly formats: FormatRegistry;
  /** Format of the page header, `header_page`. */
  headerPage: string;
  /** comm by tid. */
  comms: Map<number, string>;
  readonly options: DatOptions;
  readonly buffers: DatBuffer[];
  /** Text of buffers recorded as text (latency tracers). */
  readonly textBuffers: TextBuffer[];
}

/** A buffer that was recorded as tracefs text. */
export interface TextBuffer {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** The text is in compressed chunks. */
  readonly compressed: boolean;
}

/** Read `u64 size, text` blocks: formats of one system. */
export function readFormats(
  cursor: SourceCursor,
  count: number,
  system: string,
  formats: FormatRegistry,
): void {
  for (let i = 0; i < count; i++) {
    const size = cursor.size64(`the size of a format of ${system}`);
    formats.add(system, cursor.ascii(size, `a format of ${system}`));
  }
}

/** Read `u32 systems, {name\0, u32 count, formats}`. */
export function readSystems(cursor: SourceCursor, formats: FormatRegistry): void {
  const systems = cursor.u32('the number of event systems');
  for (let i = 0; i < systems; i++) {
    const system = cursor.text('the name of an event system');
    const count = cursor.u32(`the number of events of ${system}`);
    readFormats(cursor, count, system, formats);
  }
}

/** Read `header_page\0 u64 size text`, then the same for header_event; returns the first text. */
export function readHeaders(cursor: SourceCursor): string {
  const tag = cursor.latin1(12, 'header_page');
  if (tag !== 'header_page\0') {
    const offset = cursor.position - tag.length;
    throw new InputError('has no header_page where it should be: the file is damaged', { offset });
  }
  const page = cursor.latin1(cursor.size64('the size of header_page'), 'header_page');
  cursor.latin1(13, 'header_event');
  cursor.skip(cursor.size64('the size of header_event'), 'header_event');
  return page;
}
