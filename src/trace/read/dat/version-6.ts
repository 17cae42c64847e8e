/**
 * Metadata of a trace.dat version 6: everything in a row, then offsets of the pages.
 *
 *     header_page header_event  ftrace formats  systems  kallsyms  printk  cmdlines  u32 cpus
 *     "options  \0" {u16 id, u32 size, data}* u16 0     "flyrecord\0" {u64 offset, u64 size} per CPU
 */
import { InputError } from '../../errors.js';
import { parseComms } from '../comms.js';
import { FormatRegistry } from '../format-file.js';
import { readFormats, readHeaders, readSystems, type CpuData, type DatFile } from './dat-file.js';
import { DatOptions } from './options.js';
import { SourceCursor } from './source-cursor.js';

/** More CPUs than any machine: a damaged count. */
const MOST_CPUS = 65_536;

/** Read the metadata from behind the page size of the file's start. */
export function readVersion6(cursor: SourceCursor, longSize: number, pageSize: number): DatFile {
  const formats = new FormatRegistry();
  const headerPage = readHeaders(cursor);
  readFormats(cursor, cursor.u32('the number of ftrace formats'), 'ftrace', formats);
  readSystems(cursor, formats);
  cursor.skip(cursor.u32('the size of kallsyms'), 'kallsyms');
  cursor.skip(cursor.u32('the size of printk formats'), 'printk formats');
  const comms = parseComms(cursor.latin1(cursor.size64('the size of cmdlines'), 'cmdlines'));
  const cpus = cursor.u32('the number of CPUs');
  if (cpus > MOST_CPUS)
    throw new InputError(`claims ${cpus} CPUs: the file is damaged`, { offset: cursor.position - 4 });
  const options = new DatOptions();
  const file: DatFile = {
    version: 6,
    pageSize,
    longSize,
    compression: 'none',
    formats,
    headerPage,
    comms,
    options,
    buffers: [],
    textBuffers: [],
  };
  readBuffer(cursor, cpus, '', file);
  for (const { name, offset } of options.v6Buffers) {
    readBuffer(new SourceCursor(cursor.source, offset), options.cpuCount ?? cpus, name, file);
  }
  return file;
}

/** Options if there are any, then the data of one buffer. */
function readBuffer(cursor: SourceCursor, cpus: number, name: string, file: DatFile): void {
  let tag = cursor.latin1(10, 'the tag of the options or the data');
  if (tag.startsWith('options')) {
    readOptions(cursor, file.options);
    tag = cursor.latin1(10, 'the tag of the data');
  }
  const { clock } = file.options;
  if (tag.startsWith('latency')) {
    const offset = cursor.position;
    file.textBuffers.push({ name, offset, size: cursor.source.size - offset, compressed: false });
    return;
  }
  if (!tag.startsWith('flyrecord')) {
    const shown = JSON.stringify(tag);
    throw new InputError(`has ${shown} where "flyrecord" or "latency" should be: the file is damaged`, {
      offset: cursor.position - 10,
    });
  }
  const places: CpuData[] = [];
  for (let cpu = 0; cpu < cpus; cpu++) {
    const offset = cursor.size64(`the offset of the data of cpu ${cpu}`);
    const size = cursor.size64(`the size of the data of cpu ${cpu}`);
    places.push({ cpu, offset, size });
  }
  file.buffers.push({ name, clock, pageSize: file.pageSize, cpus: places, compressed: false });
}

function readOptions(cursor: SourceCursor, options: DatOptions): void {
  for (;;) {
    const id = cursor.u16('the id of an option');
    if (id === 0) return;
    const size = cursor.u32('the size of an option');
    options.add(id, cursor.bytes(size, `option ${id}`).slice());
  }
}
