/**
 * Columns of an event that the event table does not know, as its lines show them.
 *
 * A name whose first value is `0x..` becomes a u64 column, one with a decimal value an s64 column (u64
 * above 2^63), any other a string column. A later value that does not fit goes to a second column,
 * `NAME.text`, so nothing is lost.
 */
import type { NumberReader } from '../../events/print-shape-numbers.js';
import type { FieldDef, FieldType } from '../../events/types.js';
import type { ColumnBuilder } from '../../store/column.js';
import type { KindBuilder } from '../../store/kind.js';
import { latin1 } from '../../store/strings.js';

/** Names that one unknown event may have: bounds what a damaged file can ask for. */
const MOST_COLUMNS = 64;
const TEXT_SUFFIX = '.text';

const ctypes: Partial<Record<FieldType, string>> = { u64: 'u64', s64: 's64', string: 'char[]' };

export class LearntColumns {
  /** Names in order of appearance; everything below counts by their positions here. */
  readonly names: Uint8Array[] = [];
  /** Per name: `widthCode` of its number column; 0 when it began with text or has no column yet. */
  readonly widths: number[] = [];
  /**
   * Per name: index of the column of the kind that its values go to, and of the one for texts that do not
   * fit.
   */
  readonly #main: number[] = [];
  readonly #text: number[] = [];
  readonly #positions = new Map<string, number>();

  constructor(private readonly kind: KindBuilder) {}

  /** Position of `name`, which is added when it is new. */
  named(name: string): number {
    let position = this.#positions.get(name);
    if (position === undefined) {
      if (this.names.length >= MOST_COLUMNS) return -1;
      position = this.names.push(Uint8Array.from(name, (char) => char.charCodeAt(0))) - 1;
      this.#positions.set(name, position);
      this.widths.push(0);
      this.#main.push(-1);
      this.#text.push(-1);
    }
    return position;
  }

  /** Index of the column that values of a name go to; -1 when there is none. */
  mainOf(name: number): number {
    return name < 0 ? -1 : this.#main[name];
  }

  /** The column for numbers of a name, made for the number just read if the name is new. */
  number(name: number, hex: boolean, value: NumberReader): ColumnBuilder | undefined {
    if (name < 0) return undefined;
    if (this.#main[name] < 0) {
      const unsigned = hex || (value.high < 0 && !value.negative);
      this.#main[name] = this.#add(name, '', unsigned ? 'u64' : 's64');
      this.widths[name] = unsigned ? 64 : -64;
    }
    return this.widths[name] === 0 ? undefined : this.kind.columns[this.#main[name]];
  }

  /** Put an interned text into the text column of a name. Returns its index, -1 when there are too many. */
  text(name: number, id: number, row: number): number {
    if (name < 0) return -1;
    if (this.#main[name] < 0) this.#main[name] = this.#text[name] = this.#add(name, '', 'string');
    else if (this.#text[name] < 0) this.#text[name] = this.#add(name, TEXT_SUFFIX, 'string');
    const index = this.#text[name];
    if (index >= 0) this.kind.columns[index].low[row] = id;
    return index;
  }

  #add(name: number, suffix: string, type: FieldType): number {
    if (this.kind.columns.length >= 2 * MOST_COLUMNS) return -1;
    const bytes = this.names[name];
    const field: FieldDef = {
      name: latin1(bytes, 0, bytes.length) + suffix,
      type,
      ctype: ctypes[type] ?? type,
    };
    // Earlier rows lack it; the current row is the first that has it.
    this.kind.addColumn(field).setPresent(this.kind.row);
    return this.kind.columns.length - 1;
  }
}

/** The name under which a learnt column is written. */
export function writtenName(column: string): string {
  return column.endsWith(TEXT_SUFFIX) ? column.slice(0, -TEXT_SUFFIX.length) : column;
}
