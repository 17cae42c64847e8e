import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyText,
  buildTrace,
  plainEvents,
  traceSpec,
  type PlainEvent,
} from '../../../test/support/random-trace.js';
import { findEvent } from '../events/index.js';
import { hexPairs } from '../events/print-shape-format.js';
import type { EventDef } from '../events/types.js';
import { TextReader } from '../read/text/text-reader.js';
import { TraceBuilder } from '../store/builder.js';
import type { Trace } from '../store/trace.js';
import { writeFtraceText, type FtraceTextOptions } from './ftrace-text.js';

function textOf(trace: Trace, options?: FtraceTextOptions): string {
  let text = '';
  for (const chunk of writeFtraceText(trace, options))
    for (const byte of chunk) text += String.fromCharCode(byte);
  return text;
}

function readBack(trace: Trace, options?: FtraceTextOptions): Trace {
  const builder = new TraceBuilder();
  const reader = new TextReader(builder);
  for (const chunk of writeFtraceText(trace, options)) reader.push(chunk);
  reader.finish();
  return builder.finish();
}

/** A trace of one event of the table, or of an unknown one. */
function one(
  event: string,
  values: Readonly<Record<string, bigint | string>>,
  time = 1_365_973_962_722,
): Trace {
  const builder = new TraceBuilder();
  const known = findEvent(event);
  const fields = Object.entries(values).map(([name, value]) =>
    typeof value === 'string'
      ? ({ name, type: 'string', ctype: 'char[]' } as const)
      : ({ name, type: 's64', ctype: 's64' } as const),
  );
  const unknown: EventDef = { system: '', name: event, fields, print: [], since: '', meaning: '' };
  const kind = builder.kind(known ?? unknown, known !== undefined);
  builder.begin(time, kind, 3, builder.task(77, 'kworker/0:1H-kb'), 0x1205);
  for (const column of kind.columns) {
    const value = values[column.field.name];
    if (value === undefined) column.setAbsent(0);
    else if (typeof value === 'string') column.low[0] = builder.strings.intern(value);
    else column.setBig(0, value);
  }
  return builder.finish();
}

const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);

describe('ftrace text', () => {
  it('looks like the kernel’s', () => {
    const trace = one('kvm_unmap_hva_range', { start: 0x7f2674000000n, end: 0x7f2674800000n });
    const text = textOf(trace);
    expect(text).toMatch(/^# tracer: nop\n#\n# entries-in-buffer\/entries-written: 1\/1 {3}#P:1\n/);
    expect(lastLine(text)).toBe(
      ' kworker/0:1H-kb-77      [003] dn.21  1365.973963: kvm_unmap_hva_range: mmu notifier unmap range:' +
        ' 0x007f2674000000 -- 0x007f2674800000',
    );
    expect(lastLine(textOf(trace, { digits: 9 }))).toContain(' 1365.973962722: ');
  });

  it('prints unsigned fields as negative where the kernel does', () => {
    const trace = one('tlb_flush', { reason: 1n, pages: 2n ** 64n - 1n });
    expect(lastLine(textOf(trace))).toContain('tlb_flush: pages:-1 reason:');
    const back = readBack(trace);
    expect(back.named('tlb_flush')?.column('pages')?.big(0)).toBe(2n ** 64n - 1n);
  });

  it('rounds to the nearest microsecond, over the second too', () => {
    const stamp = (time: number) => / (\d+\.\d+): /.exec(textOf(one('kvm_fpu', { load: 1n }, time)))?.[1];
    expect([1_499, 1_500, 999_999_499, 999_999_500, 0].map(stamp)).toEqual([
      '0.000001',
      '0.000002',
      '0.999999',
      '1.000000',
      '0.000000',
    ]);
  });

  it('writes what no shape prints as name=value', () => {
    expect(lastLine(textOf(one('kvm_unmap_hva_range', { start: 16n })))).toContain(
      'kvm_unmap_hva_range: start=0x10',
    );
    expect(lastLine(textOf(one('my_event', { args: 'first', id: -3n, name: 'a b' })))).toContain(
      'my_event: first id=-3 name=a b',
    );
  });

  it('keeps a line one line', () => {
    expect(textOf(one('my_event', { name: 'a\nb\rc' })).split('\n')).toHaveLength(14);
  });

  it('writes losses where they were, and reads them back', () => {
    const builder = new TraceBuilder();
    const def = findEvent('kvm_fpu');
    if (!def) throw new Error('no kvm_fpu');
    const kind = builder.kind(def, true);
    for (let i = 0; i < 4; i++) builder.begin(1000 * i, kind, i % 2, builder.task(1, 'x'), 0);
    builder.diagnostics.addLoss(1, 12, 3000);
    builder.diagnostics.addLoss(0, undefined, 2000);
    builder.diagnostics.addLoss(-1, 5, 0);
    const trace = builder.finish();
    const back = readBack(trace);
    expect(back.diagnostics.lost).toEqual({ events: 17, unknown: 1 });
    const order = (a: { cpu: number }, b: { cpu: number }) => a.cpu - b.cpu;
    expect(back.diagnostics.losses.toSorted(order)).toEqual(trace.diagnostics.losses.toSorted(order));
  });

  it('keeps ticks', () => {
    const builder = new TraceBuilder();
    builder.origin = 2n ** 60n;
    builder.meta = { timeUnit: 'ticks' };
    const def = findEvent('kvm_fpu');
    if (!def) throw new Error('no kvm_fpu');
    const kind = builder.kind(def, true);
    for (const time of [0, 7]) builder.begin(time, kind, 0, builder.task(1, 'x'), 0);
    const back = readBack(builder.finish());
    expect(back.meta.timeUnit).toBe('ticks');
    expect([back.stampOf(0), back.stampOf(1)]).toEqual([2n ** 60n, 2n ** 60n + 7n]);
  });
});

/** Flags as the text shows them: NMI hides a soft interrupt. */
const shownFlags = (flags: number) => (flags & 0x40 ? flags & ~0x10 : flags);
const plain = fc.stringMatching(/^[!-<>-~]([ -<>-~]{0,10}[!-<>-~])?$/).filter((text) => !text.endsWith(','));

/** Events as they come back: unknown ones without their system, with what their text shows. */
function expected(events: PlainEvent[]): PlainEvent[] {
  return events.map((event) => ({
    ...event,
    buffer: 0,
    flags: shownFlags(event.flags),
    event: event.event.replace(/^\w+:/, ':'),
    fields: Object.fromEntries(
      Object.entries(event.fields).map(([name, value]) => [
        name,
        name.startsWith('bytes') ? `ARRAY[${hexPairs(String(value)).join(', ')}]` : value,
      ]),
    ),
  }));
}

/**
 * Values as text: what a learnt column calls a number, the original may call a CPU list, and the other way
 * round.
 */
const asText = (events: PlainEvent[]) =>
  events.map((event) => ({
    ...event,
    fields: Object.fromEntries(
      Object.entries(event.fields).map(([name, value]) => [name.replace(/\.text$/, ''), String(value)]),
    ),
  }));

describe('round trips', () => {
  it('gives back every event that the table does not know, with its fields', () => {
    const comm = plain.filter((text) => !/-\d+ |: /.test(text));
    const specs = traceSpec({
      text: plain.filter((text) => !/^0x|^-?0\d|^-?\d/.test(text)),
      comm,
      maxEvents: 20,
    });
    fc.assert(
      fc.property(
        specs.filter((spec) => spec.events.length > 0),
        (spec) => {
          const trace = buildTrace(spec);
          const back = readBack(trace, { digits: 9 });
          expect(asText(plainEvents(back))).toEqual(asText(expected(plainEvents(trace))));
        },
      ),
    );
  });

  it('survives any text and comm', () => {
    fc.assert(
      fc.property(traceSpec({ text: anyText, comm: anyText }), (spec) => {
        const lines = textOf(buildTrace(spec)).trimEnd().split('\n');
        expect(lines).toHaveLength(12 + spec.events.length);
      }),
    );
  });
});
