import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isInterned } from '../store/column.js';
import { TraceBuilder } from '../store/builder.js';
import { KindBuilder } from '../store/kind.js';
import type { Trace } from '../store/trace.js';
import { Strings } from '../store/strings.js';
import { eventTable } from './index.js';
import { formatShape } from './print-shape-format.js';
import { ShapeReader } from './print-shape-read.js';
import { compileShape, INSTRUCTION, Op, type PrintShape } from './print-shape.js';
import { shapesOf } from './print-shapes.js';
import { findSymbols } from './symbols.js';
import { flagTable, symbolTable } from './symbol-table.js';
import type { EventDef, FieldDef, FieldType } from './types.js';

const types: FieldType[] = [
  'u8',
  's8',
  'u16',
  's16',
  'u32',
  's32',
  'u64',
  's64',
  'bool',
  'string',
  'bytes',
  'cpumask',
];
const def: EventDef = {
  system: 'test',
  name: 'all_types',
  fields: types.map((type): FieldDef => ({ name: type, type, ctype: type })),
  print: [],
  since: 'v5.10',
  meaning: 'one field of each type',
};
const colours = symbolTable('colours', [
  [0, 'red'],
  [1, 'light blue'],
  [-1, 'none'],
]);
const bits = flagTable('bits', [
  [1, 'A'],
  [2, 'B'],
  [0x100000000, 'HIGH'],
]);
const tables = (name: string) => [colours, bits].find((table) => table.name === name);

const bytesOf = (text: string) => Uint8Array.from(`${text}\n`, (char) => char.charCodeAt(0));

/** Fields of `text` read by `shape`, as text by name; undefined when it does not fit. */
function read(shape: string, text: string): Record<string, string> | undefined {
  const compiled = compileShape(shape, def, tables);
  const builder = new TraceBuilder();
  const kind = builder.kind(def, true);
  builder.begin(0, kind, 0, builder.task(1, 'x'), 0);
  const reader = new ShapeReader(builder.strings);
  const bytes = bytesOf(text);
  const end = reader.read(compiled, bytes, 0, kind.columns, 0);
  if (end < 0) return undefined;
  expect(end).toBe(bytes.length - 1);
  const missing = new Set(compiled.missing);
  const table = builder.finish().kinds[0];
  const present = table.columns.filter((_, field) => !missing.has(field));
  return Object.fromEntries(present.map((column) => [column.field.name, column.text(0)]));
}

describe('the grammar of shapes', () => {
  it.each([
    ['a {u32} b', 'a   17  b', { u32: '17' }],
    ['{u8}', '256', undefined],
    ['{u8}', '-1', { u8: '255' }],
    ['{u8}', '-129', undefined],
    ['{s8}', '-128', { s8: '-128' }],
    ['{s8}', '255', { s8: '-1' }],
    ['{u16}', '0xffff', { u16: '65535' }],
    ['{s16}', '-32769', undefined],
    ['{s32}', '4294967295', { s32: '-1' }],
    ['{s32:x}', 'ffffffffffffffff', { s32: '-1' }],
    ['{u32}', '4294967296', undefined],
    ['{u64}', '18446744073709551615', { u64: '18446744073709551615' }],
    ['{u64}', '18446744073709551616', undefined],
    ['{u64}', '-1', { u64: '18446744073709551615' }],
    ['{s64}', '-9223372036854775808', { s64: '-9223372036854775808' }],
    ['{s64}', '-9223372036854775809', undefined],
    ['0x{u64:x}', '0xffff8881084ca698', { u64: '18446612686504240792' }],
    ['{u64:x}', '10000000000000000', undefined],
    ['{u64:016x}', '000000000000001f', { u64: '31' }],
    ['{bool}', '1', { bool: '1' }],
    ['{bool}', '2', undefined],
    ['{u32}', '1x', undefined],
    ['{u32}', '', undefined],
    ['x={string:s} y={u8}', 'x=a y=b y=3', { string: 'a y=b', u8: '3' }],
    ['{string:s}:{u8} [{u16}]', 'kworker/0:1:7 [120]', { string: 'kworker/0:1', u8: '7', u16: '120' }],
    ['{string:s}', '', { string: '' }],
    ['x {string:s}', 'x', { string: '' }],
    ['{u8:sym=colours} {u16}', 'light blue 3', { u8: '1', u16: '3' }],
    ['{s64:sym=colours}', 'none', { s64: '-1' }],
    ['{u8:sym=colours}', '0x2a', { u8: '42' }],
    ['{u8:sym=colours}', 'green', undefined],
    ['{u64:flags=bits})', 'A|HIGH|0x10)', { u64: '4294967313' }],
    ['({u8:flags=bits})', '()', { u8: '0' }],
    ['{bytes:hexbytes} end', 'e6 10 eb end', { bytes: '\xe6\x10\xeb' }],
    ['{bytes:hexbytes}', '', { bytes: '' }],
    ['{cpumask:mask} x', '0-2,5 x', { cpumask: '0-2,5' }],
    ['{cpumask:mask}', '00000001,80000003', { cpumask: '0-1,31-32' }],
    ['{cpumask:mask}', 'nothing', undefined],
    ['{u64:ptr} a', '0xffff88810862c000 a', { u64: '18446612686505689088' }],
    ['{u64:ptr}', '(null)', { u64: '0' }],
    ['a {?} b {u8}', 'a what ever b 4', { u8: '4' }],
    ['{{{u8}}}', '{9}', { u8: '9' }],
    ['{u8} ', '9', { u8: '9' }],
    ['{u8}', '9  \r', { u8: '9' }],
    ['{u8} b', '9 bc', undefined],
  ])('%j reads %j', (shape, text, expected) => {
    expect(read(shape, text)).toEqual(expected);
  });

  it.each([
    ['{nothing}', 'no field nothing'],
    ['{u8', 'not closed'],
    ['u8}', '"}" alone'],
    ['{u8:q}', 'unknown conversion'],
    ['{u8:sym=nope}', 'no symbol table nope'],
    ['{string}', 'cannot be'],
    ['{u8:s}', 'cannot be'],
    ['{string:s}{u8}', 'told apart'],
  ])('refuses %j', (shape, why) => {
    expect(() => compileShape(shape, def, tables)).toThrow(why);
  });

  it('says when a pointer is a hash', () => {
    const shape = compileShape('{u64:ptr}', def, tables);
    const hashed = (text: string) => {
      const reader = new ShapeReader(new Strings());
      const kind = new KindBuilder(0, def, true, true);
      reader.read(shape, bytesOf(text), 0, kind.columns, kind.addRow());
      return reader.hashedPointers;
    };
    expect(['0000000048f946a9', 'ffff888108626000', '0000000000000000', '0x48f946a9'].map(hashed)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('has the operations that the reading loop is written for', () => {
    expect(Object.values(Op)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(Object.keys(Op)[2]).toBe('hex');
    expect(INSTRUCTION).toBe(5);
    expect([
      Op.literal,
      Op.decimal,
      Op.hex,
      Op.pointer,
      Op.string,
      Op.hexbytes,
      Op.mask,
      Op.skip,
      Op.end,
    ]).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
  });
});

/** Values that the text of field number `at` can show. */
function valueFor(event: EventDef, shape: PrintShape, at: number): fc.Arbitrary<bigint | string> {
  const field = event.fields[at];
  const segment = shape.segments.find((one) => 'symbols' in one && one.field === at && one.symbols);
  const implied = shape.implied.find((one) => one.field === at);
  if (implied && implied.mask === undefined) return fc.constant(BigInt(implied.value));
  if (field.type === 'string') return fc.stringMatching(/^[a-z][a-z0-9/:_-]{0,14}$/);
  if (field.type === 'bytes') {
    return fc.uint8Array({ maxLength: 15 }).map((array) => String.fromCharCode(...array));
  }
  if (field.type === 'cpumask') return fc.constantFrom('', '0', '0-2,5', '63-65,200');
  const signed = field.type.startsWith('s');
  const width = field.type === 'bool' ? 1 : Number(field.type.slice(1));
  const least = signed ? -(2n ** BigInt(width - 1)) : 0n;
  const most = signed ? 2n ** BigInt(width - 1) - 1n : 2n ** BigInt(width) - 1n;
  const table = segment && 'symbols' in segment ? segment.symbols : undefined;
  if (table) {
    const shown = (value: number) =>
      value >= least && value <= most && table.parse(table.format(value)) === value;
    const any = fc.oneof(fc.constantFrom(0, 1, ...table.entries.map(([value]) => value)), fc.nat(0xffff));
    return any.filter(shown).map(BigInt);
  }
  const any = fc.oneof(fc.constantFrom(least, most, 0n), fc.bigInt({ min: least, max: most }));
  if (implied?.mask === undefined) return any;
  const mask = BigInt(implied.mask);
  return any.map((value) => BigInt.asUintN(64, (value & ~mask) | BigInt(implied.value)));
}

/** A trace of one event with the given values. */
function traceOf(event: EventDef, values: readonly (bigint | string)[]): Trace {
  const builder = new TraceBuilder();
  const kind = builder.kind(event, true);
  builder.begin(0, kind, 0, builder.task(1, 'x'), 0);
  values.forEach((value, at) => {
    if (typeof value === 'string') kind.columns[at].low[0] = builder.strings.intern(value);
    else kind.columns[at].setBig(0, value);
  });
  return builder.finish();
}

/** What the shapes of `event`, tried in order, read from a text, by name. */
function readBack(event: EventDef, text: string): Record<string, bigint | string> {
  const builder = new TraceBuilder();
  const kind = builder.kind(event, true);
  builder.begin(0, kind, 0, builder.task(1, 'x'), 0);
  const reader = new ShapeReader(builder.strings);
  const bytes = bytesOf(text);
  const shape = shapesOf(event).find((one) => reader.read(one, bytes, 0, kind.columns, 0) === text.length);
  expect(shape, `a shape for "${text}"`).toBeDefined();
  const table = builder.finish().kinds[0];
  const printed = new Set(shape?.segments.flatMap((segment) => ('field' in segment ? [segment.field] : [])));
  const shown = table.columns.filter((_, field) => printed.has(field));
  return Object.fromEntries(
    shown.map((column) => [column.field.name, isInterned(column.field) ? column.text(0) : column.big(0)]),
  );
}

describe('every shape of the event table', () => {
  it.each(eventTable.map((event) => [`${event.system}:${event.name}`, event] as const))('%s', (_, event) => {
    for (const shape of shapesOf(event)) {
      const values = fc.tuple(...event.fields.map((_field, at) => valueFor(event, shape, at)));
      const property = fc.property(values, (given) => {
        const table = traceOf(event, given).kinds[0];
        const text = formatShape(shape, table.columns, 0);
        if (text === undefined) throw new Error(`"${shape.text}" is not written`);
        const back = readBack(event, text);
        const written = event.fields.flatMap(({ name }, at) => (name in back ? [[name, given[at]]] : []));
        expect(back).toEqual(Object.fromEntries(written));
      });
      fc.assert(property, { numRuns: 20 });
    }
  });

  it('compiles with the symbols of the table', () => {
    for (const event of eventTable) {
      for (const text of event.print) expect(() => compileShape(text, event, findSymbols)).not.toThrow();
    }
  });
});
