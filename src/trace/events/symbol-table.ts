/**
 * Tables that turn a number into the text a kernel prints for it, and back: what `sym=` and `flags=` name in
 * a shape.
 */

/** One way in which the kernel writes a number as text. */
export interface SymbolTable {
  /** Name in a print shape: `sym=NAME` or `flags=NAME`. */
  readonly name: string;
  /**
   * `symbols`: one name per number; `flags`: names of bits; `computed`: the text is made from parts of the
   * number.
   */
  readonly kind: 'symbols' | 'flags' | 'computed';
  /**
   * Numbers and their names. The first name of a number is written; all are read (older spellings follow).
   * Where kernels number one name differently, the newest kernel's number is first and is what the name reads
   * as. Empty for `computed`.
   */
  readonly entries: readonly SymbolEntry[];
  /** Text of a number; what has no name comes as `0x` and hex digits. */
  format(value: number): string;
  /**
   * Number of a text; `0x` hex and decimal digits are numbers too. `undefined`: the text is none of this
   * table.
   */
  parse(text: string): number | undefined;
}

export type SymbolEntry = readonly [value: number, name: string];

/** A number written as text: `0x1f`, `31`, `-1`; `undefined` for anything else. */
function parseNumber(text: string): number | undefined {
  return /^(?:0x[0-9a-f]+|-?[0-9]+)$/i.test(text) ? Number(text) : undefined;
}

const hex = (value: number): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

function indexByName(entries: readonly SymbolEntry[]): ReadonlyMap<string, number> {
  const byName = new Map<string, number>();
  for (const [value, name] of entries) if (!byName.has(name)) byName.set(name, value);
  return byName;
}

/**
 * A table of one name per number, like the kernel's `__print_symbolic`.
 *
 * With `namesOnly` a number is no text of it: for tables whose names tell something more, such as the CPU's
 * maker.
 */
export function symbolTable(
  name: string,
  entries: readonly SymbolEntry[],
  options: { readonly namesOnly?: boolean } = {},
): SymbolTable {
  const byName = indexByName(entries);
  const byValue = new Map<number, string>();
  for (const [value, text] of entries) if (!byValue.has(value)) byValue.set(value, text);
  return {
    name,
    kind: 'symbols',
    entries,
    format: (value) => byValue.get(value) ?? hex(value),
    parse: (text) => byName.get(text.trim()) ?? (options.namesOnly ? undefined : parseNumber(text.trim())),
  };
}

/** Bits of `value` that `mask` has, and without them; exact up to 2^53, where `&` stops at 2^32. */
function takeBits(value: number, mask: number): number | undefined {
  const low = 2 ** 32;
  const hasLow = ((value % low) & (mask % low)) >>> 0 === mask % low;
  const hasHigh = (Math.floor(value / low) & Math.floor(mask / low)) >>> 0 === Math.floor(mask / low);
  return hasLow && hasHigh ? value - mask : undefined;
}

/**
 * A table of bits, like the kernel's `__print_flags` with `|` between names.
 *
 * The first entry whose bits are all set wins, so combinations stand before their parts. An entry with the
 * value 0 is the text of no bits at all (`R` of sched_switch); without one that text is empty.
 *
 * With `neverEmpty` an empty text is none of it: for shapes that print the number too, where a missing text
 * must not pass for zero.
 */
export function flagTable(
  name: string,
  entries: readonly SymbolEntry[],
  options: { readonly neverEmpty?: boolean } = {},
): SymbolTable {
  const byName = indexByName(entries);
  const zero = entries.find(([value]) => value === 0)?.[1] ?? '';
  const masks = entries.filter(([value]) => value !== 0);
  const format = (value: number): string => {
    if (value === 0) return zero;
    const names: string[] = [];
    let rest = value;
    for (const [mask, text] of masks) {
      const left = takeBits(rest, mask);
      if (left === undefined) continue;
      names.push(text);
      rest = left;
      if (rest === 0) break;
    }
    if (rest !== 0) names.push(hex(rest));
    return names.join('|');
  };
  const parse = (text: string): number | undefined => {
    if (text === '') return options.neverEmpty ? undefined : 0;
    let value = 0;
    for (const part of text.split('|')) {
      const bits = byName.get(part) ?? parseNumber(part);
      if (bits === undefined) return undefined;
      if (takeBits(value, bits) === undefined || bits === 0) value += bits;
    }
    return value;
  };
  return { name, kind: 'flags', entries, format, parse };
}

/** A text made from parts of the number, or a number that the text shows changed (negated, a bit of it). */
export function computedTable(
  name: string,
  format: (value: number) => string,
  parse: (text: string) => number | undefined,
): SymbolTable {
  return { name, kind: 'computed', entries: [], format, parse };
}

/** Entries written as text: `NUMBER NAME`, separated by `|` or line ends; names may hold single spaces. */
export function entriesOf(text: string): readonly SymbolEntry[] {
  const parts = text.split(/[|\n]/).map((part) => part.trim());
  return parts
    .filter((part) => part !== '')
    .map((part) => {
      const space = part.indexOf(' ');
      return [Number(part.slice(0, space)), part.slice(space + 1)];
    });
}
