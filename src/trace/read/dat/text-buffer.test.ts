/**
 * Goal: a trace.dat of a latency tracer, which holds text instead of pages, reads like that text.
 *
 * Method: no tool here records one, so the pages of a written file are replaced by text, as trace-cmd lays it
 * out.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { repositoryRoot, requires } from '../../../../test/requires.js';
import { readTrace } from '../../../files/open-trace.js';
import { MemorySink } from '../../write/sink.js';
import { writeTraceDat } from '../../write/trace-dat.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const TEXT = `# tracer: wakeup
#
      node-21212   [001] .....  1365.973963: kvm_unmap_hva_range: mmu notifier unmap range: 0x1000 -- 0x2000
      node-21212   [001] .....  1365.973967: kvm_unmap_hva_range: mmu notifier unmap range: 0x2000 -- 0x5000
`;
const BUFFER = 3;
const BUFFER_TEXT = 22;

/** An uncompressed trace.dat v7 with one buffer. */
async function plainFile(): Promise<Buffer> {
  const recording = join(repositoryRoot, 'recordings', 'v6.12-full-madvise.dat.zst');
  const sink = new MemorySink();
  writeTraceDat(await readTrace(recording, { filter: { to: 20e6, relative: true } }), sink);
  return Buffer.from(sink.bytes);
}

/** Turn the buffer section of a version 7 file, and the option that names it, into a text buffer. */
function withTextSection(bytes: Buffer): Buffer {
  const compressor = bytes.indexOf('none\0', 10);
  let section = Number(bytes.readBigUInt64LE(bytes.indexOf(0, compressor + 5) + 1));
  while (section !== 0) {
    for (let at = section + 16; ;) {
      const [id, size] = [bytes.readUInt16LE(at), bytes.readUInt32LE(at + 2)];
      if (id === 0) {
        section = Number(bytes.readBigUInt64LE(at + 6));
        break;
      }
      if (id === BUFFER) {
        bytes.writeUInt16LE(BUFFER_TEXT, at);
        const buffer = Number(bytes.readBigUInt64LE(at + 6));
        bytes.writeUInt16LE(BUFFER_TEXT, buffer);
        bytes.writeBigUInt64LE(BigInt(TEXT.length), buffer + 8);
        bytes.write(TEXT, buffer + 16, 'latin1');
      }
      at += 6 + size;
    }
  }
  return bytes;
}

async function expectText(path: string): Promise<void> {
  const trace = await readTrace(path);
  expect(trace.diagnostics.damage).toEqual([]);
  expect([...trace.time]).toEqual([1365973963000, 1365973967000]);
  const ranges = trace.named('kvm_unmap_hva_range');
  expect([0, 1].map((row) => ranges?.column('end')?.number(row))).toEqual([0x2000, 0x5000]);
}

const { it } = requires('trace-cmd');

it('is read from version 7 and from version 6', async () => {
  const plain = await plainFile();
  const path = join(folder, 'plain.dat');
  writeFileSync(path, plain);
  const v6 = join(folder, 'v6.dat');
  const converted = spawnSync('trace-cmd', ['convert', '--file-version', '6', '-i', path, '-o', v6]);
  expect(converted.status).toBe(0);
  const pages = readFileSync(v6);
  const tag = pages.indexOf('flyrecord\0');
  writeFileSync(v6, Buffer.concat([pages.subarray(0, tag), Buffer.from(`latency  \0${TEXT}`)]));
  await expectText(v6);
  writeFileSync(path, withTextSection(plain));
  await expectText(path);
});
