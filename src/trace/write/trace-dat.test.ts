import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect } from 'vitest';
import {
  anyText,
  buildTrace,
  byCpuThenTime,
  plainEvents,
  traceSpec,
} from '../../../test/support/random-trace.js';
import type { EventSpec, PlainEvent, TraceSpec, Value } from '../../../test/support/random-trace.js';
import { requires } from '../../../test/requires.js';
import { eventTable } from '../events/index.js';
import type { EventDef, FieldDef } from '../events/types.js';
import { readTraceDat } from '../read/dat/read-trace-dat.js';
import { MemorySource } from '../read/source.js';
import { TraceBuilder } from '../store/builder.js';
import { isInterned } from '../store/column.js';
import type { Trace } from '../store/trace.js';
import { hexOfBlob } from './text-bytes.js';
import { maskBytes } from './cpu-list.js';
import { MemorySink } from './sink.js';
import { writeTraceDat } from './trace-dat.js';

const { it } = requires('trace-cmd');
const folder = mkdtempSync(join(tmpdir(), 'faultline-dat-'));
const file = join(folder, 'trace.dat');
afterAll(() => rmSync(folder, { recursive: true }));

function written(trace: Trace): { notes: readonly string[]; report: (...options: string[]) => string[] } {
  const sink = new MemorySink();
  const summary = writeTraceDat(trace, sink);
  expect(summary.bytes).toBe(sink.bytes.length);
  writeFileSync(file, sink.bytes);
  const report = (...options: string[]) =>
    execFileSync('trace-cmd', ['report', ...options, '-t', file], {
      encoding: 'latin1',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
      .split('\n')
      .slice(1, -1);
  return { notes: summary.notes, report };
}

/** `inst:  vcpu 0-101   [005]     0.000012477: event_1:     a=1 b=2` */
const LINE = /^(?:(\w+):)? +(.*)-(\d+) +\[(\d+)\] +(\d+)\.(\d{9}): (\w+): *(.*)$/s;

/** What trace-cmd printed, field texts unread. */
interface Line {
  buffer: number;
  comm: string;
  tid: number;
  cpu: number;
  stamp: bigint;
  name: string;
  args: string;
}

function parseLine(spec: TraceSpec, line: string): Line {
  const match = LINE.exec(line);
  if (!match) throw new Error(`not an event line: ${line}`);
  const [, buffer = '', comm, tid, cpu, seconds, nanos, name, args] = match;
  const stamp = BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
  return {
    buffer: spec.buffers.indexOf(buffer),
    comm,
    tid: Number(tid),
    cpu: Number(cpu),
    stamp,
    name,
    args,
  };
}

function sortLines(lines: readonly Line[]): Line[] {
  return lines
    .map((line, at) => ({ line, at }))
    .sort((a, b) => a.line.buffer - b.line.buffer || a.line.cpu - b.line.cpu || a.at - b.at)
    .map(({ line }) => line);
}

/** Texts of the fields of `a=1 b=two`, in order. */
function splitArgs(def: EventDef, args: string): string[] {
  if (def.fields.length === 0) return [];
  const pattern = def.fields.map((field) => `${field.name}=(.*)`).join(' ');
  const match = new RegExp(`^ ?${pattern}$`, 's').exec(args);
  if (!match) throw new Error(`no fields of ${def.name} in "${args}"`);
  return match.slice(1);
}

/** A number of `bits` bits as trace-cmd prints it: it forgets the sign of fields narrower than an int. */
function sameNumber(field: FieldDef, text: string, value: Value): boolean {
  const bits = field.type === 'bool' ? 8 : Number(field.type.slice(1));
  return BigInt.asUintN(bits, BigInt(text)) === BigInt.asUintN(bits, BigInt(value));
}

/** trace-cmd shows text with bytes beyond ASCII as `ARRAY[e9, 00]`. */
function shownText(text: string): string {
  const bytes = /^ARRAY\[(.*)\]$/
    .exec(text)?.[1]
    .split(', ')
    .map((hex) => Number.parseInt(hex, 16));
  return bytes ? String.fromCharCode(...bytes.slice(0, bytes.indexOf(0))) : text;
}

/** The kernel's form of a mask: 32-bit groups in hexadecimal, highest first. */
function maskGroups(list: string): string {
  const bytes = maskBytes(list);
  const groups = Array.from({ length: bytes.length / 4 }, (_, i) =>
    new DataView(bytes.buffer)
      .getUint32(i * 4, true)
      .toString(16)
      .padStart(8, '0'),
  );
  return groups.toReversed().join(',');
}

function expectSame(spec: TraceSpec, event: PlainEvent, raw: Line, plain: Line): void {
  const { stamp, cpu, tid, comm, buffer } = event;
  const def = spec.kinds.find((kind) => `${kind.system}:${kind.name}` === event.event);
  if (!def) throw new Error(event.event);
  const shown = comm === '' ? '<...>' : comm;
  const head = { stamp, cpu, tid, comm: shown, buffer, name: def.name };
  for (const { args: _, ...line } of [raw, plain]) expect(line).toEqual(head);
  const rawTexts = splitArgs(def, raw.args);
  const plainTexts = splitArgs(def, plain.args);
  def.fields.forEach((field, at) => {
    const value = event.fields[field.name];
    if (field.type === 'string') expect(shownText(rawTexts[at])).toBe(value);
    else if (field.type === 'bytes')
      expect(plainTexts[at].replaceAll(' ', '')).toBe(hexOfBlob(String(value)));
    else if (field.type === 'cpumask') expect(plainTexts[at]).toBe(maskGroups(String(value)));
    else
      expect(sameNumber(field, rawTexts[at], value), `${field.name}=${rawTexts[at]} is ${value}`).toBe(true);
  });
}

const word = fc.string({ unit: fc.constantFrom(...'abcXYZ0189_-/\xe9\xff'.split('')), maxLength: 14 });

describe('a trace.dat read back by trace-cmd', () => {
  it('has every event with its time, CPU, thread, buffer and fields', () => {
    const buffers = ['', 'inst'];
    // trace-cmd prints stamps through a double: exact ns up to 2^53.
    const origin = fc.constantFrom(0n, 12_345n);
    // A blob that looks like text is printed as text, and a newline would break the line.
    const byte = fc.integer({ min: 11, max: 255 });
    const arbitrary = traceSpec({ text: word, comm: word, buffers, origin, byte });
    fc.assert(
      fc.property(arbitrary, (spec) => {
        const trace = buildTrace(spec);
        const { report } = written(trace);
        const events = byCpuThenTime(plainEvents(trace));
        const raw = sortLines(report('-R').map((line) => parseLine(spec, line)));
        const plain = sortLines(report().map((line) => parseLine(spec, line)));
        expect(raw.length).toBe(events.length);
        events.forEach((event, at) => expectSame(spec, event, raw[at], plain[at]));
      }),
      { numRuns: 40 },
    );
  });

  it('has flags and preempt counts', () => {
    const trace = buildTrace({
      ...oneKind([]),
      events: Array.from({ length: 0x100 }, (_, n) => plainEvent(n, n * 0x101)),
    });
    const { report } = written(trace);
    const raw = report('-R', '-l').map((line) => Number(/\d-(0x[0-9a-f]+) /.exec(line)?.[1]));
    expect(raw).toEqual(Array.from({ length: 0x100 }, (_, n) => n));
    // The last two characters of the flags: low half of the preempt count, then high half.
    const counts = report('-l').map((line) => {
      const [, low, high] = / 0...([0-9a-f.])([0-9a-f.]) +\d+\.\d{9}/.exec(line) ?? [];
      return Number.parseInt(`${high}${low}`.replaceAll('.', '0'), 16);
    });
    expect(counts).toEqual(raw);
  });

  it('runs over many pages, with gaps too long for a record word, and says where events were lost', () => {
    const field: FieldDef = { name: 'text', type: 'string', ctype: '__data_loc char[]' };
    const count = 4000;
    const step = (n: number) => n * 1000 + Math.floor(n / 100) * 2 ** 29;
    const events = Array.from({ length: count }, (_, n) =>
      plainEvent(step(n), 0, 'x'.repeat(n % 300), n % 3),
    );
    const spec = { ...oneKind([field]), events };
    const trace = buildTrace(spec);
    trace.diagnostics.addLoss(1, 7, step(1000));
    trace.diagnostics.addLoss(1, 5, step(1000));
    trace.diagnostics.addLoss(2, undefined, step(2000));
    trace.diagnostics.addLoss(2, 9, undefined);
    const { report, notes } = written(trace);
    expect(notes.join()).toMatch(/^1 loss/);
    const lines = report('-R');
    const lost = lines.flatMap((line, at) => (line.startsWith('CPU:') ? [[line, lines[at + 1]]] : []));
    expect(lost.map(([line]) => line)).toEqual(['CPU:1 [12 EVENTS DROPPED]', 'CPU:2 [EVENTS DROPPED]']);
    expect(lost.map(([, next]) => parseLine(spec, next).stamp)).toEqual([step(1000), step(2000)].map(BigInt));
    const read = lines.filter((line) => !line.startsWith('CPU:')).map((line) => parseLine(spec, line));
    expect(read.map((line) => [line.stamp, line.cpu, line.args])).toEqual(
      events.map((event) => [BigInt(event.time), event.cpu, `text=${event.values[0]}`]),
    );
  });

  it('takes larger pages for events longer than one, and cuts what no page can hold', () => {
    const field: FieldDef = { name: 'text', type: 'string', ctype: '__data_loc char[]' };
    const lengths = [10, 5000, 65_534, 70_000];
    const spec = {
      ...oneKind([field]),
      events: lengths.map((length, n) => plainEvent(n, 0, 'y'.repeat(length))),
    };
    const { report, notes } = written(buildTrace(spec));
    expect(notes).toEqual(["1 value(s) are cut: a trace.dat holds 65,534 bytes of each event's texts"]);
    const read = report('-R').map((line) => parseLine(spec, line).args.length - 'text='.length);
    expect(read.slice(0, 3)).toEqual(lengths.slice(0, 3));
    expect(read[3]).toBeGreaterThanOrEqual(65_534);
  });

  it('keeps built-in ftrace events and an empty trace readable', () => {
    const spec = oneKind([{ name: 'buf', type: 'string', ctype: 'char[]' }], 'ftrace');
    const { report } = written(buildTrace({ ...spec, events: [plainEvent(1, 0, 'hello')] }));
    expect(report('-R').map((line) => parseLine(spec, line).args)).toEqual(['buf=hello']);
    expect(written(buildTrace(spec)).report()).toEqual([]);
  });
});

describe('formats of the event table', () => {
  it('are understood by trace-cmd, every one', () => {
    const tasks = [{ tid: 7, comm: 'task' }];
    const events = eventTable.map((def, kind) => {
      const values = def.fields.map((field) =>
        field.type === 'cpumask' ? '0-1' : isInterned(field) ? 'x' : 1n,
      );
      return { time: kind, kind, cpu: 0, task: 0, flags: 0, buffer: 0, values };
    });
    const spec: TraceSpec = { kinds: eventTable, tasks, events, origin: 0n, buffers: [''] };
    const { report } = written(buildTrace(spec));
    // -N: the formats themselves, not what plugins make of known events.
    const lines = report('-N').map((line) => parseLine(spec, line));
    expect(lines.map(({ name }) => name)).toEqual(eventTable.map(({ name }) => name));
    expect(lines.filter(({ args }) => args.includes('FAILED TO PARSE') || args === '')).toEqual([]);
    const raw = report('-R').map((line) => parseLine(spec, line));
    raw.forEach((line, at) =>
      expect(splitArgs(eventTable[at], line.args)).toHaveLength(events[at].values.length),
    );
  });
});

function compressed(): never {
  throw new Error('nothing in it is compressed');
}

describe('a trace.dat read back by Faultline', () => {
  it('has every event as it was, times beyond 2^53 and any bytes in names included', () => {
    const buffers = ['', 'inst'];
    const comm = anyText.map((text) => text.replaceAll(/[\r\n]/g, ' '));
    fc.assert(
      fc.property(traceSpec({ buffers, comm }), (spec) => {
        const trace = buildTrace(spec);
        const sink = new MemorySink();
        writeTraceDat(trace, sink);
        const builder = new TraceBuilder();
        readTraceDat(new MemorySource(sink.bytes), builder, {
          codecs: { zlib: compressed, zstd: compressed },
        });
        const again = builder.finish();
        const unnamed = (events: readonly PlainEvent[]) =>
          events.map((event) => (event.comm === '' ? { ...event, comm: '<...>' } : event));
        expect(byCpuThenTime(plainEvents(again))).toEqual(unnamed(byCpuThenTime(plainEvents(trace))));
        expect(again.diagnostics.damage).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

function oneKind(fields: FieldDef[], system = 'test'): TraceSpec {
  const def: EventDef = { system, name: 'thing', fields, print: [], since: 'v5.10', meaning: 'a test event' };
  return { kinds: [def], tasks: [{ tid: 7, comm: 'task' }], events: [], origin: 0n, buffers: [''] };
}

function plainEvent(time: number, flags: number, text?: string, cpu = 0): EventSpec {
  return { time, kind: 0, cpu, task: 0, flags, buffer: 0, values: text === undefined ? [] : [text] };
}
