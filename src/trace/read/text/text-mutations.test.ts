/**
 * Damaged text: no crash, no hang, no line unaccounted for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../../../test/requires.js';
import { mutated, randomNumbers } from '../../../../test/support/mutate.js';
import { InputError } from '../../errors.js';
import { TraceBuilder } from '../../store/builder.js';
import { TextReader } from './text-reader.js';

const folder = join(repositoryRoot, 'test', 'fixtures', 'text');
const MUTATIONS = 10_000;
/** Lines of a fixture that are damaged at once: more take longer and find nothing else. */
const LINES = 12;
const MOST_MS = 2_000;

const layouts = ['tracefs', 'trace-cmd', 'perf'] as const;

function linesOf(layout: string): string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(layout) && name.endsWith('.txt'));
  return names
    .flatMap((name) => readFileSync(join(folder, name), 'latin1').split('\n'))
    .filter((line) => line !== '');
}

/** Some lines of a layout in any order, damaged. */
function damaged(lines: readonly string[], random: (most: number) => number): Uint8Array {
  const first = random(lines.length);
  const some = Array.from({ length: LINES }, (_, at) => {
    const from = random(4) === 0 ? random(lines.length) : first + at;
    return lines[from % lines.length];
  });
  return mutated(
    Uint8Array.from(`${some.join('\n')}\n`, (char) => char.charCodeAt(0)),
    random,
  );
}

function countLines(bytes: Uint8Array): number {
  let lines = bytes.length > 0 && bytes[bytes.length - 1] !== 10 ? 1 : 0;
  for (const byte of bytes) if (byte === 10) lines++;
  return lines;
}

describe.each(layouts)('damaged %s text', (layout) => {
  it(`is read or refused, ${MUTATIONS} times`, () => {
    const random = randomNumbers(layout.length);
    const lines = linesOf(layout);
    let refused = 0;
    for (let run = 0; run < MUTATIONS; run++) {
      const bytes = damaged(lines, random);
      const builder = new TraceBuilder();
      // With the layout given, as it would be told from more lines.
      const reader = new TextReader(builder, random(4) === 0 ? undefined : layout);
      const start = performance.now();
      try {
        reader.push(bytes);
        reader.finish();
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        refused++;
        continue;
      }
      expect(performance.now() - start).toBeLessThan(MOST_MS);
      const { events, losses, headings, unknown } = reader.counts;
      expect(events + losses + headings + unknown).toBe(countLines(bytes));
      const trace = builder.finish();
      expect(trace.length).toBe(events);
      for (let event = 0; event < trace.length; event++) {
        const table = trace.kindOf(event);
        for (const column of table.columns) column.text(trace.row[event]);
        expect(Number.isSafeInteger(trace.time[event])).toBe(true);
      }
    }
    expect(refused).toBeLessThan(MUTATIONS / 5);
  });
});
