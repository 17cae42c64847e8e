/**
 * Goal: a file is read through one small buffer, and gives what the same bytes give as a compressed stream,
 * whatever their format and wherever the buffer's end falls.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { plainEvents } from '../../test/support/random-trace.js';
import { InputError } from '../trace/errors.js';
import { findEvent } from '../trace/events/index.js';
import { TraceBuilder } from '../trace/store/builder.js';
import type { Trace } from '../trace/store/trace.js';
import { writeChrome } from '../trace/write/chrome.js';
import { writeFtraceText } from '../trace/write/ftrace-text.js';
import { writePerfetto } from '../trace/write/perfetto.js';
import { readTrace } from './open-trace.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const EVENTS = 20_000;
/** What every file here is longer than: some of the buffers that files are read through. */
const LEAST = 3 << 17;

function sample(): Trace {
  const builder = new TraceBuilder();
  const def = findEvent('sched_waking', 'sched');
  if (!def) throw new Error('the event table lacks sched_waking');
  const kind = builder.kind(def, true);
  for (let event = 0; event < EVENTS; event++) {
    const name = `worker-${event % 7}`;
    builder.begin(event * 1000, kind, event % 3, builder.task(event % 7, name), 0);
    kind.column('comm')?.setNumber(kind.row, builder.strings.intern(`task ${(event * event) % 13}`));
    kind.column('pid')?.setNumber(kind.row, (event * event) % 9973);
  }
  return builder.finish();
}

const writers: Record<string, (trace: Trace) => Iterable<Uint8Array | string>> = {
  text: (trace) => writeFtraceText(trace),
  chrome: (trace) => writeChrome(trace, undefined, { events: true }),
  perfetto: (trace) => writePerfetto(trace, undefined, { events: true }),
};

describe.each(Object.entries(writers))('a file of %s', (name, write) => {
  const bytes = Buffer.concat(Array.from(write(sample()), (chunk) => Buffer.from(chunk)));
  const path = join(folder, name);
  writeFileSync(path, bytes);

  it('gives the events of its bytes', async () => {
    expect(bytes.length).toBeGreaterThan(LEAST);
    writeFileSync(`${path}.gz`, gzipSync(bytes));
    const events = plainEvents(await readTrace(path));
    expect(events.length).toBe(EVENTS);
    expect(events).toEqual(plainEvents(await readTrace(`${path}.gz`)));
  });

  it('tells how far it is, up to its end', async () => {
    const steps: (number | undefined)[][] = [];
    await readTrace(path, { onProgress: (done, total) => steps.push([done, total]) });
    expect(steps.length).toBeGreaterThan(2);
    expect(steps.at(-1)).toEqual([bytes.length, bytes.length]);
    expect(
      steps.every(([done = 0, total], at) => total === bytes.length && done > (steps[at - 1]?.[0] ?? 0)),
    ).toBe(true);
  });
});

it('an empty file, and one that is no trace, are refused in one line that names them', async () => {
  for (const [content, why] of [
    ['', /is empty/],
    ['no trace\n'.repeat(LEAST), /is no trace that Faultline knows/],
  ] as const) {
    const path = join(folder, 'refused');
    writeFileSync(path, content);
    const failure: unknown = await readTrace(path).catch((error: unknown) => error);
    const line = failure instanceof InputError ? failure.oneLine : '';
    expect(line).toMatch(why);
    expect(line.startsWith(`${path}: `)).toBe(true);
  }
});
