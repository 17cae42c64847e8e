/**
 * The `print fmt` of a format text: how trace-cmd and KernelShark print an event that Faultline wrote.
 *
 * It is made from the event's print shapes, so that the text is the kernel's own. Shapes that differ only in
 * literals or symbol tables, by a value that they imply, become one format with conditional arguments. An
 * event without a shape that always holds becomes a list of name=value.
 */
import { compileShape, type Segment } from '../events/print-shape.js';
import type { SymbolTable } from '../events/symbol-table.js';
import { findSymbols } from '../events/symbols.js';
import type { EventDef, FieldDef, ImpliedValue } from '../events/types.js';
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

/** A shape that the fields of this trace allow. */
interface Variant {
  readonly segments: readonly Segment[];
  /** When it holds, in C; undefined where it always does. */
  readonly condition: string | undefined;
}

/** The text after `print fmt: `. */
export function printFormat(def: EventDef, fields: readonly FieldLayout[]): string {
  const byName = new Map(fields.map((field) => [field.name, field]));
  const variants = possibleVariants(def, byName);
  for (let at = 0; at < variants.length; at++) {
    const group = variantsLike(variants, at);
    const complete = group.length > 1 || group[0].condition === undefined;
    if (complete) return formatOf(group, byName);
  }
  return listOf(fields);
}

function possibleVariants(def: EventDef, byName: ReadonlyMap<string, FieldLayout>): Variant[] {
  return def.print.flatMap((shape, at) => {
    const implied = def.implied?.[at];
    const needed = [...shapeFields(shape), ...(implied ?? []).map(({ field }) => field)];
    if (!needed.every((name) => byName.has(name))) return [];
    const { segments } = compileShape(shape, def, findSymbols);
    return [{ segments, condition: implied && conditionOf(implied) }];
  });
}

/** Names of the fields that a shape prints. */
function shapeFields(shape: string): string[] {
  return [...shape.replaceAll('{{', '').matchAll(/\{(\w+)[:}]/g)].map((match) => match[1]);
}

function conditionOf(implied: readonly ImpliedValue[]): string {
  const terms = implied.map(({ field, value, mask }) =>
    mask === undefined ? `REC->${field} == ${value}` : `(REC->${field} & ${mask}) == ${value}`,
  );
  return terms.length === 1 ? terms[0] : terms.map((term) => `(${term})`).join(' && ');
}

/** The variant at `at` and those after it that print the same fields, up to the first that always holds. */
function variantsLike(variants: readonly Variant[], at: number): Variant[] {
  const group: Variant[] = [];
  for (const variant of variants.slice(at)) {
    if (!sameSkeleton(variants[at].segments, variant.segments)) continue;
    group.push(variant);
    if (variant.condition === undefined) break;
  }
  return group;
}

/** Whether two shapes print the same fields in the same places; a literal at the end may be missing. */
function sameSkeleton(a: readonly Segment[], b: readonly Segment[]): boolean {
  const place = (segments: readonly Segment[], at: number): string => {
    const segment = segments.at(at);
    return segment && 'field' in segment ? `${segment.name} ${segment.conversion} ${segment.width}` : '';
  };
  const most = Math.max(a.length, b.length);
  for (let at = 0; at < most; at++) if (place(a, at) !== place(b, at)) return false;
  return Math.abs(a.length - b.length) <= 1;
}

function formatOf(group: readonly Variant[], byName: ReadonlyMap<string, FieldLayout>): string {
  const length = Math.max(...group.map(({ segments }) => segments.length));
  let text = '';
  const args: string[] = [];
  for (let at = 0; at < length; at++) {
    const pieces = group.map(({ segments }) => segments.at(at) ?? { literal: '' });
    const [first] = pieces;
    if ('literal' in first) {
      const literals = pieces.map((piece) => ('literal' in piece ? piece.literal : ''));
      if (literals.every((literal) => literal === first.literal))
        text += quoted(first.literal).replaceAll('%', '%%');
      else {
        text += '%s';
        args.push(
          conditional(
            group,
            literals.map((literal) => `"${quoted(literal)}"`),
          ),
        );
      }
      continue;
    }
    const field = byName.get(first.name);
    if (!field) {
      // `{?}`: the kernel computes something there that no field keeps.
      text += '?';
      continue;
    }
    const prefixed = text.endsWith('0x');
    const printed = pieces.map((piece) => ('field' in piece ? shown(piece, field, prefixed) : plain(field)));
    text += printed[0][0];
    args.push(
      conditional(
        group,
        printed.map(([, argument]) => argument),
      ),
    );
  }
  return [`"${text}"`, ...args].join(', ');
}

/** The argument of the first variant that holds; the last one's where none does. */
function conditional(group: readonly Variant[], args: readonly string[]): string {
  if (args.every((argument) => argument === args[0])) return args[0];
  let text = args[args.length - 1];
  for (let at = args.length - 2; at >= 0; at--) {
    const nested = at === args.length - 2 ? text : `(${text})`;
    text = `(${group[at].condition ?? '1'}) ? ${args[at]} : ${nested}`;
  }
  return text;
}

/** `"gfn=0x%llx level=%d", REC->gfn, REC->level`: for events without a shape. */
function listOf(fields: readonly FieldLayout[]): string {
  if (fields.length === 0) return '"%s", ""';
  const text = fields.map((field) => `${field.name}=${plain(field)[0]}`).join(' ');
  return [`"${text}"`, ...fields.map((field) => plain(field)[1])].join(', ');
}

/** @param prefixed the text so far ends in `0x` */
function shown(
  segment: Exclude<Segment, { literal: string }>,
  field: FieldLayout,
  prefixed: boolean,
): Printed {
  const value = `REC->${field.name}`;
  const wide = field.size === 8 ? 'll' : '';
  switch (segment.conversion) {
    case 'hex': {
      // `trace-cmd report -R` takes over a bare %x, without a word that its digits are hexadecimal; but it
      // leaves expressions alone and prints decimal. Readers rely on which fields the kernel's own formats do
      // that to.
      const bare = prefixed || field.column.field.raw === 'hex';
      return [`%${segment.width > 0 ? `0${segment.width}` : ''}${wide}x`, bare ? value : `(${value} | 0)`];
    }
    case 'pointer':
      return ['%p', value];
    case 'symbol':
      return (segment.symbols && symbolic(segment.symbols, value)) ?? decimal(field);
    case 'decimal':
      return decimal(field);
    case 'string':
    case 'hexbytes':
    case 'mask':
    case 'skip':
      return plain(field);
  }
}

function decimal(field: FieldLayout): Printed {
  const signed = field.signed || field.column.field.raw === 'signed';
  return [`%${field.size === 8 ? 'll' : ''}${signed ? 'd' : 'u'}`, `REC->${field.name}`];
}

/** Undefined for tables that no list of names can stand for. */
function symbolic(table: SymbolTable, value: string): Printed | undefined {
  const names = new Map<number, string>();
  for (const [number, name] of table.entries) if (!names.has(number)) names.set(number, name);
  if (names.size === 0 || table.kind === 'computed') return undefined;
  const entries = [...names].map(([number, name]) => `{ ${number}, "${quoted(name)}" }`).join(', ');
  return [
    '%s',
    table.kind === 'flags'
      ? `__print_flags(${value}, "|", ${entries})`
      : `__print_symbolic(${value}, ${entries})`,
  ];
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
  if (field.signed || !HEX_UNITS.has(field.column.field.unit)) return decimal(field);
  return [`0x%${size === 8 ? 'll' : ''}x`, `REC->${name}`];
}

const quoted = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
