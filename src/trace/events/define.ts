/**
 * How the files of this folder write down an event: short forms that expand to EventDef and FieldDef.
 */
import type { EarlierForm, EventDef, FieldDef, FieldType, FieldUnit, ImpliedValue } from './types.js';

const typeOfCtype: ReadonlyMap<string, FieldType> = new Map<string, FieldType>([
  ['bool', 'bool'],
  ['signed char', 's8'],
  ['__s8', 's8'],
  ['unsigned char', 'u8'],
  ['u8', 'u8'],
  ['__u8', 'u8'],
  ['__u16', 'u16'],
  ['int', 's32'],
  ['pid_t', 's32'],
  ['u32', 'u32'],
  ['__u32', 'u32'],
  ['unsigned', 'u32'],
  ['unsigned int', 'u32'],
  ['gfp_t', 'u32'],
  ['long', 's64'],
  ['s64', 's64'],
  ['u64', 'u64'],
  ['__u64', 'u64'],
  ['gfn_t', 'u64'],
  ['gpa_t', 'u64'],
  ['unsigned long', 'u64'],
  ['__data_loc char[]', 'string'],
  ['char[16]', 'string'],
  ['__u8[15]', 'bytes'],
  ['__data_loc cpumask_t', 'cpumask'],
]);

/** The stored type of a C declaration on x86-64. */
function typeOf(ctype: string): FieldType {
  if (ctype.endsWith('*')) return 'u64';
  if (ctype.startsWith('enum ')) return 'u32';
  const type = typeOfCtype.get(ctype);
  if (type === undefined) throw new Error(`event table: no stored type for the C type '${ctype}'`);
  return type;
}

interface FieldOptions {
  readonly since?: string;
  readonly until?: string;
  /** Older C types, oldest first: `[ctype, last kernel]`. */
  readonly earlier?: readonly (readonly [ctype: string, until: string])[];
  /**
   * `signed`: unsigned, but printed with `%d`. `decimal`: libtraceevent cannot parse the format, so no hex
   * in `-R`.
   */
  readonly shown?: 'signed' | 'decimal';
}

interface FieldSpec extends FieldOptions {
  readonly name: string;
  readonly ctype: string;
  readonly unit: FieldUnit | undefined;
}

/** A field: name, C type as the format file has it, unit. */
export function field(name: string, ctype: string, unit?: FieldUnit, options: FieldOptions = {}): FieldSpec {
  return { name, ctype, unit, ...options };
}

/** A shape, alone or with what it implies about fields that it does not print. */
type ShapeSpec = string | readonly [shape: string, implied: Readonly<Record<string, number>>] | MaskedShape;

/** A shape that is written only where bits of printed fields agree too. */
interface MaskedShape {
  readonly shape: string;
  readonly implied: readonly ImpliedValue[];
}

interface EventSpec {
  readonly since?: string;
  readonly until?: string;
  readonly fields: readonly FieldSpec[];
  /** The kernel's own texts, newest first. */
  readonly print: readonly ShapeSpec[];
  /** Texts of trace-cmd's plugins. */
  readonly plugin?: readonly ShapeSpec[];
  readonly earlierOrder?: EventDef['earlierOrder'];
  readonly meaning: string;
}

const textOf = (spec: ShapeSpec): string =>
  typeof spec === 'string' ? spec : 'shape' in spec ? spec.shape : spec[0];

function impliedOf(spec: ShapeSpec): readonly ImpliedValue[] {
  if (typeof spec === 'string') return [];
  if ('shape' in spec) return spec.implied;
  return Object.entries(spec[1]).map(([name, value]) => ({ field: name, value }));
}

/** Whether a kernel shape prints the field as hex digits without `0x`: the rule of FieldDef.raw. */
function printsBareHex(shape: string, name: string): boolean {
  return new RegExp(`(?<!0x)\\{${name}:(?:0\\d+)?x\\}`).test(shape);
}

function expandField(spec: FieldSpec, kernelShapes: readonly string[]): FieldDef {
  const { name, ctype, unit, since, until, earlier, shown } = spec;
  const hex = shown === undefined && kernelShapes.some((shape) => printsBareHex(shape, name));
  const raw = shown === 'signed' ? 'signed' : hex ? 'hex' : undefined;
  const forms = earlier?.map(([old, last]): EarlierForm => ({ type: typeOf(old), ctype: old, until: last }));
  return {
    name,
    type: typeOf(ctype),
    ctype,
    ...(unit && { unit }),
    ...(since && { since }),
    ...(until && { until }),
    ...(forms && { earlier: forms }),
    ...(raw && { raw }),
  };
}

/** One event of a system; `since` is v5.10 (the oldest kernel looked at) unless said. */
function event(system: string, name: string, spec: EventSpec): EventDef {
  const shapes = [...spec.print, ...(spec.plugin ?? [])];
  const implied: Record<number, readonly ImpliedValue[]> = {};
  for (const [index, shape] of shapes.entries()) {
    const values = impliedOf(shape);
    if (values.length > 0) implied[index] = values;
  }
  const kernelShapes = spec.print.map(textOf);
  return {
    system,
    name,
    fields: spec.fields.map((one) => expandField(one, kernelShapes)),
    print: shapes.map(textOf),
    ...(Object.keys(implied).length > 0 && { implied }),
    ...(spec.earlierOrder && { earlierOrder: spec.earlierOrder }),
    since: spec.since ?? 'v5.10',
    ...(spec.until && { until: spec.until }),
    meaning: spec.meaning,
  };
}

/** `event` with the system filled in. */
export const eventOf =
  (system: string) =>
  (name: string, spec: EventSpec): EventDef =>
    event(system, name, spec);
