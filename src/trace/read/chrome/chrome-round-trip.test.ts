import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTrace, byCpuThenTime, plainEvents, traceSpec } from '../../../../test/support/random-trace.js';
import { TraceBuilder } from '../../store/builder.js';
import type { Trace } from '../../store/trace.js';
import { writeChrome } from '../../write/chrome.js';
import { ChromeReader } from './chrome-reader.js';

function read(bytes: Uint8Array, size: number): Trace {
  const builder = new TraceBuilder();
  const reader = new ChromeReader(builder);
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.slice(at, at + size));
  reader.finish();
  return builder.finish();
}

describe('a Chrome trace that Faultline wrote', () => {
  it('is JSON, and reads back equal in chunks of any size', () => {
    fc.assert(
      fc.property(traceSpec(), fc.integer({ min: 1, max: 5000 }), (spec, size) => {
        const trace = buildTrace(spec);
        const text = [...writeChrome(trace, undefined, { events: true })].join('');
        const parsed = JSON.parse(text) as { traceEvents: unknown[] };
        expect(parsed.traceEvents.length).toBeGreaterThan(trace.length);
        const again = read(new TextEncoder().encode(text), size);
        expect(byCpuThenTime(plainEvents(again))).toEqual(byCpuThenTime(plainEvents(trace)));
        expect(again.diagnostics.damage).toEqual([]);
        expect(again.diagnostics.unparsedFields.size).toBe(0);
        const types = (of: Trace) =>
          of.kinds.flatMap((kind) =>
            kind.length > 0 ? kind.columns.map(({ field }) => `${field.name} ${field.type}`) : [],
          );
        expect(types(again).sort()).toEqual(types(trace).sort());
      }),
      { numRuns: 200 },
    );
  });
});
