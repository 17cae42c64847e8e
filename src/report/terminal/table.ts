/**
 * Tables that fit: cells are cut, then the columns of least worth are left out, until a row fits the width.
 */
import { clean, pad, truncate, widthOf, type Paint } from './text.js';

export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** The column may be cut down to this many columns; numbers are never cut. */
  readonly least?: number;
  /** Left out of narrow terminals, highest first; 0 or nothing: never. */
  readonly dispensable?: number;
}

/** Header and one line per row, each at most `width` columns. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: { width: number; paint: Paint; indent?: number },
): string[] {
  const indent = ' '.repeat(options.indent ?? 2);
  const room = options.width - indent.length;
  const cells = columns.map((column) => rows.map((row) => clean(column.cell(row))));
  const natural = columns.map((column, i) => Math.max(widthOf(column.head), ...cells[i].map(widthOf)));
  const { kept, widths } = fit(columns, natural, room);
  const line = (texts: readonly string[]): string =>
    kept
      .map((i, position) => pad(truncate(texts[i], widths[position]), widths[position], alignOf(columns[i])))
      .join('  ')
      .trimEnd();
  const head = indent + options.paint(truncate(line(columns.map((column) => column.head)), room), 'dim');
  const body = rows.map((_, r) => indent + truncate(line(columns.map((__, i) => cells[i][r])), room));
  return [head, ...body];
}

function alignOf<Row>(column: Column<Row>): 'left' | 'right' {
  return column.align ?? (column.least === undefined ? 'right' : 'left');
}

function fit<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  room: number,
): { kept: number[]; widths: number[] } {
  const kept = columns.map((_, i) => i);
  for (;;) {
    const widths = kept.map((i) => natural[i]);
    let excess = widths.reduce((sum, each) => sum + each, 0) + 2 * (kept.length - 1) - room;
    // Names stand to the left: what stands to the right of the numbers is cut first.
    for (let position = kept.length - 1; position >= 0 && excess > 0; position--) {
      const { least } = columns[kept[position]];
      if (least === undefined) continue;
      const cut = Math.min(excess, Math.max(0, widths[position] - least));
      widths[position] -= cut;
      excess -= cut;
    }
    if (excess <= 0) return { kept, widths };
    const worst = mostDispensable(columns, kept);
    if (worst === undefined) return { kept, widths };
    kept.splice(worst, 1);
  }
}

/** Position in `kept` of the column to leave out next. */
function mostDispensable<Row>(columns: readonly Column<Row>[], kept: readonly number[]): number | undefined {
  let worst: number | undefined;
  kept.forEach((i, position) => {
    const worth = columns[i].dispensable ?? 0;
    if (worth > 0 && (worst === undefined || worth > (columns[kept[worst]].dispensable ?? 0)))
      worst = position;
  });
  return worst;
}
