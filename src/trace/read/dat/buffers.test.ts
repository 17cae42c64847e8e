/**
 * Goal: a trace.dat of several ring buffers gives every event with its buffer, in every version that
 * trace-cmd writes.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { requires } from '../../../../test/requires.js';
import { eventOf } from '../../../../test/support/same-trace.js';
import { readTrace } from '../../../files/open-trace.js';
import { findEvent } from '../../events/index.js';
import { TraceBuilder } from '../../store/builder.js';
import type { Trace } from '../../store/trace.js';
import { MemorySink } from '../../write/sink.js';
import { writeTraceDat } from '../../write/trace-dat.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const BUFFERS = ['', 'kvm', 'other'];

/** 3,000 events in turn from three buffers and two CPUs. */
function threeBuffers(): Trace {
  const def = findEvent('kvm_page_fault');
  if (!def) throw new Error('no kvm_page_fault');
  const builder = new TraceBuilder();
  builder.meta = { buffers: BUFFERS };
  const kind = builder.kind(def, true);
  for (let i = 0; i < 3000; i++) {
    builder.buffer = i % 3;
    builder.begin(1000 + 10 * i, kind, i % 2, builder.task(7, 'vcpu'), 0);
    kind.columns[2].setNumber(kind.row, i * 4096);
  }
  return builder.finish();
}

const { it } = requires('trace-cmd');

it('is read from version 7, version 6, and compressed', async () => {
  const trace = threeBuffers();
  const sink = new MemorySink();
  writeTraceDat(trace, sink);
  const plain = join(folder, 'plain.dat');
  writeFileSync(plain, sink.bytes);
  const files = [plain];
  for (const options of [
    ['--file-version', '6'],
    ['--compression', 'zstd'],
  ]) {
    const out = join(folder, `${options.at(-1)}.dat`);
    const result = spawnSync('trace-cmd', ['convert', ...options, '-i', plain, '-o', out], {
      encoding: 'utf8',
    });
    expect(result.status, result.stderr).toBe(0);
    files.push(out);
  }
  for (const file of files) {
    const read = await readTrace(file);
    expect(read.meta.buffers).toEqual(BUFFERS);
    expect(read.diagnostics.damage).toEqual([]);
    const seen = Array.from({ length: read.length }, (_, event) => [
      read.bufferOf(event),
      eventOf(read, event),
    ]);
    expect(seen).toEqual(Array.from({ length: 3000 }, (_, event) => [event % 3, eventOf(trace, event)]));
  }
});
