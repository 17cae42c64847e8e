/** What was measured, in a terminal: facts, a column for each arm, differences, notes. */
import type { ComparisonLine } from '../comparison-lines.js';
import {
  armDifferences,
  armLines,
  intervalText,
  type ArmLine,
  type ArmSummary,
  type MeasurementReport,
} from '../measurement.js';
import { sheetOf, type TerminalOptions } from './sheet.js';
import { sideBySide } from './side-by-side.js';
import { hanging, wrap } from './text.js';

type Row = ArmSummary & { readonly name: string };

/** Ends with a line break. */
export function renderMeasurement(report: MeasurementReport, options: TerminalOptions): string {
  const sheet = sheetOf(options);
  const { width, paint } = sheet;
  const names = Math.max(0, ...report.facts.map(([name]) => name.length));
  const rows: Row[] = report.arms.map((arm) => ({ ...arm, name: arm.arm }));
  const lines = armLines(report.arms).map((line) => comparisonLine(line, rows.length));
  const blocks = [
    report.facts.flatMap(([name, text]) => hanging(`${name.padEnd(names)}  `, text, width)),
    ...(rows.length === 0 || lines.length === 0 ? [] : sideBySide(rows, lines, sheet).map((text) => [text])),
    rows.length === 0 ? [] : wrap(LEGEND, width).map((text) => paint(text, 'dim')),
    armDifferences(report.arms).flatMap((text) => hanging('◆ ', text, width)),
    report.notes.flatMap((text) => hanging('· ', text, width)),
    report.files.map((file) => `  ${file}`),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

const LEGEND =
  'Median of the runs that count (least–most). covered: in the range of a storm. ' +
  'Times are of single accesses, timed inside the guest, and of single operations of a storm.';

/** The worst is marked where there is a choice. */
function comparisonLine({ label, of, unit, moreIsWorse, means }: ArmLine, arms: number): ComparisonLine<Row> {
  const line = { label, hint: means, cell: (arm: Row) => intervalText(of(arm), unit) };
  if (moreIsWorse === undefined || arms < 2) return line;
  return { ...line, worse: (arm) => (of(arm)?.median ?? 0) * (moreIsWorse ? 1 : -1) };
}
