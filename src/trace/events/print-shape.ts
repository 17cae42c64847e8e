/**
 * The text form of an event, as a little pattern that both writes and reads it.
 *
 *     mmu notifier unmap range: 0x{start:016x} -- 0x{end:016x}
 *
 * - Literal text stands for itself; `{{` and `}}` are braces. A run of spaces matches one or more spaces
 *   when read and
 *   is written as it stands; at the end of a line it may be missing.
 * - `{f}`: decimal, signed as the field's type is; `0x` hex is read too.
 * - `{f:x}`, `{f:016x}`: hex digits without a prefix, padded with zeros to a width.
 * - `{f:s}`: text up to the next literal, or to the end of the line.
 * - `{f:sym=TABLE}`, `{f:flags=TABLE}`: the text that a symbol table gives to the number.
 * - `{f:hexbytes}`: bytes as pairs of hex digits. `{f:mask}`: a set of CPUs, as list or as hex mask.
 * - `{f:ptr}`: a pointer, `0x` hex or 16 bare hex digits (which the kernel's %p makes a hash of).
 * - `{?}`: text that is not kept; written as nothing.
 *
 * `compileShape` turns a pattern into instructions for ShapeReader (print-shape-read.ts) and segments for
 * `formatShape` (print-shape-format.ts).
 */
import type { SymbolTable } from './symbol-table.js';
import { SymbolReader } from './print-shape-symbols.js';
import type { EventDef, FieldDef, FieldType, ImpliedValue } from './types.js';

/** How one `{...}` is written and read. */
export type Conversion = 'decimal' | 'hex' | 'string' | 'symbol' | 'hexbytes' | 'mask' | 'pointer' | 'skip';

/** A piece of a shape: literal text, or a field. */
export type Segment =
  | { readonly literal: string }
  | {
      readonly field: number;
      readonly name: string;
      readonly conversion: Conversion;
      /** Digits at least, for hex. */
      readonly width: number;
      readonly symbols: SymbolTable | undefined;
    };

/**
 * Operations of the compiled form. Texts end where the literal of the same instruction begins.
 *
 * @internal for tests: ShapeReader has them as plain numbers
 */
export const Op = {
  literal: 0,
  decimal: 1,
  hex: 2,
  pointer: 3,
  string: 4,
  symbol: 5,
  hexbytes: 6,
  mask: 7,
  skip: 8,
  end: 9,
} as const;

/**
 * Numbers per instruction: operation, field, symbol reader, offset and length of the literal (or of the
 * next one).
 *
 * @internal for tests
 */
export const INSTRUCTION = 5;

/**
 * Bits of a field and whether it is signed, as ShapeReader wants them: 64, 32, 16, 8, negative where
 * signed.
 */
export function widthCode(type: FieldType): number {
  switch (type) {
    case 'u64':
      return 64;
    case 's64':
      return -64;
    case 'u32':
      return 32;
    case 's32':
      return -32;
    case 'u16':
      return 16;
    case 's16':
      return -16;
    case 's8':
      return -8;
    case 'u8':
      return 8;
    case 'bool':
      return 1;
    case 'string':
    case 'bytes':
    case 'cpumask':
      return 0;
  }
}

/** A shape, compiled for one event. */
export interface PrintShape {
  readonly text: string;
  readonly segments: readonly Segment[];
  /** INSTRUCTION numbers per step. */
  readonly code: Int32Array;
  /** Bytes of all literals, runs of spaces made one. */
  readonly literals: Uint8Array;
  /** At each position of `literals`: the four bytes from there on as a little-endian word. */
  readonly literalWords: Int32Array;
  readonly symbolReaders: readonly SymbolReader[];
  /** Per field of the event: `widthCode`. */
  readonly widths: Int8Array;
  /** Numbers of the fields that this shape neither prints nor implies. */
  readonly missing: readonly number[];
  /** What every event of this shape has, by field number. */
  readonly implied: readonly {
    readonly field: number;
    readonly value: number;
    readonly mask: number | undefined;
  }[];
}

/**
 * Compile `shape` for the fields of `def`.
 *
 * @param symbols finds a symbol table by name
 * @param implied values that the shape implies (EventDef.implied)
 * @throws Error naming the shape when it breaks the grammar, or names an unknown field or table
 */
export function compileShape(
  shape: string,
  def: Pick<EventDef, 'name' | 'fields'>,
  symbols: (name: string) => SymbolTable | undefined,
  implied: readonly ImpliedValue[] = [],
): PrintShape {
  const fail = (why: string): never => {
    throw new Error(`shape "${shape}" of ${def.name}: ${why}`);
  };
  const segments = splitShape(shape, fail).map((piece): Segment => {
    if (!piece.braces) return { literal: piece.text };
    return fieldSegment(piece.text, def.fields, symbols, fail);
  });
  const numberOf = (name: string): number => {
    const field = def.fields.findIndex((candidate) => candidate.name === name);
    return field >= 0 ? field : fail(`implies a value of ${name}, which is no field`);
  };
  const impliedValues = implied.map(({ field, value, mask }) => ({ field: numberOf(field), value, mask }));
  const printed = new Set(segments.flatMap((segment) => ('field' in segment ? [segment.field] : [])));
  for (const value of impliedValues) if (value.mask === undefined) printed.add(value.field);
  return {
    text: shape,
    segments,
    ...assemble(segments, fail),
    widths: Int8Array.from(def.fields, (field) => widthCode(field.type)),
    missing: def.fields.flatMap((_, field) => (printed.has(field) ? [] : [field])),
    implied: impliedValues,
  };
}

/** Cut a shape into literals and the insides of braces. */
function splitShape(shape: string, fail: (why: string) => never): { braces: boolean; text: string }[] {
  const pieces: { braces: boolean; text: string }[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') pieces.push({ braces: false, text: literal });
    literal = '';
  };
  for (let at = 0; at < shape.length; at++) {
    const char = shape[at];
    if ((char === '{' || char === '}') && shape[at + 1] === char) {
      literal += char;
      at++;
    } else if (char === '{') {
      const close = shape.indexOf('}', at);
      if (close < 0) fail('"{" is not closed');
      flush();
      pieces.push({ braces: true, text: shape.slice(at + 1, close) });
      at = close;
    } else if (char === '}') fail('"}" alone; write "}}"');
    else literal += char;
  }
  flush();
  return pieces;
}

function fieldSegment(
  text: string,
  fields: readonly FieldDef[],
  symbols: (name: string) => SymbolTable | undefined,
  fail: (why: string) => never,
): Segment {
  if (text === '?') return { field: -1, name: '?', conversion: 'skip', width: 0, symbols: undefined };
  const [, name = '', how = ''] =
    /^(\w+)(?::(.+))?$/.exec(text) ?? fail(`"{${text}}" is not {field} or {field:how}`);
  const field = fields.findIndex((candidate) => candidate.name === name);
  if (field < 0) fail(`there is no field ${name}`);
  const interned = widthCode(fields[field].type) === 0;
  const base = { field, name, width: 0, symbols: undefined };
  const table = /^(?:sym|flags)=(\w+)$/.exec(how)?.[1];
  if (table !== undefined) {
    if (interned) fail(`${name} is no number`);
    return {
      ...base,
      conversion: 'symbol',
      symbols: symbols(table) ?? fail(`there is no symbol table ${table}`),
    };
  }
  const hex = /^(?:0(\d+))?x$/.exec(how);
  const conversion = hex ? 'hex' : conversions.get(how);
  if (!conversion) return fail(`unknown conversion "${how}"`);
  if (interned !== ['string', 'hexbytes', 'mask'].includes(conversion)) fail(`${name} cannot be {${text}}`);
  return { ...base, conversion, width: Number(hex?.[1] ?? 0) };
}

const conversions = new Map<string, Conversion>([
  ['', 'decimal'],
  ['s', 'string'],
  ['hexbytes', 'hexbytes'],
  ['mask', 'mask'],
  ['ptr', 'pointer'],
]);

const endless: ReadonlySet<Conversion> = new Set<Conversion>(['string', 'symbol', 'mask', 'skip']);

/** Instructions and literals of a shape. */
function assemble(
  segments: readonly Segment[],
  fail: (why: string) => never,
): Pick<PrintShape, 'code' | 'literals' | 'literalWords' | 'symbolReaders'> {
  const code: number[] = [];
  const literals: number[] = [];
  const symbolReaders: SymbolReader[] = [];
  const place = (literal: string): [number, number] => {
    const bytes = Array.from(literal.replaceAll(/ +/g, ' '), (char) => char.charCodeAt(0));
    literals.push(...bytes);
    return [literals.length - bytes.length, bytes.length];
  };
  segments.forEach((segment, at) => {
    if ('literal' in segment) {
      code.push(Op.literal, 0, 0, ...place(segment.literal));
      return;
    }
    const next = segments.at(at + 1);
    const nextLiteral = next && 'literal' in next ? next.literal : '';
    if (endless.has(segment.conversion) && next && nextLiteral === '') {
      fail(`{${segment.name}} and what follows cannot be told apart`);
    }
    const reader = segment.symbols ? symbolReaders.push(SymbolReader.of(segment.symbols)) - 1 : 0;
    code.push(Op[segment.conversion], segment.field, reader, ...place(nextLiteral));
  });
  code.push(Op.end, 0, 0, 0, 0);
  const words = literals.map((_, at) =>
    literals.slice(at, at + 4).reduceRight((word, byte) => (word << 8) | byte, 0),
  );
  return {
    code: Int32Array.from(code),
    literals: Uint8Array.from(literals),
    literalWords: Int32Array.from(words),
    symbolReaders,
  };
}
