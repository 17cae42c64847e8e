/**
 * What the main thread and the threads of one storm share: words that switch the storm, and what each
 * thread has counted.
 */
import { LATENCY_WORDS } from './latencies.js';

/** Indexes of Control.words. */
export const Word = {
  /** Moves whenever another word has changed; threads that have nothing to do wait here. */
  Changes: 0,
  Stopped: 1,
  On: 2,
  Begun: 3,
} as const;
const WORDS = 4;

/** Indexes of Control.times: CLOCK_MONOTONIC, ns. */
export const Time = { Begun: 0, On: 1 } as const;
const TIMES = 2;

export interface Control {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly times: Float64Array;
}

export function makeControl(): Control {
  const words = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  words[Word.On] = 1;
  return { words, times: new Float64Array(new SharedArrayBuffer(8 * TIMES)) };
}

/** Effects that a kind of storm may count. */
const MOST_EFFECTS = 4;
/** Errors have numbers below this. */
const ERRNOS = 134;

/** What one thread counts. It alone writes. */
export interface ThreadCounts {
  readonly buffer: SharedArrayBuffer;
  /** One word: operations that ended. */
  readonly operations: Float64Array;
  readonly effects: Float64Array;
  /** How often each errno came. */
  readonly errnos: Float64Array;
  /** Histograms as in latencies.ts. */
  readonly latency: Float64Array;
  readonly delay: Float64Array;
}

/** @param buffer of counts that another thread has made; new ones if left out */
export function threadCounts(buffer?: SharedArrayBuffer): ThreadCounts {
  const sizes = [1, MOST_EFFECTS, ERRNOS, LATENCY_WORDS, LATENCY_WORDS];
  const shared = buffer ?? new SharedArrayBuffer(8 * sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  const [operations, effects, errnos, latency, delay] = sizes.map((size) => {
    const words = new Float64Array(shared, 8 * at, size);
    at += size;
    return words;
  });
  return { buffer: shared, operations, effects, errnos, latency, delay };
}
