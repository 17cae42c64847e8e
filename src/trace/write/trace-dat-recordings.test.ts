/**
 * Goal: a recording of a real kernel that is read and written again says the same to trace-cmd as the
 * original.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { repositoryRoot, requires } from '../../../test/requires.js';
import { readTrace } from '../../files/open-trace.js';
import { MemorySink } from './sink.js';
import { writeTraceDat } from './trace-dat.js';

const recordings = join(repositoryRoot, 'recordings');
const folder = mkdtempSync(join(tmpdir(), 'faultline-dat-'));
afterAll(() => rmSync(folder, { recursive: true }));

function report(file: string, ...options: string[]): string[] {
  const args = ['report', ...options, '-t', file];
  return execFileSync('trace-cmd', args, { encoding: 'latin1', maxBuffer: 1 << 30 }).split('\n');
}

/** The first few lines that differ: whole reports would drown the message. */
function differences(a: readonly string[], b: readonly string[]): string[] {
  return a.flatMap((line, at) => (line === b[at] ? [] : [`- ${line}`, `+ ${b[at]}`])).slice(0, 10);
}

const { it } = requires('trace-cmd', 'zstd');

describe('a recording written again', () => {
  for (const name of readdirSync(recordings).filter((file) => file.endsWith('madvise.dat.zst'))) {
    it(`reports the same: ${name}`, async () => {
      const original = join(folder, 'original.dat');
      execFileSync('zstd', ['-q', '-d', '-f', join(recordings, name), '-o', original]);
      const trace = await readTrace(original);
      const sink = new MemorySink();
      expect(writeTraceDat(trace, sink).notes).toEqual([]);
      const again = join(folder, 'again.dat');
      writeFileSync(again, sink.bytes);
      const lines = report(original, '-R');
      expect(lines.length).toBeGreaterThan(10_000);
      expect(differences(lines, report(again, '-R'))).toEqual([]);
      // Flags and the kernel's own texts; check_mmio_spte prints what no field keeps.
      const texts = (file: string) => report(file, '-l').map((line) => line.replace(/( valid) \S$/, '$1'));
      expect(differences(texts(original), texts(again))).toEqual([]);
    });
  }
});
