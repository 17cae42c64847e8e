/**
 * Small helpers over the columns of a Trace, so that the passes below run on typed arrays alone.
 */
import type { Column } from '../trace/store/column.js';
import type { KindTable } from '../trace/store/kind.js';
import type { IntArray } from '../trace/store/pack.js';
import type { Trace } from '../trace/store/trace.js';

/** "No row", "no event" in Uint32Array columns. */
export const NONE = 0xffffffff;

/** A column to index by row, whatever its width. */
export type NumberColumn = IntArray | Float64Array;

/**
 * What each kind of event means to one pass: a small number per kind, 0 for kinds that the pass ignores.
 *
 * Passes read columns of the table that `trace.named` gives, so only that one gets a role: a probe of the
 * user's that bears the name of a tracepoint is another kind, with other rows.
 *
 * @param names role by event name or `system:name`
 */
export function rolesOf(trace: Trace, names: Readonly<Record<string, number>>): Uint8Array {
  const roles = new Uint8Array(trace.kinds.length);
  for (const [name, role] of Object.entries(names)) {
    const table = trace.named(name);
    if (table) roles[trace.kinds.indexOf(table)] = role;
  }
  return roles;
}

/**
 * The values of a field as numbers; beyond 2^53 they are rounded. Undefined when the event lacks the field.
 */
export function numbersOf(column: Column | undefined): NumberColumn | undefined {
  if (!column) return undefined;
  const type = column.field.type;
  if (type !== 's64' && column.high === 0) return column.values;
  const values = new Float64Array(column.values.length);
  for (let row = 0; row < values.length; row++) values[row] = column.number(row);
  return values;
}

/** The 4 KiB page number (address / 4096) of every value, exact for all 64-bit addresses. */
export function pagesOf(column: Column): Float64Array {
  const { values, high } = column;
  const pages = new Float64Array(values.length);
  for (let row = 0; row < pages.length; row++) {
    const top = typeof high === 'number' ? high : high[row];
    pages[row] = top * 0x100000 + (values[row] >>> 12);
  }
  return pages;
}

/** Low 32 bits of every value. */
export function lowBitsOf(column: Column | undefined): IntArray | undefined {
  return column?.values;
}

/** Every table whose event name matches. */
export function kindsMatching(trace: Trace, pattern: RegExp): KindTable[] {
  return trace.kinds.filter((kind) => kind.length > 0 && pattern.test(kind.name));
}

/**
 * Rows grouped by thread: `rows[offsets[t]] ... rows[offsets[t + 1] - 1]` are those of thread t, ascending.
 */
export interface Groups {
  readonly offsets: Uint32Array;
  readonly rows: Uint32Array;
}

export function groupBy(keys: Uint32Array, count: number, groups: number): Groups {
  const offsets = new Uint32Array(groups + 1);
  for (let row = 0; row < count; row++) offsets[keys[row] + 1]++;
  for (let group = 0; group < groups; group++) offsets[group + 1] += offsets[group];
  const next = offsets.slice();
  const rows = new Uint32Array(count);
  for (let row = 0; row < count; row++) rows[next[keys[row]]++] = row;
  return { offsets, rows };
}

/** Indexes of the `most` largest values above 0, largest first; equal values by index. */
export function largest(values: ArrayLike<number>, count: number, most: number): number[] {
  let chosen: number[] = [];
  let floor = 0;
  const order = (a: number, b: number) => values[b] - values[a] || a - b;
  for (let index = 0; index < count; index++) {
    if (!(values[index] > floor)) continue;
    chosen.push(index);
    if (chosen.length >= 4 * most + 64) {
      chosen = chosen.sort(order).slice(0, most);
      floor = values[chosen[chosen.length - 1]];
    }
  }
  return chosen.sort(order).slice(0, most);
}
