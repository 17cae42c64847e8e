/**
 * Goal: the figures of `explain` are those that an independent script counted from `trace-cmd report`, to the
 * digit, and the same from every form of one recording.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { requires, sharedFolder } from '../../test/requires.js';
import { readTrace } from '../files/open-trace.js';
import { explain } from './explain.js';
import type { Explanation } from './types.js';

interface Truth {
  readonly events: number;
  readonly byEvent: Record<string, number>;
  readonly faultAttempts: number;
  readonly faultMapped: number;
  readonly faultMmio: number;
  readonly faultRetried: number;
  readonly episodes: number;
  readonly longestEpisode: number;
  readonly episodesWithRetry: number;
  readonly invalidations: number;
  /** Address, waits, total us, longest us. */
  readonly topLocks: readonly (readonly [string, number, number, number])[];
}

const traces = join(sharedFolder, 'traces');
const FORMS = ['.dat.xz', '.txt.gz'];

/** An explanation in the words of the truth files. */
function asTruth(explanation: Explanation, locks: number): Partial<Truth> {
  const { byEvent, events, fault, invalidations } = explanation;
  return {
    events,
    byEvent,
    faultAttempts: fault.attempts,
    faultMapped: fault.mapped,
    faultMmio: fault.emulated,
    faultRetried: fault.retried,
    episodes: fault.episodes,
    longestEpisode: fault.longestEpisode,
    episodesWithRetry: fault.episodesWithRetry,
    invalidations: invalidations.count,
    topLocks: explanation.locks.slice(0, locks).map((lock) => {
      return [lock.address, lock.waits, lock.totalNs / 1000, lock.maxNs / 1000];
    }),
  };
}

const { it, describe } = requires('shared', 'xz');

describe('explain and the truth files', () => {
  const names = readdirSync(traces).filter((name) => name.endsWith('.truth.json'));
  const files = names.flatMap((name) =>
    FORMS.map((form) => ({ name, file: join(traces, name.replace('.truth.json', form)) })),
  );
  const present = files
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => [file, join(traces, name)] as const);

  it('has recordings to compare', () => expect(present.length).toBeGreaterThanOrEqual(6));

  it.each(present)('agree for %s', async (file, truthFile) => {
    const { spanSeconds, ...truth } = JSON.parse(readFileSync(truthFile, 'utf8')) as Truth & {
      spanSeconds: number;
    };
    const explanation = explain(await readTrace(file));
    expect(asTruth(explanation, truth.topLocks.length)).toEqual(truth);
    expect(explanation.trace.durationNs / 1e9).toBeCloseTo(spanSeconds, 5);
    const outcomes = Object.values(explanation.fault.outcomes).reduce((sum, count) => sum + count, 0);
    expect(outcomes).toBe(explanation.fault.attempts);
  });
});
