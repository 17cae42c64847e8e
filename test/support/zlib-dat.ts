/**
 * Makes a zlib-compressed trace.dat v7 from an uncompressed one, in place: what trace-cmd built with zlib
 * would write, for machines whose trace-cmd was not.
 *
 * Every section and every CPU's pages shrink when compressed, so all offsets stay and the rest of each is
 * zeroed.
 */
import { deflateSync } from 'node:zlib';

const COMPRESSED = 1;
/** Ids of options whose data is the offset of a section. */
const SECTIONS = new Set([16, 17, 18, 19, 20, 21]);
const BUFFER = 3;
const CHUNK = 10 * 4096;

export function asZlib(plain: Uint8Array): Uint8Array {
  const bytes = Buffer.from(plain);
  const name = bytes.indexOf('none\0', 10);
  if (name < 0) throw new Error('not an uncompressed trace.dat v7');
  bytes.write('zlib', name);
  const at = bytes.indexOf(0, name + 5) + 1;
  for (let offset = Number(bytes.readBigUInt64LE(at)); offset !== 0;) offset = packOptions(bytes, offset);
  return bytes;
}

/** Compress what the options of one list point to; returns the offset of the next list. */
function packOptions(bytes: Buffer, section: number): number {
  for (let at = section + 16; ;) {
    const id = bytes.readUInt16LE(at);
    const size = bytes.readUInt32LE(at + 2);
    const data = at + 6;
    at = data + size;
    if (id === 0) return Number(bytes.readBigUInt64LE(data));
    if (SECTIONS.has(id)) packSection(bytes, Number(bytes.readBigUInt64LE(data)));
    if (id === BUFFER) packBuffer(bytes, data);
  }
}

function packSection(bytes: Buffer, offset: number): void {
  const size = Number(bytes.readBigUInt64LE(offset + 8));
  const body = Buffer.from(bytes.subarray(offset + 16, offset + 16 + size));
  const packed = deflateSync(body);
  if (packed.length + 8 > size) return;
  bytes.writeUInt16LE(COMPRESSED, offset + 2);
  bytes.fill(0, offset + 16, offset + 16 + size);
  bytes.writeUInt32LE(packed.length, offset + 16);
  bytes.writeUInt32LE(size, offset + 20);
  packed.copy(bytes, offset + 24);
}

function packBuffer(bytes: Buffer, data: number): void {
  bytes.writeUInt16LE(COMPRESSED, Number(bytes.readBigUInt64LE(data)) + 2);
  let at = bytes.indexOf(0, data + 8) + 1;
  at = bytes.indexOf(0, at) + 1;
  const cpus = bytes.readUInt32LE(at + 4);
  for (let cpu = 0; cpu < cpus; cpu++) {
    const entry = at + 8 + cpu * 20;
    packPages(bytes, Number(bytes.readBigUInt64LE(entry + 4)), Number(bytes.readBigUInt64LE(entry + 12)));
  }
}

function packPages(bytes: Buffer, offset: number, size: number): void {
  if (size === 0) return;
  const pages = Buffer.from(bytes.subarray(offset, offset + size));
  bytes.fill(0, offset, offset + size);
  let at = bytes.writeUInt32LE(Math.ceil(size / CHUNK), offset);
  for (let from = 0; from < size; from += CHUNK) {
    const chunk = pages.subarray(from, from + CHUNK);
    const packed = deflateSync(chunk);
    at = bytes.writeUInt32LE(packed.length, at);
    at = bytes.writeUInt32LE(chunk.length, at);
    at += packed.copy(bytes, at);
  }
  if (at > offset + size) throw new Error('the pages do not shrink');
}
