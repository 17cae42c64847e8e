/**
 * Goal: a recording of a real kernel survives the way through Perfetto and Chrome files, event for event.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { byCpuThenTime, plainEvents } from '../../../test/support/random-trace.js';
import { repositoryRoot } from '../../../test/requires.js';
import { readTrace } from '../../files/open-trace.js';
import { TraceBuilder } from '../store/builder.js';
import type { Trace } from '../store/trace.js';
import { writeChrome } from '../write/chrome.js';
import { writePerfetto } from '../write/perfetto.js';
import { ChromeReader } from './chrome/chrome-reader.js';
import { PerfettoReader } from './perfetto/perfetto-reader.js';
import type { StreamReader } from './source.js';

const recording = join(repositoryRoot, 'recordings', 'v6.12-full-madvise.dat.zst');

function read(chunks: Iterable<Uint8Array | string>, open: (builder: TraceBuilder) => StreamReader): Trace {
  const builder = new TraceBuilder();
  const reader = open(builder);
  for (const chunk of chunks)
    reader.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
  reader.finish();
  return builder.finish();
}

/** Events whose texts differ, a few: whole lists would drown the message. */
function differences(a: Trace, b: Trace): string[] {
  const lines = (trace: Trace) =>
    byCpuThenTime(plainEvents(trace)).map(({ fields, ...event }) => {
      const sorted = Object.entries(fields).sort(([x], [y]) => (x < y ? -1 : 1));
      return `${Object.values(event).join(' ')} ${sorted.join(' ')}`;
    });
  const [left, right] = [lines(a), lines(b)];
  expect(right.length).toBe(left.length);
  return left.flatMap((line, at) => (line === right[at] ? [] : [`- ${line}`, `+ ${right[at]}`])).slice(0, 10);
}

describe('a recording', () => {
  it('comes back from a Perfetto trace', async () => {
    const trace = await readTrace(recording);
    expect(trace.length).toBeGreaterThan(10_000);
    const again = read(
      writePerfetto(trace, undefined, { events: true }),
      (builder) => new PerfettoReader(builder),
    );
    expect(differences(trace, again)).toEqual([]);
  });

  it('comes back from a Chrome trace', async () => {
    const trace = await readTrace(recording);
    const again = read(
      writeChrome(trace, undefined, { events: true }),
      (builder) => new ChromeReader(builder),
    );
    expect(differences(trace, again)).toEqual([]);
  });
});
