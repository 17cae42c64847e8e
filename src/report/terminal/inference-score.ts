/** How well `explain` found out what a simulation knows: a table for the terminal. */
import { formatCount, formatPercent } from '../format.js';
import { sheetOf, type TerminalOptions } from './sheet.js';
import { table, type Column } from './table.js';
import { hanging } from './text.js';

/** One kind of inference. */
export interface ScoreRow {
  /** What is inferred, in a few words. */
  readonly what: string;
  /** How many there are, how many `explain` claims, and how many of the claims are true. */
  readonly truth: number;
  readonly inferred: number;
  readonly correct: number;
  /** correct / inferred and correct / truth; absent where there is nothing to divide by. */
  readonly precision?: number;
  readonly recall?: number;
  /** How close true claims come, where that is more than yes or no. */
  readonly detail?: string;
}

const COLUMNS: readonly Column<ScoreRow>[] = [
  { head: 'what', cell: ({ what }) => what, least: 16 },
  { head: 'true', cell: ({ truth }) => formatCount(truth) },
  { head: 'inferred', cell: ({ inferred }) => formatCount(inferred) },
  { head: 'correct', cell: ({ correct }) => formatCount(correct) },
  { head: 'precision', cell: ({ correct, inferred }) => formatPercent(correct, inferred) },
  { head: 'recall', cell: ({ correct, truth }) => formatPercent(correct, truth) },
];

/** The table, and a line for each detail. Ends with a line break. */
export function renderInferenceScore(rows: readonly ScoreRow[], options: TerminalOptions): string {
  const sheet = sheetOf(options);
  const lines = [
    sheet.paint('What explain finds in the kernel’s events of this run', 'bold'),
    ...table(rows, COLUMNS, sheet),
    ...rows.flatMap(({ what, detail }) => {
      return detail === undefined ? [] : hanging('  ', `${what}: ${detail}`, sheet.width);
    }),
  ];
  return `${lines.join('\n')}\n`;
}
