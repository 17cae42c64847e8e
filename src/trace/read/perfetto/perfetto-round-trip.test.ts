import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTrace, byCpuThenTime, plainEvents, traceSpec } from '../../../../test/support/random-trace.js';
import type { TraceSpec } from '../../../../test/support/random-trace.js';
import { findEvent } from '../../events/index.js';
import { TraceBuilder } from '../../store/builder.js';
import type { Trace } from '../../store/trace.js';
import { writePerfetto } from '../../write/perfetto.js';
import type { FindEvent } from '../learned-kind.js';
import { PerfettoReader } from './perfetto-reader.js';

function bytesOf(trace: Trace): Uint8Array {
  return Buffer.concat([...writePerfetto(trace, undefined, { events: true })]);
}

/** Read `bytes` in chunks of `size`. */
function read(bytes: Uint8Array, size: number, find: FindEvent = findEvent): Trace {
  const builder = new TraceBuilder();
  const reader = new PerfettoReader(builder, { findEvent: find });
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.slice(at, at + size));
  reader.finish();
  return builder.finish();
}

const finderOf =
  (spec: TraceSpec): FindEvent =>
  (name, system) =>
    spec.kinds.find((def) => def.name === name && (system === undefined || def.system === system));

describe('a Perfetto trace that Faultline wrote', () => {
  it('reads back equal, in chunks of any size', () => {
    fc.assert(
      fc.property(traceSpec(), fc.integer({ min: 1, max: 5000 }), (spec, size) => {
        const trace = buildTrace(spec);
        const again = read(bytesOf(trace), size, finderOf(spec));
        expect(byCpuThenTime(plainEvents(again))).toEqual(byCpuThenTime(plainEvents(trace)));
        expect(again.diagnostics.damage).toEqual([]);
        expect(again.diagnostics.unparsedFields.size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});
