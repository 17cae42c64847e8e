/**
 * trace.dat decoded into columns, against `trace-cmd report` printing the same file to /dev/null.
 */
import { bigTrace } from './lib/big-trace.mjs';
import { decode } from './lib/decode.mjs';
import { ms, paired, show, times } from './lib/pair.mjs';
import { timeProgram } from './lib/programs.mjs';
import { withTemporaryFolder } from './lib/temporary-folder.mjs';

const PAIRS = 5;

await withTemporaryFolder(async (folder) => {
  const files = process.argv[2] === undefined ? await bigTrace(folder) : { file: process.argv[2] };
  for (const [name, file] of Object.entries(files)) {
    /** @type {number[]} */
    const whole = [];
    let events = 0;
    const decodeOnce = () => {
      const result = decode(file);
      whole.push(result.whole);
      events = result.events;
      return result.milliseconds;
    };
    const { a, b, ratio } = await paired(decodeOnce, () => timeProgram('trace-cmd', ['report', file]), PAIRS);
    const wholeRatio = b.median / whole.toSorted((x, y) => x - y)[whole.length >> 1];
    process.stdout.write(
      `trace.dat (${name}), ${events.toLocaleString('en-US')} events, ${PAIRS} pairs\n` +
        `  Faultline, into columns   ${show(a, ms)}\n` +
        `  trace-cmd report          ${show(b, ms)}\n` +
        `  ratio                     ${show(ratio, times)}; whole process ${times(wholeRatio)}\n`,
    );
  }
});
