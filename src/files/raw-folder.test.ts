/**
 * Goal: raw ring-buffer pages in a folder laid out like tracefs read the same as the trace.dat that holds
 * them.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { repositoryRoot } from '../../test/requires.js';
import { expectSameTrace } from '../../test/support/same-trace.js';
import { openTraceDat } from '../trace/read/dat/read-trace-dat.js';
import { MemorySource } from '../trace/read/source.js';
import { MemorySink } from '../trace/write/sink.js';
import { writeTraceDat } from '../trace/write/trace-dat.js';
import { nodeCodecs } from './codecs.js';
import { readTrace } from './open-trace.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A format text as tracefs prints it. */
const FORMAT = /name: (\S+)\nID: \d+\nformat:\n[^]*?\n\nprint fmt: .*\n/g;

it('reads what the trace.dat reader reads', async () => {
  const recording = join(repositoryRoot, 'recordings', 'v6.12-full-madvise.dat.zst');
  const trace = await readTrace(recording, { filter: { to: 300e6, relative: true } });
  expect(trace.length).toBeGreaterThan(1000);
  const sink = new MemorySink();
  writeTraceDat(trace, sink);
  const bytes = sink.bytes.slice();
  const dat = openTraceDat(new MemorySource(bytes), await nodeCodecs());
  for (const { cpu, offset, size } of dat.buffers[0].cpus) {
    mkdirSync(join(folder, 'per_cpu', `cpu${cpu}`), { recursive: true });
    writeFileSync(
      join(folder, 'per_cpu', `cpu${cpu}`, 'trace_pipe_raw'),
      bytes.subarray(offset, offset + size),
    );
  }
  for (const [text, name] of Buffer.from(bytes).toString('latin1').matchAll(FORMAT)) {
    const system = trace.named(name)?.system ?? 'ftrace';
    mkdirSync(join(folder, 'events', system, name), { recursive: true });
    writeFileSync(join(folder, 'events', system, name, 'format'), text);
  }
  const comms = trace.tasks.filter(({ tid }) => tid !== 0).map(({ tid, comm }) => `${tid} ${comm}\n`);
  writeFileSync(join(folder, 'saved_cmdlines'), comms.join(''));
  writeFileSync(join(folder, 'trace_clock'), '[local] global counter\n');
  writeFileSync(join(folder, 'kernel'), '6.12.107\n');

  const read = await readTrace(folder);
  expect(read.meta).toMatchObject({ format: 'raw ring-buffer pages', clock: 'local', kernel: '6.12.107' });
  expect(read.diagnostics.damage).toEqual([]);
  expectSameTrace(read, trace);
  expect(readFileSync(join(folder, 'saved_cmdlines'), 'latin1')).toContain('kvmstorm');
});

it('says what is missing in a folder', async () => {
  const empty = mkdtempSync(join(folder, 'empty-'));
  await expect(readTrace(empty)).rejects.toThrow(/has no raw pages/);
  writeFileSync(join(empty, 'cpu0.raw'), new Uint8Array(4096));
  await expect(readTrace(empty)).rejects.toThrow(/has no event formats: copy events\//);
});
