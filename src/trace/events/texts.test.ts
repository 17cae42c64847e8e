/**
 * The shapes of the table against real texts: every line of the recordings reads by one of them, and gives
 * the values that `trace-cmd report -R` has.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { requires, sharedFolder } from '../../../test/requires.js';
import { isInterned, type ColumnBuilder } from '../store/column.js';
import { KindBuilder } from '../store/kind.js';
import { Strings } from '../store/strings.js';
import { findEvent } from './index.js';
import { ShapeReader } from './print-shape-read.js';
import { compileShape, type PrintShape } from './print-shape.js';
import { findSymbols } from './symbols.js';
import type { EventDef, FieldDef } from './types.js';

/** One event of a text: `name: rest`. */
interface Line {
  readonly name: string;
  readonly text: string;
}

function linesOf(output: string): Line[] {
  const lines = output.matchAll(/^.*? \d+\.\d+:\s+(?:\w+:)?(\w+): *(.*)$/gm);
  return [...lines].map(([, name = '', text = '']) => ({ name, text }));
}

/** Reads lines by the shapes of the table, as the readers of the product do. */
class TableReader {
  readonly #strings = new Strings();
  readonly #reader = new ShapeReader(this.#strings);
  readonly #kinds = new Map<string, { def: EventDef; kind: KindBuilder; shapes: PrintShape[] }>();

  /** Fields by name, as decimal numbers or text; undefined where no shape fits. */
  read(line: Line): Map<string, string> | undefined {
    const { def, kind, shapes } = this.#kindOf(line.name);
    const bytes = Uint8Array.from(`${line.text}\n`, (char) => char.charCodeAt(0));
    const row = kind.addRow();
    const shape = shapes.find((one) => this.#reader.read(one, bytes, 0, kind.columns, row) >= 0);
    if (!shape) return undefined;
    const values = new Map<string, string>();
    for (const [index, field] of def.fields.entries()) {
      if (!shape.missing.includes(index))
        values.set(field.name, this.#value(field, kind.columns[index], row));
    }
    for (const { field, value, mask } of shape.implied) {
      if (mask === undefined) values.set(def.fields[field].name, String(value));
    }
    return values;
  }

  #kindOf(name: string): { def: EventDef; kind: KindBuilder; shapes: PrintShape[] } {
    let known = this.#kinds.get(name);
    if (!known) {
      const def = findEvent(name);
      if (!def) throw new Error(`the table has no event ${name}`);
      const shapes = def.print.map((text, index) =>
        compileShape(text, def, findSymbols, def.implied?.[index]),
      );
      known = { def, kind: new KindBuilder(0, def, true, true), shapes };
      this.#kinds.set(name, known);
    }
    return known;
  }

  #value(field: FieldDef, column: ColumnBuilder, row: number): string {
    if (isInterned(field)) return this.#strings.text(column.low[row]);
    if (!column.wide) return String(field.type.startsWith('s') ? column.low[row] | 0 : column.low[row]);
    const bits = (BigInt(column.high[row]) << 32n) | BigInt(column.low[row]);
    return String(field.type === 's64' ? BigInt.asIntN(64, bits) : bits);
  }
}

/** What `-R` says of a field, as decimal number or text, by the rule of FieldDef.raw. */
function rawValue(field: FieldDef, text: string): string {
  if (field.type === 'string') return text;
  if (text.startsWith('0x')) return String(BigInt(text));
  if (field.raw === 'hex') return String(BigInt(`0x${text}`));
  const value = BigInt(text);
  return String(field.type === 'u64' ? BigInt.asUintN(64, value) : value);
}

/** `name=value` pairs of a raw line; a value may hold spaces, a name may not. */
function rawValues(line: Line): Map<string, string> {
  const def = findEvent(line.name);
  const values = new Map<string, string>();
  for (const [, name = '', text = ''] of ` ${line.text}`.matchAll(/ (\w+)=(.*?)(?= \w+=|$)/g)) {
    const field = def?.fields.find((one) => one.name === name);
    if (field && field.type !== 'bytes') values.set(name, rawValue(field, text.trim()));
  }
  return values;
}

const LINES_PER_EVENT = 2000;

/** perf and libtraceevent print the fields alone where they cannot parse the format. */
const unparsed = (line: Line): boolean => line.text.startsWith('[FAILED TO PARSE]');

/**
 * trace-cmd's plugin shows a preempted task (bit 0x100) as R: the one loss in a field that a text does show.
 */
const PREEMPTED = 0x100n;

function sameValue(name: string, text: string, value: string, truth: string | undefined): boolean {
  if (value === truth) return true;
  const plugin = name === 'prev_state' && !text.startsWith('prev_comm=');
  return plugin && truth !== undefined && BigInt(truth) === BigInt(value) + PREEMPTED;
}

/** Positions of the first lines of every event: rare ones are all looked at. */
function sample(lines: readonly Line[]): number[] {
  const seen = new Map<string, number>();
  return [...lines.keys()].filter((index) => {
    const count = (seen.get(lines[index].name) ?? 0) + 1;
    seen.set(lines[index].name, count);
    return count <= LINES_PER_EVENT;
  });
}

/** Compare texts with raw texts of the same events; returns how many values were compared. */
function compareTexts(plain: readonly Line[], raw: readonly Line[]): number {
  expect(plain.length).toBe(raw.length);
  const reader = new TableReader();
  let compared = 0;
  for (const index of sample(plain)) {
    if (unparsed(plain[index])) continue;
    const read = reader.read(plain[index]);
    if (!read) throw new Error(`no shape of ${plain[index].name} fits '${plain[index].text}'`);
    const truth = rawValues(raw[index]);
    expect([...truth.keys()].length).toBeGreaterThan(0);
    for (const [name, value] of read) {
      if (!truth.has(name)) continue;
      if (!sameValue(name, plain[index].text, value, truth.get(name))) {
        throw new Error(`${name} of '${plain[index].text}' is ${truth.get(name)}, and was read as ${value}`);
      }
      compared++;
    }
  }
  return compared;
}

const scratch = mkdtempSync(join(tmpdir(), 'faultline-texts-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const BIG = { maxBuffer: 1 << 29 };

function report(recording: string, ...options: string[]): Line[] {
  const original = join(sharedFolder, 'traces', recording);
  const file = recording.endsWith('.xz') ? join(scratch, recording) : original;
  if (file !== original) writeFileSync(file, execFileSync('xz', ['-dc', original], BIG));
  return linesOf(execFileSync('trace-cmd', ['report', ...options, file], { encoding: 'latin1', ...BIG }));
}

const recorded = requires('trace-cmd', 'xz', 'shared');

const recordings = ['v6.1-voluntary-madvise', 'v6.12-full-ksm', 'v6.12-full-madvise', 'v7.2-lazy-ksm'];

/** Events of the PVM run that its text files do not have. */
const rare = (
  'kvm_pio kvm_emulate_insn kvm_userspace_exit kvm_test_age_hva kvm_track_tsc kvm_fpu kvm_write_tsc_offset' +
  ' kvm_apicv_inhibit_changed kvm_mmu_prepare_zap_page kvm_age_hva'
).split(' ');

recorded.describe('texts of recordings', () => {
  recorded.it.each(recordings)('%s as trace-cmd’s plugins print it', (name) => {
    expect(compareTexts(report(`${name}.dat.xz`), report(`${name}.dat.xz`, '-R'))).toBeGreaterThan(10_000);
  });

  recorded.it.each(['v6.12-full-madvise', 'v7.2-lazy-ksm'])('%s without plugins, one CPU of it', (name) => {
    const oneCpu = ['--cpu', '1'];
    const plain = report(`${name}.dat.xz`, '-N', ...oneCpu);
    expect(compareTexts(plain, report(`${name}.dat.xz`, '-R', ...oneCpu))).toBeGreaterThan(3000);
  });

  recorded.it('rare events of the PVM run', () => {
    const filters = rare.flatMap((name) => ['-F', name]);
    const plain = report('pvm/run.v7-zstd.dat', ...filters);
    expect(new Set(plain.map((line) => line.name)).size).toBe(rare.length);
    expect(compareTexts(plain, report('pvm/run.v7-zstd.dat', '-R', ...filters))).toBeGreaterThan(1000);
  });
});

const shared = requires('shared');
const pvm = (name: string): Line[] =>
  linesOf(readFileSync(join(sharedFolder, 'traces', 'pvm', name), 'latin1'));

shared.describe('texts of one run on PVM', () => {
  shared.it('trace-cmd report agrees with -R', () => {
    expect(compareTexts(pvm('trace-cmd.report.txt'), pvm('trace-cmd.report-R.txt'))).toBeGreaterThan(1000);
  });

  shared.it('tracefs agrees with -R, pointers apart', () => {
    const hashed = new Set(['contention_begin', 'contention_end']);
    const plain = pvm('ftrace.trace.txt').filter((line) => !hashed.has(line.name));
    const raw = pvm('trace-cmd.report-R.txt').filter((line) => !hashed.has(line.name));
    expect(compareTexts(plain, raw)).toBeGreaterThan(1000);
  });

  shared.it.each(['ftrace.trace.txt', 'trace-cmd.report-t-l.txt', 'perf.script.txt'])(
    'every line of %s reads',
    (name) => {
      const reader = new TableReader();
      const lines = pvm(name).filter((line) => !unparsed(line));
      const unread = lines.filter((line) => reader.read(line) === undefined);
      expect(unread).toEqual([]);
      expect(lines.length).toBeGreaterThan(500);
    },
  );
});
