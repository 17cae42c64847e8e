/**
 * Columns of an event that the event table does not know, as its lines show them.
 *
 * A name whose first value is `0x..` becomes a u64 column, one with a decimal value an s64 column (u64 above 2^63), any
 * other a string column. A later value that does not fit goes to a second column, `NAME.text`, so nothing is lost.
 */
import type { NumberReader } from '../../events/print-shape-numbers.js';
import { widthCode } from '../../events/print-shape.js';
import type { FieldDef, FieldType } from '../../events/types.js';
import type { ColumnBuilder } from '../../store/column.js';
import type { KindBuilder } from '../../store/kind.js';

/** Columns that one unknown event may have: bounds what a damaged file can ask for. */
const MOST_COLUMNS = 64;
const TEXT_SUFFIX = '.text';

const ctypes: Partial<Record<FieldType, string>> = { u64: 'u64', s64: 's64', string: 'char[]' };

export class LearntColumns {
  readonly #indexes = new Map<string, number>();

  constructor(private readonly kind: KindBuilder) {}

  /** Code of the number type of column `name`; 0 when it holds text; 64 when there is no such column yet. */
  widthOf(name: string): number {
    const index = this.#indexes.get(name);
    return index === undefined ? 64 : widthCode(this.kind.columns[index].field.type);
  }

  /** The column for numbers called `name`, made for the number just read if there is none. */
  number(name: string, hex: boolean, value: NumberReader): ColumnBuilder | undefined {
    const index = this.#indexes.get(name);
    if (index !== undefined) return this.kind.columns[index];
    const unsigned = hex || (value.high < 0 && !value.negative);
    const made = this.#add(name, unsigned ? 'u64' : 's64');
    return made < 0 ? undefined : this.kind.columns[made];
  }

  indexOf(column: ColumnBuilder): number {
    return this.#indexes.get(column.field.name) ?? -1;
  }

  /** Put an interned text into the text column for `name`. Returns its index, -1 when there are too many. */
  text(name: string, id: number, row: number): number {
    let index = this.#indexes.get(name);
    if (index === undefined) index = this.#add(name, 'string');
    else if (this.kind.columns[index].field.type !== 'string') {
      const textName = name + TEXT_SUFFIX;
      index = this.#indexes.get(textName) ?? this.#add(textName, 'string');
    }
    if (index >= 0) this.kind.columns[index].low[row] = id;
    return index;
  }

  #add(name: string, type: FieldType): number {
    if (this.kind.columns.length >= MOST_COLUMNS) return -1;
    const field: FieldDef = { name, type, ctype: ctypes[type] ?? type };
    // Earlier rows lack it; the current row is the first that has it.
    this.kind.addColumn(field).setPresent(this.kind.rows - 1);
    this.#indexes.set(name, this.kind.columns.length - 1);
    return this.kind.columns.length - 1;
  }
}

/** The name under which a learnt column is written. */
export function writtenName(column: string): string {
  return column.endsWith(TEXT_SUFFIX) ? column.slice(0, -TEXT_SUFFIX.length) : column;
}
