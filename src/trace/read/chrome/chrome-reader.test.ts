import { describe, expect, it } from 'vitest';
import { plainEvents } from '../../../../test/support/random-trace.js';
import { InputError } from '../../errors.js';
import { TraceBuilder, type BuilderOptions } from '../../store/builder.js';
import type { Trace } from '../../store/trace.js';
import { ChromeReader } from './chrome-reader.js';

function read(text: string | Uint8Array, options: BuilderOptions = {}): Trace {
  const builder = new TraceBuilder(options);
  const reader = new ChromeReader(builder);
  reader.push(typeof text === 'string' ? new TextEncoder().encode(text) : text);
  reader.finish();
  return builder.finish();
}

const instant = (more: string): string =>
  `{"ph":"i","name":"kvm_test_age_hva","cat":"kvm","tid":7,"ts":1.5,${more}}`;

describe('Chrome JSON', () => {
  it('comes as an array or as an object, closed or not, with a byte order mark', () => {
    const event = instant('"args":{"hva":1}');
    const forms = [
      `[${event}]`,
      `[${event}`,
      `[\n${event},\n`,
      `{"traceEvents":[${event}]}`,
      `{"other":{"traceEvents":[1,{"a":"]}\\""}]},"list":[[],{}],"n":1e3,"traceEvents":[${event}],"z":{}}`,
      `\uFEFF {"traceEvents" : [ ${event} ] `,
    ];
    for (const form of forms) {
      const trace = read(form);
      expect(plainEvents(trace)).toMatchObject([
        { stamp: 1500n, tid: 7, event: 'kvm:kvm_test_age_hva', fields: { hva: 1n } },
      ]);
      expect(trace.diagnostics.damage).toEqual([]);
    }
  });

  it('keeps 64-bit values, as numbers or as strings, and every byte of a text', () => {
    const numbers = '"a":18446744073709551615,"b":"0xffff888000001000","c":-9223372036854775808';
    const args = `${numbers},"d":"\\u00e9\\ud83d\\ude00\\udce9\\n"`;
    const fields = '"a\\tu64\\tu64\\nb\\tu64\\tu64\\nc\\ts64\\ts64\\nd\\tstring\\tchar[]"';
    const described = `"system":"test","name":"wide","fields":${fields}`;
    const text = `[{"ph":"M","name":"faultline_event","args":{${described}}},
      {"ph":"i","name":"wide","cat":"test","ts":0,"args":{${args}}}]`;
    const [event] = plainEvents(read(text));
    const utf8 = Buffer.from('é😀').toString('latin1');
    expect(event.fields).toEqual({
      a: 2n ** 64n - 1n,
      b: 0xffff888000001000n,
      c: -(2n ** 63n),
      d: `${utf8}\xe9\n`,
    });
  });

  it('reads times exactly', () => {
    const times = ['0', '0.001', '1152921504606846.975', '-3.5', '1e3', '2.0004', '2.0006'];
    const small = times.filter((time) => time.length < 10).map((ts) => `{"ph":"i","name":"x","ts":${ts}}`);
    expect(plainEvents(read(`[${small.join()}]`)).map(({ stamp }) => stamp)).toEqual([
      -3500n,
      0n,
      1n,
      2000n,
      2001n,
      1_000_000n,
    ]);
    const [huge] = plainEvents(read(`[{"ph":"i","name":"x","ts":${times[2]}}]`));
    expect(huge.stamp).toBe(1_152_921_504_606_846_975n);
  });

  it('makes events of slices and counters too, and counts what is left out', () => {
    const args = '{"k":"v","n":[1, 2],"t":true,"z":null,"f":1.5}';
    const text = `[{"ph":"B","name":"work","ts":1,"tid":1},{"ph":"E","ts":2,"tid":1},
      {"ph":"E","ts":3,"tid":1},{"ph":"X","name":"job","cat":"c","ts":4,"dur":0.25,"tid":2,"args":${args}},
      {"ph":"C","name":"load","ts":5,"args":{"value":3}},{"ph":"s","id":1,"ts":6},{"ph":"P","ts":7}]`;
    const trace = read(text);
    expect(plainEvents(trace).map(({ event, fields }) => [event, fields])).toEqual([
      ['chrome:work', { ph: 'B' }],
      ['chrome:work', { ph: 'E' }],
      ['chrome:end', { ph: 'E' }],
      ['c:job', { k: 'v', n: '[1, 2]', t: 1n, f: '1.5', ph: 'X', dur: 250n }],
      ['chrome:load', { value: 3n, ph: 'C' }],
    ]);
    expect(trace.diagnostics.notes).toEqual([
      '2 flow, sample, object and other records are left out (phases P, s)',
    ]);
    expect(trace.diagnostics.unknownEvents.get('work')?.count).toBe(2);
  });

  it('names threads, also those whose id is a name', () => {
    const name = (tid: string, text: string) =>
      `{"ph":"M","name":"thread_name","tid":${tid},"args":{"name":"${text}"}}`;
    const at = (ts: number, tid: string) => `{"ph":"i","name":"x","ts":${ts},"tid":${tid}}`;
    const early = [at(1, '5'), name('5', 'late'), at(2, '"render"'), at(3, '5')];
    const text = [...early, name('5', 'new'), at(4, '5')].join();
    expect(plainEvents(read(`[${text}]`)).map(({ comm }) => comm)).toEqual(['late', 'render', 'late', 'new']);
  });

  it('says which values it cannot keep', () => {
    const { unparsedFields } = read(
      `[${instant('"args":{"hva":"here"}')},${instant('"args":{"hva":1.5}')}]`,
    ).diagnostics;
    expect([...unparsedFields].map(([name, { count }]) => [name, count])).toEqual([
      ['kvm_test_age_hva.hva', 2],
    ]);
  });

  it('applies the filter', () => {
    const trace = read(`[${instant('"args":{}')},{"ph":"i","name":"x","ts":9}]`, { filter: { from: 2000 } });
    expect([trace.length, trace.diagnostics.filtered]).toEqual([1, 1]);
  });
});

describe('damaged Chrome JSON', () => {
  it('is refused with a reason when nothing of it is a trace', () => {
    const bad = [
      '',
      '{',
      '{}',
      '{"a":1}',
      'hello',
      '42',
      '{"traceEvents":{}}',
      '[1,2]',
      '["x"]',
      '{traceEvents:[]}',
    ];
    for (const text of bad) expect(() => read(text)).toThrow(InputError);
  });

  it('keeps the events before the damage and says where it is', () => {
    const event = instant('"args":{"hva":1}');
    const cases: [string, RegExp][] = [
      [`[${event},{"ph":"i","name":"y"`, /ends inside the event at byte \d+/],
      [`[${event},x,${event}]`, /byte \d+ begins no event: the rest of the file is not read/],
      [`[${event}] trailing`, /stands behind the end/],
      [`[${event},{"ph":"i",,"ts":1}]`, /is no valid JSON and left out/],
      [`[${event},{"ph":"i","name":"x"}]`, /has no time/],
      [`[${event},{"ph":"i","name":"x","ts":true}]`, /has no time/],
      [`[${event},{"ph":"i","name":"x","ts":99999999999999999999}]`, /has no time/],
    ];
    for (const [text, expected] of cases) {
      const trace = read(text);
      expect([text, trace.length]).toEqual([text, 1]);
      expect(trace.diagnostics.damage.join()).toMatch(expected);
    }
  });
});
