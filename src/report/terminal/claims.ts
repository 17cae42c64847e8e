/** Statements and what simulations say of them, in a terminal. */
import { claimCell } from '../claim-cell.js';
import {
  CLAIM_FIGURES,
  figureOf,
  isAbsent,
  type ClaimGroup,
  type ClaimReport,
  type ClaimRow,
} from '../claims.js';
import { sheetOf, type Sheet, type TerminalOptions } from './sheet.js';
import { table } from './table.js';
import { hanging, wrap } from './text.js';

const MARK = { yes: '✔ holds', no: '✖ does not hold', partly: '◐ holds in part' } as const;
const COLOR = { yes: 'green', no: 'red', partly: 'yellow' } as const;

/** One table and one paragraph for each. */
export function renderClaims(claims: readonly ClaimReport[], options: TerminalOptions): string {
  const sheet = sheetOf(options);
  const { paint, width } = sheet;
  const seeds = Math.max(1, ...claims.map(({ groups }) => groups[0].rows[0].stallNs.values.length));
  return [
    paint('The mail’s argument, simulated', 'bold'),
    ...wrap(
      `Mean of ${seeds} seeds and its 95 % interval; 7 (3–20): median and range, where seeds differ too` +
        ' much for a mean; ≥: still going on when the run ended.',
      width - 2,
    ).map((line) => `  ${line}`),
    '',
    ...claims.flatMap((claim) => [
      paint(claim.title, 'bold'),
      ...wrap(claim.says, width - 2).map((line) => `  ${line}`),
      ...wrap(`[${claim.source}]`, width - 2).map((line) => `  ${paint(line, 'dim')}`),
      ...claim.groups.flatMap((group) => ['', ...groupTable(group, sheet)]),
      '',
      ...hanging(`  ${MARK[claim.holds]}: `, claim.verdict.join(' '), width).map((line, index) =>
        index === 0 ? line.replace(MARK[claim.holds], paint(MARK[claim.holds], COLOR[claim.holds])) : line,
      ),
      '',
    ]),
  ].join('\n');
}

/** What a group is about comes first; a narrow terminal shows as much of it as fits. */
function groupTable({ title, figures, rows }: ClaimGroup, { width, paint }: Sheet): string[] {
  const others = CLAIM_FIGURES.map(({ name }) => name).filter((name) => !figures.includes(name));
  const shown = [...figures, ...others].filter((name) => !isAbsent(name, rows)).map(figureOf);
  const columns = shown.map((figure, index) => ({
    head: figure.head,
    cell: (row: ClaimRow) => {
      const { value, spread, unit } = claimCell(figure, row);
      return `${value}${spread && ` ${spread}`}${unit}`;
    },
    dispensable: index,
  }));
  return table(rows, [{ head: title, cell: ({ label }: ClaimRow) => label, align: 'left' }, ...columns], {
    width,
    paint,
  });
}
