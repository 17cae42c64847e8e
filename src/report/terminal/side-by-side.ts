/** Things side by side in a terminal: one column each, figures line by line. */
import { isWorst, type ComparisonLine } from '../comparison-lines.js';
import type { Sheet } from './sheet.js';
import { clean, pad, widthOf, wrap } from './text.js';

const GAP = 2;
const LEAST_COLUMN = 13;
const MOST_COLUMN = 30;

/**
 * The table in one or more blocks, each as wide as the sheet allows; the worst of each line is marked with
 * `!`.
 */
export function sideBySide<Row extends { readonly name: string }>(
  rows: readonly Row[],
  lines: readonly ComparisonLine<Row>[],
  sheet: Sheet,
): string[] {
  const label = Math.max(...lines.map((line) => widthOf(line.label)));
  const room = sheet.width - label;
  const perBlock = Math.max(1, Math.min(rows.length, Math.floor(room / (LEAST_COLUMN + GAP))));
  const width = Math.min(MOST_COLUMN, Math.floor(room / perBlock) - GAP);
  const blocks: string[] = [];
  for (let first = 0; first < rows.length; first += perBlock) {
    const shown = rows.slice(first, first + perBlock);
    const heads = shown.map((row) => ({ text: breakable(row.name), worst: false }));
    const body = lines.flatMap((line) => {
      const cells = shown.map((row) => ({
        text: breakable(line.cell(row)),
        worst: isWorst(line, row, rows),
      }));
      return textLines(line.label, cells, { label, width }, sheet);
    });
    const head = textLines('', heads, { label, width }, sheet).map((line) => sheet.paint(line, 'bold'));
    blocks.push([...head, ...body].join('\n'));
  }
  return blocks;
}

/** Names of files and kernels have no spaces: let them break after a dash. */
function breakable(name: string): string {
  return clean(name).replace(/-(?=.)/g, '- ');
}

/** One line of the table, as many terminal lines as its longest cell needs. */
function textLines(
  label: string,
  cells: readonly { text: string; worst: boolean }[],
  widths: { readonly label: number; readonly width: number },
  { paint }: Sheet,
): string[] {
  const { width } = widths;
  const wrapped = cells.map(({ text, worst }) => joinDashes(wrap(`${text}${worst ? '!' : ''}`, width)));
  const height = Math.max(1, ...wrapped.map((each) => each.length));
  return Array.from({ length: height }, (_, i) => {
    const texts = wrapped.map((each, c) => {
      const text = pad(each[i] ?? '', width, 'right');
      return ' '.repeat(GAP) + (cells[c].worst ? paint(text, 'bold', 'red') : text);
    });
    return (paint(pad(i === 0 ? label : '', widths.label), 'dim') + texts.join('')).trimEnd();
  });
}

/** Takes back the spaces of `breakable` within a line. */
function joinDashes(texts: readonly string[]): string[] {
  return texts.map((text) => text.replace(/- /g, '-'));
}
