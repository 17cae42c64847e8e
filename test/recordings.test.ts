/**
 * Goal: what `explain` counts in real recordings is what an independent script counted in `trace-cmd report`
 * of the same recordings (test/fixtures/truth), from every form of a recording.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { explain } from '../src/explain/explain.js';
import { readTrace } from '../src/files/open-trace.js';
import { repositoryRoot, requires, sharedFolder } from './requires.js';

const truthFolder = join(repositoryRoot, 'test', 'fixtures', 'truth');

const truthSchema = z.object({
  events: z.number(),
  byEvent: z.record(z.string(), z.number()),
  faultAttempts: z.number(),
  faultMapped: z.number(),
  faultMmio: z.number(),
  faultRetried: z.number(),
  episodes: z.number(),
  longestEpisode: z.number(),
  episodesWithRetry: z.number(),
  invalidations: z.number(),
  topLocks: z.array(z.tuple([z.string(), z.number(), z.number(), z.number()])),
});

/** The truth table in the names of `explain --json`. */
function truthOf(name: string) {
  const truth = truthSchema.parse(JSON.parse(readFileSync(join(truthFolder, `${name}.truth.json`), 'utf8')));
  return {
    events: truth.events,
    byEvent: truth.byEvent,
    fault: {
      attempts: truth.faultAttempts,
      mapped: truth.faultMapped,
      emulated: truth.faultMmio,
      retried: truth.faultRetried,
      episodes: truth.episodes,
      longestEpisode: truth.longestEpisode,
      episodesWithRetry: truth.episodesWithRetry,
    },
    invalidations: { count: truth.invalidations },
    // The script counted in microseconds.
    locks: truth.topLocks.map(([address, waits, total, max]) => ({
      address,
      waits,
      totalNs: total * 1000,
      maxNs: max * 1000,
    })),
  };
}

async function expectTruth(file: string, name: string): Promise<void> {
  const truth = truthOf(name);
  const explanation = explain(await readTrace(file));
  expect(explanation).toMatchObject({ ...truth, locks: explanation.locks });
  expect(explanation.byEvent).toEqual(truth.byEvent);
  expect(explanation.locks.slice(0, truth.locks.length)).toMatchObject(truth.locks);
  expect(explanation.trace.unknownLines + explanation.trace.unparsedFields).toBe(0);
}

const names = readdirSync(truthFolder).map((file) => file.replace('.truth.json', ''));

describe('explain agrees with the truth tables', () => {
  for (const name of names) {
    it(`${name}, as shipped`, () => expectTruth(join(repositoryRoot, 'recordings', `${name}.dat.zst`), name));
  }
});

const shared = requires('shared', 'xz');

shared.describe('explain agrees with the truth tables, on the original files', () => {
  for (const name of names) {
    it(`${name}.dat.xz`, () => expectTruth(join(sharedFolder, 'traces', `${name}.dat.xz`), name));
  }
  for (const name of ['v6.1-voluntary-madvise', 'v6.12-full-madvise']) {
    it(`${name}.txt.gz`, () => expectTruth(join(sharedFolder, 'traces', `${name}.txt.gz`), name));
  }
});

it('keeps a recording in at most 48 bytes an event, every index built', async () => {
  for (const name of names) {
    const trace = await readTrace(join(repositoryRoot, 'recordings', `${name}.dat.zst`));
    expect(trace.row.length).toBe(trace.length);
    trace.byTask(0);
    trace.byCpu(0);
    expect(trace.bytes / trace.length).toBeLessThan(48);
  }
});
