/**
 * The container of a trace.dat version 7: sections with 16-byte headers, and options that point to them.
 */
import type { PatchableSink } from './sink.js';
import { textBytes } from './text-bytes.js';

/** Id of the options section, and of the option that ends it. */
const OPTIONS = 0;

/** How a ring-buffer page begins: the text of events/header_page. */
export function headerPage(pageSize: number): string {
  return [
    '\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;',
    '\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;',
    '\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;',
    `\tfield: char data;\toffset:16;\tsize:${pageSize - 16};\tsigned:0;`,
    '',
  ].join('\n');
}

/** How a record begins: the text of events/header_event. */
export const HEADER_EVENT = [
  '# compressed entry header',
  '\ttype_len    :    5 bits',
  '\ttime_delta  :   27 bits',
  '\tarray       :   32 bits',
  '',
  '\tpadding     : type == 29',
  '\ttime_extend : type == 30',
  '\ttime_stamp : type == 31',
  '\tdata max type_len  == 28',
  '',
].join('\n');

/** Grows by what is put in; little endian. */
class ByteList {
  #parts: Uint8Array[] = [];
  #length = 0;

  u16(value: number): this {
    return this.raw(Uint8Array.of(value & 0xff, value >>> 8));
  }

  u32(value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return this.raw(bytes);
  }

  u64(value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
    return this.raw(bytes);
  }

  text(text: string): this {
    return this.raw(textBytes(text));
  }

  /** A u64 length, then the text. */
  sizedText(text: string): this {
    const bytes = textBytes(text);
    return this.u64(bytes.length).raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  get bytes(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/** A section being filled; `end` writes it and remembers the option that points to it. */
class Section extends ByteList {
  constructor(
    readonly id: number,
    readonly done: (section: Section) => void,
  ) {
    super();
  }

  end(): void {
    this.done(this);
  }
}

export class SectionWriter {
  position = 0;
  readonly #sink: PatchableSink;
  readonly #options: { id: number; data: ByteList }[] = [];

  constructor(sink: PatchableSink) {
    this.#sink = sink;
  }

  /** Magic, version, sizes, compression; returns the place of the offset of the options. */
  fileHeader(pageSize: number): number {
    const head = new ByteList()
      .raw(Uint8Array.of(0x17, 0x08, 0x44))
      .text('tracing')
      .text('7\0');
    head.raw(Uint8Array.of(0, 8)).u32(pageSize).text('none\0\0');
    this.raw(head.bytes);
    const optionsAt = this.position;
    this.raw(new Uint8Array(8));
    return optionsAt;
  }

  raw(bytes: Uint8Array): void {
    this.#sink.write(bytes);
    this.position += bytes.length;
  }

  padTo(alignment: number): void {
    const over = this.position % alignment;
    if (over > 0) this.raw(new Uint8Array(alignment - over));
  }

  option(id: number): ByteList {
    const data = new ByteList();
    this.#options.push({ id, data });
    return data;
  }

  optionText(id: number, text: string): void {
    this.option(id).text(`${text}\0`);
  }

  optionU32(id: number, value: number): void {
    this.option(id).u32(value);
  }

  /** A section of metadata, with an option of the same id that says where it is. */
  section(id: number): Section {
    return new Section(id, (section) => {
      const bytes = section.bytes;
      this.option(id).u64(this.position);
      this.raw(sectionHeader(id, bytes.length));
      this.raw(bytes);
    });
  }

  /** Begin a section whose size is not known yet; returns its offset. */
  startData(id: number): number {
    const start = this.position;
    this.raw(sectionHeader(id, 0));
    return start;
  }

  endData(start: number): void {
    const size = new ByteList().u64(this.position - start - 16);
    this.#sink.writeAt(start + 8, size.bytes);
  }

  /** Write the options and put their offset at `optionsAt`. */
  options(optionsAt: number): void {
    const body = new ByteList();
    for (const { id, data } of this.#options) {
      const bytes = data.bytes;
      body.u16(id).u32(bytes.length).raw(bytes);
    }
    body.u16(OPTIONS).u32(8).u64(0);
    const bytes = body.bytes;
    this.#sink.writeAt(optionsAt, new ByteList().u64(this.position).bytes);
    this.raw(sectionHeader(OPTIONS, bytes.length));
    this.raw(bytes);
  }
}

function sectionHeader(id: number, size: number): Uint8Array {
  return new ByteList().u16(id).u16(0).u32(0).u64(size).bytes;
}
