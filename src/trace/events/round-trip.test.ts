/**
 * Every shape of the table writes a text that the table reads back, whichever shape comes first.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isInterned, type Column } from '../store/column.js';
import { KindBuilder } from '../store/kind.js';
import { Strings } from '../store/strings.js';
import { eventTable } from './index.js';
import { formatShape } from './print-shape-format.js';
import { ShapeReader } from './print-shape-read.js';
import { compileShape, type PrintShape } from './print-shape.js';
import { findSymbols } from './symbols.js';
import type { EventDef, FieldDef } from './types.js';

type Value = bigint | string;

const bits: Record<FieldDef['type'], number> = {
  bool: 1,
  u8: 8,
  s8: 8,
  u16: 16,
  s16: 16,
  u32: 32,
  s32: 32,
  u64: 64,
  s64: 64,
  string: 0,
  bytes: 0,
  cpumask: 0,
};

/** Task names as they come: with spaces, colons, dashes and digits. */
const words = fc
  .string({
    unit: fc.constantFrom('a', 'b', 'z', '/', ':', '-', '_', ' ', '0', '1', '9'),
    minLength: 1,
    maxLength: 15,
  })
  .filter((text) => text.trim() === text && !text.includes('  '));

function anyValue(field: FieldDef): fc.Arbitrary<Value> {
  if (field.type === 'string') return words;
  if (field.type === 'bytes')
    return fc.string({ unit: fc.constantFrom('\x00', '\x90', '\xff', 'A'), minLength: 1, maxLength: 15 });
  if (field.type === 'cpumask') return fc.constantFrom('0', '1,3', '0-2,5', '64-127');
  const width = bits[field.type];
  return fc
    .oneof(fc.bigInt({ min: 0n, max: 7n }), fc.bigInt({ min: 0n, max: 2n ** BigInt(width) - 1n }))
    .map((value) =>
      field.type.startsWith('s') ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value),
    );
}

/** Values that the shape can show: its words, and what it implies. */
function shownValue(field: FieldDef, index: number, shape: PrintShape): fc.Arbitrary<Value> {
  const implied = shape.implied.find((one) => one.field === index);
  if (implied && implied.mask === undefined) return fc.constant(BigInt(implied.value));
  const segment = shape.segments.find((one) => 'field' in one && one.field === index && one.symbols);
  const symbols = segment && 'symbols' in segment ? segment.symbols : undefined;
  if (!symbols) {
    const value = anyValue(field);
    if (!implied?.mask) return value;
    const mask = BigInt(implied.mask);
    return value.map((one) => (BigInt(one) & ~mask) | BigInt(implied.value));
  }
  if (symbols.kind !== 'computed') return fc.constantFrom(...symbols.entries.map(([value]) => BigInt(value)));
  // What the text of a computed table keeps of a number.
  return fc
    .integer({ min: -4095, max: 0xffff })
    .map(
      (number) =>
        symbols.parse(
          symbols.format(symbols.name === 'negatedErrno' ? -Math.abs(number) : number & 0xffff),
        ) ?? 0,
    )
    .map(BigInt);
}

interface Compiled {
  readonly def: EventDef;
  readonly shapes: readonly PrintShape[];
}

const compiled: readonly Compiled[] = eventTable.map((def) => ({
  def,
  shapes: def.print.map((text, index) => compileShape(text, def, findSymbols, def.implied?.[index])),
}));

/** Columns of one row with these values. */
function columnsOf(def: EventDef, values: readonly Value[], strings: Strings): Column[] {
  const kind = new KindBuilder(0, def, true, true);
  const row = kind.addRow();
  for (const [index, column] of kind.columns.entries()) {
    const value = values[index];
    if (typeof value === 'bigint') column.setBig(row, value);
    else column.low[row] = strings.intern(value ?? '');
  }
  kind.flush();
  return kind.columns.map((column) => column.finish(1, strings));
}

const valueOf = (column: Column): Value => (isInterned(column.field) ? column.text(0) : column.big(0));

/** The values that the first fitting shape reads, and which shape that is. */
function readText(
  { def, shapes }: Compiled,
  text: string,
): { shape: PrintShape; values: Value[] } | undefined {
  const strings = new Strings();
  const reader = new ShapeReader(strings);
  const bytes = Uint8Array.from(`${text}\n`, (char) => char.charCodeAt(0));
  for (const shape of shapes) {
    const kind = new KindBuilder(0, def, true, true);
    if (reader.read(shape, bytes, 0, kind.columns, kind.addRow()) < 0) continue;
    kind.flush();
    const values = kind.columns.map((column) => valueOf(column.finish(1, strings)));
    for (const { field, value, mask } of shape.implied) if (mask === undefined) values[field] = BigInt(value);
    return { shape, values };
  }
  return undefined;
}

describe('texts of the table', () => {
  const cases = compiled.flatMap((one) =>
    one.shapes.map((shape, index) => [`${one.def.system}:${one.def.name} ${index}`, one, shape] as const),
  );

  it.each(cases)('%s comes back', (_, one, shape) => {
    const { def } = one;
    const rows = fc.tuple(...def.fields.map((field, index) => shownValue(field, index, shape)));
    fc.assert(
      fc.property(rows, (values) => {
        const text = formatShape(shape, columnsOf(def, values, new Strings()), 0);
        if (text === undefined) throw new Error('the values contradict the shape');
        const read = readText(one, text);
        if (!read) throw new Error(`'${text}' is not read`);
        for (const [index, field] of def.fields.entries()) {
          if (shape.missing.includes(index) || read.shape.missing.includes(index)) continue;
          expect(`'${text}': ${field.name} ${read.values[index]}`).toBe(
            `'${text}': ${field.name} ${values[index]}`,
          );
        }
      }),
      { numRuns: 25 },
    );
  });
});
