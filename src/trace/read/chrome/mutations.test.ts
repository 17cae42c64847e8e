/**
 * Goal: no damage to a Chrome trace makes the reader crash, hang, or take more memory than the file deserves.
 *
 * Method: a small trace with every phase that the reader knows is mutated 10,000 times. What comes back must
 * be an InputError, or a trace of no more events than the bytes can hold.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mutated, randomNumbers } from '../../../../test/support/mutate.js';
import { readDamaged } from '../../../../test/support/read-damaged.js';
import { buildTrace, plainEvents, traceSpec } from '../../../../test/support/random-trace.js';
import { writeChrome } from '../../write/chrome.js';
import { ChromeReader } from './chrome-reader.js';

const MUTATIONS = 10_000;
const OTHERS = `,{"ph":"B","name":"b","ts":1},{"ph":"E","ts":2},
{"ph":"X","name":"x","ts":3,"dur":1.5,"args":{"a":[1,{"b":2}]}},{"ph":"s","id":1,"ts":4},
{"ph":"C","name":"c","ts":5,"args":{"v":-1e3}},
{"ph":"M","name":"thread_name","tid":"t","args":{"name":"n"}}]}`;

const attempt = (bytes: Uint8Array, chunk: number) =>
  readDamaged((builder) => new ChromeReader(builder), bytes, chunk);

it(`survives ${MUTATIONS} mutations`, () => {
  const specs = fc.sample(traceSpec({ origin: fc.constant(0n) }), { seed: 11, numRuns: 40 });
  const spec = specs.find(({ events }) => events.length > 20 && events.length < 30);
  if (!spec) throw new Error('no sample of the right size');
  const written = [...writeChrome(buildTrace(spec), undefined, { events: true })].join('');
  const bytes = new TextEncoder().encode(written.replace(/\n\]\}\n$/, OTHERS));
  expect(attempt(bytes, 1000)).toHaveLength(spec.events.length + 4);
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
      // The shortest event that is kept: {"ph":"i","ts":1}
      if (result.length > damaged.length / 17 || plainEvents(result).length !== result.length) excess++;
    }
  }
  expect(excess).toBe(0);
  expect([...errors].filter((line) => /\n|undefined|NaN/.test(line))).toEqual([]);
  expect(read).toBeGreaterThan(MUTATIONS / 4);
});
