/**
 * The `print fmt` of a format text: how trace-cmd and KernelShark print an event that Faultline wrote.
 *
 * It is made from the event's print shape, so that the text is the kernel's own; an event without a shape, or
 * whose shapes all print fields that this trace lacks, becomes a list of name=value.
 */
import { compileShape, type Segment } from '../events/print-shape.js';
import { findSymbols } from '../events/symbols.js';
import type { SymbolTable } from '../events/symbol-table.js';
import type { EventDef, FieldDef } from '../events/types.js';
import type { FieldLayout } from './dat-layout.js';

/** Units whose values people read in hexadecimal. */
const HEX_UNITS = new Set<FieldDef['unit']>([
  'gfn',
  'pfn',
  'hva',
  'gpa',
  'gva',
  'kernel-address',
  'lock-address',
  'spte',
  'error-code',
]);

/** A conversion of printf with the argument that it takes. */
type Printed = readonly [conversion: string, argument: string];

/** The text after `print fmt: `. */
export function printFormat(def: EventDef, fields: readonly FieldLayout[]): string {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const shape = def.print.find((text) => shapeFields(text).every((name) => byName.has(name)));
  if (shape === undefined) return printf(fields.map((field, at) => [at > 0 ? ' ' : '', field] as const));
  const { segments } = compileShape(shape, def, findSymbols);
  let text = '';
  const args: string[] = [];
  for (const segment of segments) {
    if ('literal' in segment) text += escaped(segment.literal);
    else {
      const field = byName.get(segment.name);
      if (!field) continue;
      const [conversion, argument] = shown(segment, field);
      text += conversion;
      args.push(argument);
    }
  }
  return [`"${text}"`, ...args].join(', ');
}

/** Names of the fields that a shape prints. */
function shapeFields(shape: string): string[] {
  return [...shape.replaceAll('{{', '').matchAll(/\{(\w+)[:}]/g)].map((match) => match[1]);
}

/** `"gfn=0x%llx level=%d", REC->gfn, REC->level`: for events without a shape. */
function printf(parts: readonly (readonly [before: string, field: FieldLayout])[]): string {
  if (parts.length === 0) return '"%s", ""';
  const text = parts.map(([before, field]) => `${before}${field.name}=${plain(field)[0]}`).join('');
  return [`"${text}"`, ...parts.map(([, field]) => plain(field)[1])].join(', ');
}

function shown(segment: Exclude<Segment, { literal: string }>, field: FieldLayout): Printed {
  const value = `REC->${field.name}`;
  const wide = field.size === 8 ? 'll' : '';
  switch (segment.conversion) {
    case 'hex':
      return [`%${segment.width > 0 ? `0${segment.width}` : ''}${wide}x`, value];
    case 'pointer':
      return ['%p', value];
    case 'symbol':
      return segment.symbols ? symbolic(segment.symbols, value, wide) : [`%${wide}d`, value];
    case 'decimal':
      return [`%${wide}${field.signed ? 'd' : 'u'}`, value];
    case 'string':
    case 'hexbytes':
    case 'mask':
    case 'skip':
      return plain(field);
  }
}

function symbolic(table: SymbolTable, value: string, wide: string): Printed {
  const seen = new Set<number>();
  const entries: string[] = [];
  for (const [number, name] of table.entries) {
    if (seen.has(number)) continue;
    seen.add(number);
    entries.push(`{ ${number}, "${quoted(name)}" }`);
  }
  if (entries.length === 0) return [`0x%${wide}x`, value];
  if (table.kind === 'flags') return ['%s', `__print_flags(${value}, "|", ${entries.join(', ')})`];
  return ['%s', `__print_symbolic(${value}, ${entries.join(', ')})`];
}

function plain(field: FieldLayout): Printed {
  const { name, type, place, size } = field;
  if (type === 'cpumask') return ['%s', `__get_bitmask(${name})`];
  if (type === 'bytes') {
    const [array, length] =
      place === 'fixed'
        ? [`REC->${name}`, size]
        : [`__get_dynamic_array(${name})`, `__get_dynamic_array_len(${name})`];
    return ['%s', `__print_hex(${array}, ${length})`];
  }
  if (type === 'string') return ['%s', place === 'dynamic' ? `__get_str(${name})` : `REC->${name}`];
  const wide = size === 8 ? 'll' : '';
  if (field.signed) return [`%${wide}d`, `REC->${name}`];
  return [HEX_UNITS.has(field.column.field.unit) ? `0x%${wide}x` : `%${wide}u`, `REC->${name}`];
}

const quoted = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');

const escaped = (literal: string): string => quoted(literal).replaceAll('%', '%%');
