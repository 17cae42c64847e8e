/** What was measured, in a terminal: facts, a column for each arm, differences, notes. */
import type { ComparisonLine } from '../comparison-lines.js';
import {
  armDifferences,
  armLines,
  intervalText,
  type ArmLine,
  type ArmSummary,
  type MeasuredScenario,
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

/** Scenarios of a study beside each other. Ends with a line break. */
export function renderMeasured(measured: readonly MeasuredScenario[], options: TerminalOptions): string {
  const sheet = sheetOf(options);
  const { width, paint } = sheet;
  const reports = measured.flatMap((each) => ('report' in each ? [each.report] : []));
  const rows: Row[] = reports.flatMap(({ scenario, arms }) =>
    arms.map((arm) => ({ ...arm, name: scenario })),
  );
  // Different scenarios: none of them is the worse one.
  const lines = armLines(rows).map((line) => comparisonLine(line, 1));
  const facts = factsOfAll(reports);
  const names = Math.max(0, ...facts.map(([name]) => name.length));
  const blocks = [
    [paint('Measured on this machine', 'bold')],
    facts.flatMap(([name, text]) => hanging(`  ${name.padEnd(names)}  `, text, width)),
    rows.length === 0 ? [] : sideBySide(rows, lines, sheet),
    rows.length === 0 ? [] : wrap(LEGEND, width).map((text) => paint(text, 'dim')),
    measured.flatMap((each) =>
      'report' in each
        ? each.report.notes.flatMap((note) => hanging('· ', `${each.scenario}: ${note}`, width))
        : hanging('· ', `${each.scenario} was not measured: ${each.notMeasured}`, width),
    ),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n')}\n`;
}

/** Said once where all say the same, else with the scenario that it is of. */
function factsOfAll(reports: readonly MeasurementReport[]): (readonly [name: string, text: string])[] {
  const names = [...new Set(reports.flatMap(({ facts }) => facts.map(([name]) => name)))];
  return names.flatMap((name) => {
    const texts = reports.flatMap(({ scenario, facts }) =>
      facts.flatMap(([each, text]) => (each === name ? [{ scenario, text }] : [])),
    );
    if (name === 'scenario') return [];
    if (texts.length === reports.length && texts.every(({ text }) => text === texts[0].text))
      return [[name, texts[0].text] as const];
    return [[name, texts.map(({ scenario, text }) => `${scenario}: ${text}`).join('; ')] as const];
  });
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
