/**
 * Goal: every event and every field of every trace.dat is what the real `trace-cmd report -R -t` prints.
 *
 * Method: trace-cmd prints each field as name=value, some in hex without a prefix. A field must agree with
 * its column in one notation, the same for all its rows: agreeing now in hex and now in decimal would hide an
 * error.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { repositoryRoot, requires, sharedFolder } from '../../../../test/requires.js';
import { reportedEvents } from '../../../../test/support/trace-cmd-lines.js';
import { expectSameTrace } from '../../../../test/support/same-trace.js';
import { asZlib } from '../../../../test/support/zlib-dat.js';
import { readTrace } from '../../../files/open-trace.js';
import { isInterned, type Column } from '../../store/column.js';
import type { Trace } from '../../store/trace.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Notations in which every row so far agreed. */
interface Notations {
  decimal: boolean;
  /** Decimal of the same bits as a signed number: `unsigned long pages` printed with %ld. */
  signed: boolean;
  hex: boolean;
}

async function expectEqual(file: string): Promise<number> {
  const trace = await readTrace(file);
  const notations = new Map<Column, Notations>();
  let event = 0;
  for await (const reported of reportedEvents(file)) {
    const table = trace.kindOf(event);
    const seen = {
      comm: trace.taskOf(event).comm,
      tid: trace.tidOf(event) as number,
      cpu: trace.cpuOf(event) as number,
      time: trace.stampOf(event),
      name: table.name,
    };
    const { args, ...expected } = reported;
    if (Object.entries(expected).some(([key, value]) => seen[key as keyof typeof seen] !== value)) {
      expect({ event, ...seen }).toEqual({ event, ...expected });
    }
    compareFields(trace, event, args, notations);
    event++;
  }
  expect(trace.length).toBe(event);
  expect(trace.diagnostics.damage).toEqual([]);
  return event;
}

function compareFields(trace: Trace, event: number, args: string, notations: Map<Column, Notations>): void {
  const table = trace.kindOf(event);
  const row = trace.row[event];
  let rest = args.trimStart();
  for (const [i, column] of table.columns.entries()) {
    const prefix = `${column.field.name}=`;
    if (!rest.startsWith(prefix))
      throw new Error(`event ${event} (${table.name}): expected ${prefix} at "${rest}"`);
    rest = rest.slice(prefix.length);
    const next = table.columns[i + 1];
    const end = next ? rest.indexOf(` ${next.field.name}=`) : rest.length;
    const printed = rest.slice(0, end).trim();
    rest = rest.slice(end + 1);
    const where = `event ${event} ${table.name}.${column.field.name}`;
    if (isInterned(column.field)) expect(asPrinted(column, row), where).toBe(printed);
    else compareNumber(column, row, printed, notations, where);
  }
}

function asPrinted(column: Column, row: number): string {
  const text = column.text(row);
  if (column.field.type === 'string') return text.trim();
  const pairs = Array.from(text, (char) => char.charCodeAt(0).toString(16).padStart(2, '0'));
  return `ARRAY[${pairs.join(', ')}]`;
}

function compareNumber(
  column: Column,
  row: number,
  printed: string,
  notations: Map<Column, Notations>,
  where: string,
): void {
  const value = column.big(row);
  const unsigned = BigInt.asUintN(64, value).toString(16);
  let known = notations.get(column);
  if (!known) notations.set(column, (known = { decimal: true, signed: true, hex: true }));
  known.decimal &&= printed === value.toString();
  known.signed &&= printed === BigInt.asIntN(64, value).toString();
  known.hex &&= printed.replace(/^0x/, '').replace(/^0+(?=.)/, '') === unsigned;
  if (!known.decimal && !known.signed && !known.hex)
    throw new Error(`${where}: ${value} (hex ${unsigned}), trace-cmd prints ${printed}`);
}

/** A plain file beside the compressed recording. */
function unpacked(path: string): string {
  if (path.endsWith('.dat')) return path;
  const target = join(folder, basename(path).replace(/\.(xz|zst)$/, ''));
  const result = spawnSync(path.endsWith('.xz') ? 'xz' : 'zstd', ['-dc', path], { maxBuffer: 1 << 30 });
  writeFileSync(target, result.stdout);
  return target;
}

const { it } = requires('trace-cmd', 'zstd');

it('equals trace-cmd on the shipped recordings, in versions 6 and 7, plain, zlib and zstd', async () => {
  const recordings = readdirSync(join(repositoryRoot, 'recordings')).filter((name) => name.includes('.dat'));
  expect(recordings.length).toBeGreaterThan(0);
  for (const name of recordings) {
    const events = await expectEqual(unpacked(join(repositoryRoot, 'recordings', name)));
    expect(events).toBeGreaterThan(1000);
  }
  const first = unpacked(join(repositoryRoot, 'recordings', recordings[0]));
  for (const options of [
    ['--file-version', '6'],
    ['--compression', 'none'],
    ['--compression', 'zstd'],
  ]) {
    const converted = join(folder, `converted-${options.at(-1)}.dat`);
    const result = spawnSync('trace-cmd', ['convert', ...options, '-i', first, '-o', converted], {
      encoding: 'utf8',
    });
    expect(existsSync(converted), result.stderr).toBe(true);
    await expectEqual(converted);
  }
  const zlib = join(folder, 'zlib.dat');
  writeFileSync(zlib, asZlib(readFileSync(join(folder, 'converted-none.dat'))));
  const [packed, plain] = [await readTrace(zlib), await readTrace(first)];
  expect(packed.meta.format).toBe('trace.dat v7 (zlib)');
  expect(packed.diagnostics.damage).toEqual([]);
  expectSameTrace(packed, plain);
}, 180_000);

const shared = requires('trace-cmd', 'xz', 'shared');

shared.it(
  'equals trace-cmd on every recording in ../shared',
  async () => {
    const folders = [join(sharedFolder, 'traces'), join(sharedFolder, 'traces', 'pvm')];
    for (const path of folders) {
      for (const name of readdirSync(path).filter((file) => file.includes('.dat'))) {
        await expectEqual(unpacked(join(path, name)));
      }
    }
  },
  300_000,
);
