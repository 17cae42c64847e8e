/**
 * Bytes per event of each recording in memory, every index built, beside the same events in the ring buffer
 * and as text.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readTrace } from '../dist/files/open-trace.js';
import { writeFtraceText } from '../dist/trace/write/ftrace-text.js';
import { repositoryRoot } from '../scripts/lib/root.mjs';

const folder = join(repositoryRoot, 'recordings');
const named = process.argv.slice(2);
const shipped = readdirSync(folder).filter((name) => name.includes('.dat'));
for (const path of named.length > 0 ? named : shipped.map((name) => join(folder, name))) {
  const trace = await readTrace(path);
  // Each of these builds an index.
  if (trace.row.length !== trace.length) throw new Error('no rows');
  trace.byTask(0);
  trace.byCpu(0);
  let text = 0;
  for (const chunk of writeFtraceText(trace)) text += chunk.length;
  /** @param {number} bytes */
  const per = (bytes) => (bytes / trace.length).toFixed(1);
  process.stdout.write(
    `${path.split('/').at(-1)}: ${per(trace.bytes)} bytes an event, ${per(text)} as text\n`,
  );
}
