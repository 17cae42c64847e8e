/**
 * A large trace made of a real one: its events over and over, each round later than the last.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OutputFile } from '../../dist/files/output-file.js';
import { readTrace } from '../../dist/files/open-trace.js';
import { TraceBuilder } from '../../dist/trace/store/builder.js';
import { writeTraceDat } from '../../dist/trace/write/trace-dat.js';
import { repositoryRoot } from '../../scripts/lib/root.mjs';
import { run } from './programs.mjs';

const RECORDING = join(repositoryRoot, 'recordings', 'v6.12-full-ksm.dat.zst');
/** Events that the benchmarks are about. */
const EVENTS = 1_500_000;

/**
 * Writes an uncompressed trace.dat and a zstd one (by trace-cmd) into `folder`.
 *
 * @param {string} folder
 */
export async function bigTrace(folder) {
  const plain = join(folder, 'big.dat');
  const zstd = join(folder, 'big-zstd.dat');
  if (!existsSync(zstd)) {
    const file = new OutputFile(plain);
    writeTraceDat(repeated(await readTrace(RECORDING), EVENTS), file);
    file.commit();
    run('trace-cmd', ['convert', '--compression', 'zstd', '-i', plain, '-o', zstd]);
  }
  return { plain, zstd };
}

/**
 * @param {import('../../dist/trace/store/trace.js').Trace} trace
 * @param {number} events how many
 */
function repeated(trace, events) {
  const builder = new TraceBuilder();
  builder.meta = { ...trace.meta };
  const kinds = trace.kinds.map((table) => builder.kind(table.def, table.known));
  const tasks = trace.tasks.map(({ tid, comm }) => builder.task(tid, comm));
  const span = trace.time[trace.length - 1] - trace.time[0] + 1000;
  for (let round = 0; builder.length < events; round++) {
    for (let event = 0; event < trace.length && builder.length < events; event++) {
      const kind = kinds[trace.kind[event]];
      const { columns } = trace.kindOf(event);
      const time = trace.time[event] + round * span;
      builder.begin(time, kind, trace.cpu[event], tasks[trace.task[event]], trace.flags[event]);
      columns.forEach((column, i) => {
        const isText = ['string', 'bytes', 'cpumask'].includes(column.field.type);
        if (isText) kind.columns[i].low[kind.row] = builder.strings.intern(column.text(trace.row[event]));
        else kind.columns[i].setBig(kind.row, column.big(trace.row[event]));
      });
    }
  }
  return builder.finish();
}
