/** Lists of named things with what is known about each: costs, policies, kernels. */
import { sheetOf, type TerminalOptions } from './sheet.js';
import { hanging, pad, widthOf } from './text.js';

/** One thing: its name, short facts beside it (at least one), sentences below. */
export interface Entry {
  readonly name: string;
  readonly facts: readonly string[];
  readonly text: string;
}

export interface EntryList {
  readonly title: string;
  /** Facts are cells of columns, as many for each entry; otherwise they are listed. */
  readonly columns: boolean;
  readonly entries: readonly Entry[];
}

/** Lists one below the other. Ends with a line break. */
export function renderEntries(lists: readonly EntryList[], options: TerminalOptions): string {
  const sheet = sheetOf(options);
  const blocks = lists.map(({ title, columns, entries }) => {
    const names = Math.max(0, ...entries.map(({ name }) => widthOf(name)));
    const widths = columns ? columnWidths(entries) : [];
    const lines = entries.flatMap(({ name, facts, text }) => {
      const beside = columns
        ? facts.map((fact, i) => pad(fact, widths[i], 'right')).join('  ')
        : facts.join(', ');
      const label = `  ${pad(name, names)}  `;
      const head = columns ? [label + beside] : hanging(label, beside, sheet.width);
      return [...head.map((line) => sheet.paint(line, 'bold')), ...hanging('      ', text, sheet.width)];
    });
    return [sheet.paint(title, 'bold', 'cyan'), ...lines].join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
}

function columnWidths(entries: readonly Entry[]): number[] {
  const count = Math.max(0, ...entries.map(({ facts }) => facts.length));
  return Array.from({ length: count }, (_, i) => Math.max(...entries.map(({ facts }) => widthOf(facts[i]))));
}
