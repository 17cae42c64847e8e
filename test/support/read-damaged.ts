/**
 * Feeds bytes that may be damaged to a stream reader.
 */
import { InputError } from '../../src/trace/errors.js';
import type { StreamReader } from '../../src/trace/read/source.js';
import { TraceBuilder } from '../../src/trace/store/builder.js';
import type { Trace } from '../../src/trace/store/trace.js';

/** The trace, or the one line that says why there is none; anything else thrown fails the test. */
export function readDamaged(
  makeReader: (builder: TraceBuilder) => StreamReader,
  bytes: Uint8Array,
  chunk: number,
): Trace | string {
  const builder = new TraceBuilder({ maxEvents: 100_000 });
  try {
    const reader = makeReader(builder);
    for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk));
    reader.finish();
    return builder.finish();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.oneLine;
  }
}
