/**
 * Reads the arguments of one kind of event: by the shapes of the event table, and where none fits as
 * `name=value`.
 */
import { lineEnd, type ShapeReader } from '../../events/print-shape-read.js';
import type { PrintShape } from '../../events/print-shape.js';
import { shapesOf } from '../../events/print-shapes.js';
import type { Sample } from '../../store/diagnostics.js';
import type { ColumnBuilder } from '../../store/column.js';
import type { KindBuilder } from '../../store/kind.js';
import type { NamedReader } from './named.js';
import { RepeatedArguments } from './repeated.js';

/** How the arguments of a line were understood. */
export type Understood = 'shape' | 'named' | 'partly';

export class ArgumentReader {
  /** How the last line was understood. */
  understood: Understood = 'shape';
  /** Where later lines of this kind are counted, once there was a first one. */
  unparsed: Sample | undefined;
  unknown: Sample | undefined;
  readonly #shapes: PrintShape[];
  /**
   * Whether shapes may be tried in any order. Where a shape holds free text, an earlier one may be a
   * special case of it, so the order counts.
   */
  readonly #anyOrder: boolean;
  #namedFirst: boolean;
  readonly #repeated: RepeatedArguments;

  constructor(
    readonly kind: KindBuilder,
    private readonly shapeReader: ShapeReader,
    private readonly namedReader: NamedReader,
  ) {
    this.#shapes = kind.known ? [...shapesOf(kind.def)] : [];
    this.#anyOrder = this.#shapes.every((shape) => shape.segments.every((segment) => !isFreeText(segment)));
    this.#namedFirst = this.#shapes.length === 0;
    this.#repeated = new RepeatedArguments(kind.columns);
  }

  /**
   * Fill `row` from the text at `start`; returns the position of the line end.
   *
   * @param view the same bytes as words
   * @param key see RepeatedArguments
   */
  read(bytes: Uint8Array, view: DataView, start: number, row: number, key: number): number {
    if (this.#namedFirst) {
      const end = this.#readNamed(bytes, start, row);
      if (this.understood === 'named' || this.#shapes.length === 0) return end;
      this.#clear(row);
      this.#namedFirst = false;
    }
    const columns = this.kind.columns;
    const known = this.#repeated.read(view, start, key, row);
    if (known >= 0) {
      this.understood = 'shape';
      return known;
    }
    const shapes = this.#shapes;
    for (let at = 0; at < shapes.length; at++) {
      const shape = shapes[at];
      const end = this.shapeReader.read(shape, bytes, start, columns, row);
      if (end < 0) {
        this.#clear(row);
        continue;
      }
      if (at > 0 && this.#anyOrder) shapes.splice(0, 0, ...shapes.splice(at, 1));
      if (shape.missing.length > 0 || shape.implied.length > 0) complete(shape, columns, row);
      this.understood = 'shape';
      if (known === -1) this.#repeated.keep(view, start, end, shape, row);
      return end;
    }
    const end = this.#readNamed(bytes, start, row);
    this.#namedFirst = this.understood === 'named';
    return end;
  }

  /** Whether one of the shapes fits the text; changes row `row`. */
  fits(bytes: Uint8Array, start: number, row: number): boolean {
    return this.#shapes.some(
      (shape) => this.shapeReader.read(shape, bytes, start, this.kind.columns, row) >= 0,
    );
  }

  #readNamed(bytes: Uint8Array, start: number, row: number): number {
    // An event without fields has nothing to print.
    const empty = this.kind.columns.length === 0 ? lineEnd(bytes, start) : -1;
    this.understood = 'named';
    if (empty >= 0) return empty;
    const end = this.namedReader.read(this.kind, bytes, start, row);
    if (!this.namedReader.complete) this.understood = 'partly';
    return end;
  }

  /** Take back what a shape that did not fit has written. */
  #clear(row: number): void {
    for (const column of this.kind.columns) {
      column.low[row] = 0;
      if (column.wide) column.high[row] = 0;
    }
  }
}

function isFreeText(segment: PrintShape['segments'][number]): boolean {
  return 'conversion' in segment && (segment.conversion === 'string' || segment.conversion === 'skip');
}

/** Fields that the text does not show: implied by its shape, or absent. */
function complete(shape: PrintShape, columns: readonly ColumnBuilder[], row: number): void {
  for (const field of shape.missing) columns[field].setAbsent(row);
  for (const { field, value, mask } of shape.implied) {
    if (mask === undefined) columns[field].setNumber(row, value);
  }
}
