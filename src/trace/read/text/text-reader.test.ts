import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { plainEvents } from '../../../../test/support/random-trace.js';
import { repositoryRoot } from '../../../../test/requires.js';
import { InputError } from '../../errors.js';
import { TraceBuilder, type BuilderOptions } from '../../store/builder.js';
import type { Trace } from '../../store/trace.js';
import { detectTextLayout } from './detect.js';
import { TextReader } from './text-reader.js';

const folder = join(repositoryRoot, 'test', 'fixtures', 'text');
const fixtures = readdirSync(folder).filter((name) => name.endsWith('.txt'));
const bytesOf = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

function read(
  bytes: Uint8Array,
  chunk = bytes.length,
  options: BuilderOptions = {},
): { trace: Trace; reader: TextReader } {
  const builder = new TraceBuilder(options);
  const reader = new TextReader(builder);
  // Each chunk in the same buffer, as files are read: the reader must not keep it.
  const buffer = new Uint8Array(Math.max(1, chunk));
  for (let at = 0; at < bytes.length; at += chunk) {
    const part = bytes.subarray(at, at + chunk);
    buffer.fill(0xee).set(part);
    reader.push(buffer.subarray(0, part.length));
  }
  reader.finish();
  return { trace: builder.finish(), reader };
}

/** All that was read, as text: an event per line. */
function dump(bytes: Uint8Array, chunk?: number): string {
  const { trace, reader } = read(bytes, chunk);
  const { diagnostics, meta } = trace;
  const events = plainEvents(trace).map(({ stamp, cpu, tid, comm, event, flags, buffer, fields }) => {
    const values = Object.entries(fields).map(([name, value]) =>
      typeof value === 'string' ? `${name}=${JSON.stringify(value)}` : `${name}=${value}`,
    );
    const inBuffer = buffer ? ` buffer ${buffer}` : '';
    const where = `${stamp} ${comm}:${tid} cpu ${cpu} flags ${flags.toString(16)}${inBuffer}`;
    return [where, event, ...values].join(' ');
  });
  const {
    losses,
    unknownLines,
    unknownEvents,
    unparsedFields,
    clockBackwards,
    largestBackstep,
    damage,
    notes,
  } = diagnostics;
  const maps = { unknownLines, unknownEvents, unparsedFields };
  const seen = Object.fromEntries(Object.entries(maps).map(([name, map]) => [name, Object.fromEntries(map)]));
  const rest = {
    counts: reader.counts,
    meta,
    losses,
    ...seen,
    clockBackwards,
    largestBackstep,
    damage,
    notes,
  };
  return `${events.join('\n')}\n${JSON.stringify(rest, null, 1)}\n`;
}

describe.each(fixtures)('%s', (name) => {
  const bytes = new Uint8Array(readFileSync(join(folder, name)));

  it('reads as it always did', async () => {
    await expect(dump(bytes)).toMatchFileSnapshot(join(folder, name.replace('.txt', '.golden')));
  });

  it.each([1, 7, 100])('reads the same in chunks of %i bytes', (chunk) => {
    expect(dump(bytes, chunk)).toBe(dump(bytes));
  });

  it('accounts for every line', () => {
    const { counts } = read(bytes).reader;
    const lines = readFileSync(join(folder, name), 'latin1').split('\n').length - 1;
    expect(counts.events + counts.losses + counts.headings + counts.unknown).toBe(lines);
  });

  it('is told by its content', () => {
    expect(detectTextLayout(bytes)).toBe(/^(?:tracefs|trace-cmd|perf)/.exec(name)?.[0]);
  });
});

const line = (text: string, stamp = '1.000000') =>
  `            task-7     [002] .....     ${stamp}: ${text}\n`;
const readText = (text: string, options?: BuilderOptions) => read(bytesOf(text), undefined, options).trace;

describe('unusual input', () => {
  it.each([
    ['', 'an empty file'],
    ['hello\nworld\n', 'other text ("hello")'],
    ['{"traceEvents":[]}', 'JSON'],
    ['<!doctype html>', 'HTML'],
    ['PERFILE2\0\0', 'perf.data'],
    ['\x17\x08\x44tracing6\0', 'trace.dat'],
    ['\x7fELF\x02', 'ELF'],
    ['\0\x01\x02\x03\n\0\x01', 'binary data'],
    ['# tracer: nop\n#\n', 'other text ("# tracer: nop")'],
  ])('%j is refused with what it looks like', (text, why) => {
    expect(() => readText(text)).toThrow(InputError);
    expect(() => readText(text)).toThrow(why);
  });

  it('gives up on a MiB without an event, and not before', () => {
    const junk = 'x'.repeat(99) + '\n';
    expect(readText(junk.repeat(5000) + line('kvm_fpu: load')).length).toBe(1);
    const reader = new TextReader(new TraceBuilder());
    expect(() => {
      for (;;) reader.push(bytesOf(junk));
    }).toThrow('first MiB');
  });

  it('skips a line that is too long, wherever the chunks are cut', () => {
    const long = `            task-7     [002] .....     1.000000: kvm_fpu: ${'y'.repeat(70_000)}\n`;
    const text = bytesOf(line('kvm_fpu: load') + long + line('kvm_fpu: unload') + long);
    expect(dump(text, 1 << 10)).toBe(dump(text));
    const { trace, reader } = read(text);
    expect(reader.counts).toEqual({ events: 2, losses: 0, headings: 0, unknown: 2 });
    expect(trace.diagnostics.unknownLines.get('longer than 64 KiB')?.count).toBe(2);
  });

  it('reads the longest line', () => {
    const fits = line(`my_event: ${'z'.repeat(1000)}`);
    const most = line(`my_event: ${'z'.repeat(65_536 - fits.length + 1000)}`);
    expect(most.length).toBe(65_536);
    expect(readText(most).length).toBe(1);
    expect(read(bytesOf(line('kvm_fpu: load') + most.replace('zz', 'zzz'))).reader.counts.unknown).toBe(1);
  });

  it('says that the text ends inside a line', () => {
    const cut = line('kvm_fpu: load') + line('kvm_fpu: unload').trimEnd();
    expect(readText(cut).diagnostics.damage).toEqual([expect.stringContaining('ends inside line 2')]);
    expect(readText(`${cut}\n`).diagnostics.damage).toEqual([]);
  });

  it('takes carriage returns for line ends', () => {
    const trace = readText(
      line('kvm_fpu: load').replace('\n', '\r\n') + line('my_event: a=b c').replace('\n', '\r\n'),
    );
    expect(plainEvents(trace).map(({ fields }) => fields)).toEqual([{ load: 1n }, { a: 'b c' }]);
  });

  it('leaves out what a filter does not want', () => {
    const text =
      line('kvm_fpu: load') + line('kvm_fpu: unload', '2.000000') + line('my_event: 1', '3.000000');
    expect(readText(text, { filter: { from: 1.5e9, events: ['kvm_*'] } }).length).toBe(1);
    expect(readText(text, { filter: { from: 1.5e9, events: ['kvm_*'] } }).diagnostics.filtered).toBe(2);
  });

  it('counts clocks that run backwards, per CPU', () => {
    const text =
      line('kvm_fpu: load', '2.000000') +
      line('kvm_fpu: load').replace('[002]', '[003]') +
      line('kvm_fpu: load');
    const { diagnostics } = readText(text);
    expect([diagnostics.clockBackwards, diagnostics.largestBackstep]).toEqual([1, 1e9]);
  });

  it('keeps times beyond 2^53 ns, and does not mix clocks', () => {
    const text = line('kvm_fpu: load', '1700000000.000001') + line('kvm_fpu: load', '1700000000.000002000');
    const trace = readText(text + line('kvm_fpu: load', '12345') + line('kvm_fpu: load', '1.0000'));
    expect([trace.stampOf(0), trace.stampOf(1)]).toEqual([
      1_700_000_000_000_001_000n,
      1_700_000_000_000_002_000n,
    ]);
    expect(trace.length).toBe(2);
    expect(trace.diagnostics.unknownLines.get('no event line')?.count).toBe(2);
  });

  it('keeps a value that does not fit what its column began with', () => {
    const text = [
      'id=1',
      'id=0xffffffffffffffff',
      'id=18446744073709551615',
      'id=x y',
      'other=1',
      'id=2 id=3',
    ];
    const trace = readText(text.map((args) => line(`my_event: ${args}`)).join(''));
    expect(plainEvents(trace).map(({ fields }) => fields)).toEqual([
      { id: 1n },
      { 'id.text': '0xffffffffffffffff' },
      { 'id.text': '18446744073709551615' },
      { 'id.text': 'x y' },
      { other: 1n },
      { id: 3n },
    ]);
    expect(trace.diagnostics.unparsedFields.get('my_event')?.count).toBe(1);
  });

  it('writes no number that the text does not have', () => {
    const trace = readText(line('kvm_test_age_hva: mmu notifier test age hva: 0x007f26a0cf6000x'));
    expect(plainEvents(trace)[0].fields).toEqual({});
    expect(trace.diagnostics.unparsedFields.get('kvm_test_age_hva')?.count).toBe(1);
  });

  it('tells events of one name apart by their text', () => {
    const lock = readText(line('lock_acquired: 0xffff888108626000 &kvm->mmu_lock'));
    expect(lock.kinds[0].system).toBe('lock');
  });

  it('prefers the special case of a shape with free text', () => {
    const texts = ['0xffff888108626000 lock', '0xffff888108626000 try read lock'];
    const trace = readText(texts.map((text) => line(`lock_acquire: ${text}`)).join(''));
    expect(plainEvents(trace).map(({ fields }) => [fields['flags'], fields['name']])).toEqual([
      [0n, 'lock'],
      [3n, 'lock'],
    ]);
  });
});
