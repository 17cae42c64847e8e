/**
 * One kind of event of one trace: its definition, and a table with a row per event and a column per field.
 */
import type { EventDef, FieldDef } from '../events/types.js';
import { Column, ColumnBuilder } from './column.js';
import { BLOCK, grownCapacity } from './pack.js';
import type { Strings } from './strings.js';

/** A kind being filled; made by TraceBuilder.kind. */
export class KindBuilder {
  readonly columns: ColumnBuilder[];
  /** Rows begun so far. */
  rows = 0;
  /** Where the current row lies in the columns of this builder. */
  row = -1;
  /** Called before a full block is put away: whoever still has values for its rows must write them now. */
  onBlockEnd: (() => void) | undefined;
  #capacity = 0;

  /**
   * @param id number of the kind in its trace
   * @param known whether the event table defines it
   * @param wanted false when the filter leaves out every event of this kind
   */
  constructor(
    readonly id: number,
    readonly def: EventDef,
    readonly known: boolean,
    readonly wanted: boolean,
  ) {
    this.columns = def.fields.map((field) => new ColumnBuilder(field));
  }

  /** The column of field `name`, or undefined. */
  column(name: string): ColumnBuilder | undefined {
    return this.columns.find((column) => column.field.name === name);
  }

  /**
   * Add a field that earlier rows lack, the current one too; for events whose fields are learnt line by line.
   */
  addColumn(field: FieldDef): ColumnBuilder {
    const column = new ColumnBuilder(field, this.rows);
    column.reserve(this.#capacity);
    this.columns.push(column);
    return column;
  }

  /** Begin a row and return `row`: every column has room for it and holds 0 there. */
  addRow(): number {
    if (++this.row === this.#capacity) this.#makeRoom();
    this.rows++;
    return this.row;
  }

  /** No more rows will come: put the last block away. */
  flush(): void {
    for (const column of this.columns) column.flush(this.row + 1);
    this.row = -1;
  }

  #makeRoom(): void {
    if (this.#capacity === BLOCK) {
      this.onBlockEnd?.();
      for (const column of this.columns) column.flush(BLOCK);
      this.row = 0;
      return;
    }
    this.#capacity = Math.min(BLOCK, grownCapacity(this.#capacity, 16));
    for (const column of this.columns) column.reserve(this.#capacity);
  }
}

/** A finished kind: row r of every column belongs to event `events[r]`; rows ascend in time. */
export class KindTable {
  readonly system: string;
  readonly name: string;
  readonly #byName = new Map<string, Column>();
  #events: Uint32Array | undefined;

  constructor(
    readonly def: EventDef,
    readonly known: boolean,
    readonly columns: readonly Column[],
    /** Events of the kind. */
    readonly length: number,
    private readonly eventsOf: () => Uint32Array,
  ) {
    this.system = def.system;
    this.name = def.name;
    for (const column of columns) this.#byName.set(column.field.name, column);
  }

  /** Event index of each row, ascending. */
  get events(): Uint32Array {
    return (this.#events ??= this.eventsOf());
  }

  /** The column of field `name`; undefined when this trace's version of the event lacks it. */
  column(name: string): Column | undefined {
    return this.#byName.get(name);
  }

  /** Bytes of its columns. */
  get bytes(): number {
    return this.columns.reduce((sum, column) => sum + column.bytes, 0);
  }
}

/** Finish a builder; `order` gives the source row of each final row when the trace had to be sorted. */
export function finishKind(
  builder: KindBuilder,
  events: () => Uint32Array,
  strings: Strings,
  order?: Uint32Array,
): KindTable {
  const fields = builder.columns.map((column) => column.field);
  const def = fields.length === builder.def.fields.length ? builder.def : { ...builder.def, fields };
  builder.flush();
  const columns = builder.columns.map((column) => column.finish(builder.rows, strings, order));
  return new KindTable(def, builder.known, columns, builder.rows, events);
}
