/**
 * Goal: no damage to a Perfetto trace makes the reader crash, hang, or take more memory than the file
 * deserves.
 *
 * Method: a small trace with every kind of packet that the reader knows is mutated 10,000 times. What comes
 * back must be an InputError, or a trace of no more events than the bytes can hold.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mutated, randomNumbers } from '../../../../test/support/mutate.js';
import { readDamaged } from '../../../../test/support/read-damaged.js';
import { buildTrace, plainEvents, traceSpec } from '../../../../test/support/random-trace.js';
import { writePerfetto } from '../../write/perfetto.js';
import { ProtoWriter } from '../../write/proto-writer.js';
import { PerfettoReader } from './perfetto-reader.js';

const MUTATIONS = 10_000;

/** Packets that the writer never makes: compact sched, a described event, typed events, an unknown field. */
function otherPackets(): Uint8Array {
  const out = new ProtoWriter();
  const packet = out.begin(1);
  const bundle = out.begin(1);
  out.uint(1, 2);
  const compact = out.begin(4);
  out.text(5, 'vcpu');
  for (const field of [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]) out.raw(field, Uint8Array.of(1, 0x80, 1, 3));
  out.end(compact);
  const description = out.begin(11);
  out.uint(1, 70_000);
  const descriptor = out.begin(2);
  out.text(1, 'made_up');
  const field = out.begin(2);
  out.text(1, 'value');
  out.uint(3, 1);
  out.uint(5, 4);
  out.end(field);
  out.end(descriptor);
  out.end(description);
  for (const id of [4, 398, 70_000, 36]) {
    const event = out.begin(2);
    out.uint(1, 1000 + id);
    out.uint(2, 7);
    const body = out.begin(id);
    out.uint(1, 5);
    out.text(2, 'text');
    out.uint(6, 9);
    out.end(body);
    out.end(event);
  }
  out.end(bundle);
  out.uint(99, 1);
  out.end(packet);
  return out.take();
}

const attempt = (bytes: Uint8Array, chunk: number) =>
  readDamaged((builder) => new PerfettoReader(builder), bytes, chunk);

it(`survives ${MUTATIONS} mutations`, () => {
  const specs = fc.sample(traceSpec({ origin: fc.constant(0n) }), { seed: 11, numRuns: 40 });
  const spec = specs.find(({ events }) => events.length > 20 && events.length < 30);
  if (!spec) throw new Error('no sample of the right size');
  const written = [...writePerfetto(buildTrace(spec), undefined, { events: true })];
  const bytes = Uint8Array.from(Buffer.concat([...written, otherPackets()]));
  expect(attempt(bytes, 1000)).toHaveLength(spec.events.length + 10);
  const random = randomNumbers(2026);
  const errors = new Set<string>();
  let excess = 0;
  let read = 0;
  for (let run = 0; run < MUTATIONS; run++) {
    const damaged = mutated(bytes, random);
    const result = attempt(damaged, 1 + random(3000));
    if (typeof result === 'string') errors.add(result);
    else {
      read++;
      // The shortest event takes two bytes of a packed array.
      if (result.length > damaged.length || plainEvents(result).length !== result.length) excess++;
    }
  }
  expect(excess).toBe(0);
  expect([...errors].filter((line) => /\n|undefined|NaN/.test(line))).toEqual([]);
  expect(read).toBeGreaterThan(MUTATIONS / 4);
});
