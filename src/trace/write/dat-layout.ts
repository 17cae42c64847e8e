/**
 * How one kind of event lies in a trace.dat: offset and size of each field, and the `format` text that says
 * so.
 *
 * The common fields take 8 bytes (type, flags, preempt count, pid); each field then sits at its natural
 * alignment, as the kernel's own TRACE_EVENT structs do. Text and blobs of fixed declared size stay fixed;
 * others are `__data_loc`.
 */
import type { FieldType } from '../events/types.js';
import type { Column } from '../store/column.js';
import type { KindTable } from '../store/kind.js';
import { maskBytes } from './cpu-list.js';
import { printFormat } from './dat-print.js';
import { textBytes } from './text-bytes.js';

/** Bytes of common_type, common_flags, common_preempt_count and common_pid. */
const COMMON_SIZE = 8;
/** `__data_loc` words have 16 bits for the length. */
const MOST_DYNAMIC = 0xffff;

const NUMBER_SIZE: Partial<Record<FieldType, 1 | 2 | 4 | 8>> = {
  u8: 1,
  s8: 1,
  bool: 1,
  u16: 2,
  s16: 2,
  u32: 4,
  s32: 4,
  u64: 8,
  s64: 8,
};

const NUMBER_CTYPE: Partial<Record<FieldType, string>> = {
  u8: 'u8',
  s8: 's8',
  bool: 'bool',
  u16: 'u16',
  s16: 's16',
  u32: 'u32',
  s32: 'int',
  u64: 'u64',
  s64: 's64',
};

export interface FieldLayout {
  readonly name: string;
  readonly type: FieldType;
  readonly column: Column;
  /** Declaration without the name; an array's brackets come after the name in the format text. */
  readonly ctype: string;
  /** From the start of the event. */
  readonly offset: number;
  /** Bytes in the fixed part: 4 for a dynamic field. */
  readonly size: number;
  readonly signed: boolean;
  readonly place: 'number' | 'fixed' | 'dynamic';
}

export interface KindLayout {
  readonly id: number;
  readonly fields: readonly FieldLayout[];
  /** Bytes up to the dynamic part. */
  readonly fixedSize: number;
  /** Bytes of the longest event, dynamic part included. */
  readonly longest: number;
  /** The text of events/SYSTEM/NAME/format. */
  readonly format: string;
}

/** Lay out a kind under event id `id` (16 bits). */
export function layoutKind(kind: KindTable, id: number): KindLayout {
  const fields: FieldLayout[] = [];
  let offset = COMMON_SIZE;
  let dynamic = 0;
  for (const column of kind.columns) {
    const place = placeField(column, kind.length);
    offset = Math.ceil(offset / place.align) * place.align;
    const { name, type } = column.field;
    fields.push({ name, type, column, offset, ...place });
    offset += place.size;
    dynamic += place.longest;
  }
  // The dynamic part may start anywhere; a word boundary keeps CPU masks aligned for readers that care.
  const fixedSize = Math.ceil(offset / 4) * 4;
  const longest = fixedSize + dynamic;
  return { id, fields, fixedSize, longest, format: formatText(kind, id, fields) };
}

interface Placement {
  readonly ctype: string;
  readonly size: number;
  readonly align: number;
  readonly signed: boolean;
  readonly place: 'number' | 'fixed' | 'dynamic';
  /** Most bytes in the dynamic part. */
  readonly longest: number;
}

function placeField(column: Column, rows: number): Placement {
  const { type, ctype } = column.field;
  const size = NUMBER_SIZE[type];
  if (size !== undefined) {
    const usable = ctype !== '' && !/\[|__data_loc|__rel_loc/.test(ctype);
    const own = usable ? ctype : (NUMBER_CTYPE[type] ?? 'int');
    return { ctype: own, size, align: size, signed: type[0] === 's', place: 'number', longest: 0 };
  }
  const lengths = valueLengths(column, rows);
  const declared = /^(?!__data_loc|__rel_loc)[^[]*\[(\d+)\]$/.exec(ctype);
  if (declared && type !== 'cpumask') {
    const room = Number(declared[1]);
    // A char array keeps its final NUL; a blob is fixed only if every row fills it, for its length is data
    // too.
    const fits = type === 'string' ? lengths.most < room : lengths.most === room && lengths.least === room;
    if (fits) return { ctype, size: room, align: 1, signed: false, place: 'fixed', longest: 0 };
  }
  const own =
    type === 'cpumask' ? '__data_loc cpumask_t' : type === 'string' ? '__data_loc char[]' : '__data_loc u8[]';
  // One more for the final NUL of a text, or the guard behind a blob.
  const longest = Math.min(MOST_DYNAMIC, lengths.most) + 1;
  return { ctype: own, size: 4, align: 4, signed: false, place: 'dynamic', longest };
}

/** Shortest and longest value of an interned column in bytes. */
function valueLengths(column: Column, rows: number): { least: number; most: number } {
  const known = new Map<number, number>();
  let least = Infinity;
  let most = 0;
  for (let row = 0; row < rows; row++) {
    const id = column.values[row];
    let length = known.get(id);
    if (length === undefined)
      known.set(id, (length = valueBytes(column.field.type, column.strings.text(id)).length));
    if (length < least) least = length;
    if (length > most) most = length;
  }
  return { least, most };
}

/** The bytes of an interned value, without a final NUL. */
export function valueBytes(type: FieldType, text: string): Uint8Array {
  return type === 'cpumask' ? maskBytes(text) : textBytes(text);
}

function formatText(kind: KindTable, id: number, fields: readonly FieldLayout[]): string {
  const line = (what: string, offset: number, size: number, signed: boolean) =>
    `\tfield:${what};\toffset:${offset};\tsize:${size};\tsigned:${signed ? 1 : 0};\n`;
  let text = `name: ${kind.name}\nID: ${id}\nformat:\n`;
  text += line('unsigned short common_type', 0, 2, false);
  text += line('unsigned char common_flags', 2, 1, false);
  text += line('unsigned char common_preempt_count', 3, 1, false);
  text += line('int common_pid', 4, 4, true);
  text += '\n';
  for (const field of fields) text += line(declaration(field), field.offset, field.size, field.signed);
  return `${text}\nprint fmt: ${printFormat(kind.def, fields)}\n`;
}

/** `char[16]` and `comm` make `char comm[16]`; `__data_loc char[]` keeps its brackets, as in the kernel. */
function declaration(field: FieldLayout): string {
  const array = field.place === 'fixed' ? /^(.*?)\s*(\[\d+\])$/.exec(field.ctype) : null;
  return array ? `${array[1]} ${field.name}${array[2]}` : `${field.ctype} ${field.name}`;
}
