/** Several recordings side by side in a terminal: one column each, so that four fit 80 columns. */
import { COMPARISON_LINES, isWorst } from '../comparison-lines.js';
import type { ComparisonRow } from '../types.js';
import { sheetOf, type Sheet, type TerminalOptions } from './sheet.js';
import { clean, hanging, pad, widthOf, wrap } from './text.js';

const GAP = 2;
const LEAST_COLUMN = 13;
const LABEL = Math.max(...COMPARISON_LINES.map(({ label }) => widthOf(label)));

/**
 * Comparison of recordings: figures line by line, the worst of each line marked with `!`, then each verdict.
 * When they do not fit side by side, the table goes on in a second block. Ends with a line break; empty
 * without rows.
 */
export function renderComparisonTable(rows: readonly ComparisonRow[], options: TerminalOptions): string {
  if (rows.length === 0) return '';
  const sheet = sheetOf(options);
  const room = sheet.width - LABEL;
  const perBlock = Math.max(1, Math.min(rows.length, Math.floor(room / (LEAST_COLUMN + GAP))));
  const width = Math.min(30, Math.floor(room / perBlock) - GAP);
  const blocks: string[] = [];
  for (let first = 0; first < rows.length; first += perBlock) {
    blocks.push(block(rows, rows.slice(first, first + perBlock), width, sheet).join('\n'));
  }
  const verdicts = rows.flatMap((row) => [
    sheet.paint(wrap(row.name, sheet.width).join('\n'), 'bold'),
    ...hanging('  ', row.verdict, sheet.width),
  ]);
  return `${[...blocks, verdicts.join('\n')].join('\n\n')}\n`;
}

function block(
  all: readonly ComparisonRow[],
  shown: readonly ComparisonRow[],
  width: number,
  sheet: Sheet,
): string[] {
  const heads = lines(
    '',
    shown.map((row) => ({ text: breakable(row.name), worst: false })),
    width,
    sheet,
  );
  const body = COMPARISON_LINES.flatMap((line) =>
    lines(
      line.label,
      shown.map((row) => ({ text: breakable(line.cell(row)), worst: isWorst(line, row, all) })),
      width,
      sheet,
    ),
  );
  return [...heads.map((line) => sheet.paint(line, 'bold')), ...body];
}

/** Names of files and kernels have no spaces: let them break after a dash. */
function breakable(name: string): string {
  return clean(name).replace(/-(?=.)/g, '- ');
}

/** One line of the table, as many terminal lines as its longest cell needs. */
function lines(
  label: string,
  cells: readonly { text: string; worst: boolean }[],
  width: number,
  { paint }: Sheet,
): string[] {
  const wrapped = cells.map(({ text, worst }) => joinDashes(wrap(`${text}${worst ? '!' : ''}`, width)));
  const height = Math.max(1, ...wrapped.map((each) => each.length));
  return Array.from({ length: height }, (_, i) => {
    const texts = wrapped.map((each, c) => {
      const text = pad(each[i] ?? '', width, 'right');
      return ' '.repeat(GAP) + (cells[c].worst ? paint(text, 'bold', 'red') : text);
    });
    return (paint(pad(i === 0 ? label : '', LABEL), 'dim') + texts.join('')).trimEnd();
  });
}

/** Takes back the spaces of `breakable` within a line. */
function joinDashes(texts: readonly string[]): string[] {
  return texts.map((text) => text.replace(/- /g, '-'));
}
