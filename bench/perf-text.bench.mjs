/**
 * Text of `perf script` read into columns, against `perf script` writing it. The recording is made here: two
 * processes that hand a byte back and forth, with scheduler and lock events.
 */
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from './lib/decode.mjs';
import { ms, paired, show, times } from './lib/pair.mjs';
import { run, timeProgram } from './lib/programs.mjs';
import { withTemporaryFolder } from './lib/temporary-folder.mjs';

const PAIRS = 5;
const ROUNDS = 150_000;
const EVENTS = ['sched:sched_switch', 'sched:sched_waking', 'lock:contention_begin', 'lock:contention_end'];

await withTemporaryFolder(async (folder) => {
  const data = join(folder, 'perf.data');
  const text = join(folder, 'perf.txt');
  const events = EVENTS.flatMap((event) => ['-e', event]);
  const bench = ['perf', 'bench', 'sched', 'pipe', '-l', String(ROUNDS)];
  run('perf', ['record', '-q', '-a', '-m', '4096', '-o', data, ...events, '--', ...bench]);
  run('perf', ['script', '-i', data], { stdio: ['ignore', openSync(text, 'w'), 'ignore'] });
  let lines = 0;
  const decodeOnce = () => {
    const result = decode(text);
    lines = result.events;
    return result.milliseconds;
  };
  const { a, b, ratio } = await paired(decodeOnce, () => timeProgram('perf', ['script', '-i', data]), PAIRS);
  process.stdout.write(
    `perf script text, ${lines.toLocaleString('en-US')} events, ${PAIRS} pairs\n` +
      `  Faultline, reading it     ${show(a, ms)}\n` +
      `  perf script, writing it   ${show(b, ms)}\n` +
      `  ratio                     ${show(ratio, times)}\n`,
  );
});
