/** Statements and what simulations say of them, in a terminal. */
import {
  CLAIM_FIGURES,
  type ClaimFigure,
  type ClaimReport,
  type ClaimRow,
  type Interval,
} from '../claims.js';
import { formatCount, formatDuration } from '../format.js';
import { sheetOf, type TerminalOptions } from './sheet.js';
import { table } from './table.js';
import { hanging, wrap } from './text.js';

const MARK = { yes: '✔ holds', no: '✖ does not hold', partly: '◐ holds in part' } as const;

/** One table and one paragraph for each. */
export function renderClaims(claims: readonly ClaimReport[], options: TerminalOptions): string {
  const sheet = sheetOf(options);
  const { paint, width } = sheet;
  return claims
    .flatMap(({ title, says, holds, verdict, groups }) => [
      paint(title, 'bold'),
      ...wrap(says, width - 2).map((line) => `  ${line}`),
      ...groups.flatMap((group) => [
        '',
        ...table(
          group.rows,
          [
            { head: group.title, cell: ({ label }: ClaimRow) => label, align: 'left' },
            ...CLAIM_FIGURES.map((figure, index) => ({
              head: figure.head,
              cell: (row: ClaimRow) => claimCell(figure, figure.of(row)),
              dispensable: WORTH[index] ?? 0,
            })),
          ],
          { width, paint },
        ),
      ]),
      '',
      ...hanging(`  ${MARK[holds]}: `, verdict.join(' '), width),
      '',
    ])
    .join('\n');
}

/** In a narrow terminal the figures with the highest number go first. */
const WORTH = [0, 2, 1, 3, 6, 0, 4, 5, 7];

/** Mean and half of the interval. */
export function claimCell({ unit }: ClaimFigure, { mean, high }: Interval): string {
  const format = unit === 'ns' ? formatDuration : (value: number) => formatCount(Math.round(value));
  // No fault of this kind in any run.
  if (unit === 'ns' && mean === 0) return '–';
  const half = high - mean;
  return half === 0 ? format(mean) : `${format(mean)} ±${format(half)}`;
}
