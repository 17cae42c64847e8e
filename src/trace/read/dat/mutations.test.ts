/**
 * Goal: no damage to a trace.dat makes the reader crash, hang, or lose events in silence.
 *
 * Method: a small file in every variant that trace-cmd writes is cut at every length near a structure and at
 * many others, and mutated at random. Whatever comes back must be an InputError, or a trace that admits the
 * damage.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { requires } from '../../../../test/requires.js';
import { mutated, randomNumbers } from '../../../../test/support/mutate.js';
import { asZlib } from '../../../../test/support/zlib-dat.js';
import { nodeCodecs } from '../../../files/codecs.js';
import { InputError } from '../../errors.js';
import { findEvent } from '../../events/index.js';
import { TraceBuilder } from '../../store/builder.js';
import type { Trace } from '../../store/trace.js';
import { MemorySink } from '../../write/sink.js';
import { writeTraceDat } from '../../write/trace-dat.js';
import type { Codecs } from '../codecs.js';
import { MemorySource } from '../source.js';
import { readTraceDat } from './read-trace-dat.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const EVENTS = 600;
const MUTATIONS = 10_000;
let codecs: Codecs;
const variants = new Map<string, Uint8Array>();

/** A trace of two CPUs with fixed and dynamic fields, over several pages. */
function smallTrace(): Trace {
  const builder = new TraceBuilder();
  const kinds = ['kvm_page_fault', 'sched_switch', 'contention_begin', 'kvm_unmap_hva_range'].map((name) => {
    const def = findEvent(name);
    if (!def) throw new Error(`no ${name}`);
    return builder.kind(def, true);
  });
  for (let i = 0; i < EVENTS; i++) {
    const kind = kinds[i % kinds.length];
    builder.begin(1_000_000 + i * 700, kind, i % 2, builder.task(100 + (i % 3), 'vcpu'), 0);
    for (const column of kind.columns) {
      if (column.field.type === 'string') column.low[kind.row] = builder.strings.intern(`task-${i % 7}`);
      else column.setNumber(kind.row, i);
    }
  }
  return builder.finish();
}

beforeAll(async () => {
  codecs = await nodeCodecs();
  const sink = new MemorySink();
  writeTraceDat(smallTrace(), sink);
  const plain = join(folder, 'plain.dat');
  writeFileSync(plain, sink.bytes);
  variants.set('v7', sink.bytes.slice());
  for (const [name, ...options] of [
    ['v7-zstd', '--compression', 'zstd'],
    ['v6', '--file-version', '6'],
  ]) {
    const out = join(folder, `${name}.dat`);
    const result = spawnSync('trace-cmd', ['convert', ...options, '-i', plain, '-o', out], {
      encoding: 'utf8',
    });
    expect(result.status, result.stderr).toBe(0);
    variants.set(name, new Uint8Array(readFileSync(out)));
  }
  variants.set('v7-zlib', new Uint8Array(asZlib(sink.bytes)));
});

/** The trace, or the one line that says why there is none; anything else thrown fails the test. */
function attempt(bytes: Uint8Array): Trace | string {
  const builder = new TraceBuilder({ maxEvents: 100_000 });
  try {
    readTraceDat(new MemorySource(bytes), builder, { codecs });
    return builder.finish();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.oneLine).not.toMatch(/\n|undefined|NaN/);
    return error.oneLine;
  }
}

const { it } = requires('trace-cmd');

it('reads every variant whole', () => {
  for (const [name, bytes] of variants) {
    const result = attempt(bytes);
    if (typeof result === 'string') throw new Error(`${name}: ${result}`);
    expect([name, result.length, result.diagnostics.damage]).toEqual([name, EVENTS, []]);
  }
});

it('admits every cut', () => {
  for (const [name, bytes] of variants) {
    const lengths = new Set<number>();
    for (let length = 0; length < bytes.length; length += length < 4096 ? 1 : 61) lengths.add(length);
    for (const length of lengths) {
      const result = attempt(bytes.subarray(0, length));
      if (typeof result === 'string' || result.length === EVENTS) continue;
      expect(result.diagnostics.damage.length, `${name} cut to ${length} of ${bytes.length}`).toBeGreaterThan(
        0,
      );
    }
  }
});

it(`survives ${MUTATIONS} mutations`, () => {
  const sources = [...variants.values()];
  const random = randomNumbers(1);
  let read = 0;
  for (let run = 0; run < MUTATIONS; run++) {
    const result = attempt(mutated(sources[run % sources.length], random));
    if (typeof result !== 'string') read++;
  }
  // Mutations that always end in an error would test nothing but the error.
  expect(read).toBeGreaterThan(MUTATIONS / 10);
}, 120_000);
