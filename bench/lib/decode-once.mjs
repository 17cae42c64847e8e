/**
 * Decodes one trace into columns in a fresh process and prints the milliseconds of reading alone (start-up
 * and loading of modules left out), events, and bytes per event.
 */
import { readTrace } from '../../dist/files/open-trace.js';
import { nodeCodecs } from '../../dist/files/codecs.js';

await nodeCodecs();
const started = performance.now();
const trace = await readTrace(process.argv[2]);
const milliseconds = performance.now() - started;
process.stdout.write(
  JSON.stringify({ milliseconds, events: trace.length, bytes: trace.bytes / trace.length }),
);
