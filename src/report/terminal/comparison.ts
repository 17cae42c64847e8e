/** Several recordings side by side in a terminal: one column each, so that four fit 80 columns. */
import { COMPARISON_LINES } from '../comparison-lines.js';
import type { ComparisonRow } from '../types.js';
import { sheetOf, type TerminalOptions } from './sheet.js';
import { sideBySide } from './side-by-side.js';
import { hanging, wrap } from './text.js';

/**
 * Comparison of recordings: figures line by line, the worst of each line marked with `!`, then each verdict.
 * When they do not fit side by side, the table goes on in a second block. Ends with a line break; empty
 * without rows.
 */
export function renderComparisonTable(rows: readonly ComparisonRow[], options: TerminalOptions): string {
  if (rows.length === 0) return '';
  const sheet = sheetOf(options);
  const blocks = sideBySide(rows, COMPARISON_LINES, sheet);
  const verdicts = rows.flatMap((row) => [
    sheet.paint(wrap(row.name, sheet.width).join('\n'), 'bold'),
    ...hanging('  ', row.verdict, sheet.width),
  ]);
  return `${[...blocks, verdicts.join('\n')].join('\n\n')}\n`;
}
