/** The table of mutants, as the terminal and JSON have it. */
import type { CheckResult } from '../check/check.js';
import type { MutantCheck } from '../check/mutant-table.js';

export interface MutantRow {
  readonly check: MutantCheck;
  readonly result: CheckResult;
}

const NAME_WIDTH = 34;

/** Whether the check came to what the table says. */
export function isAsExpected({ check, result }: MutantRow): boolean {
  if (check.expects === 'caught') return result.finding !== undefined;
  return result.finding === undefined && result.complete;
}

/** Two lines, or more where the table has something to say. */
export function renderMutantRow(row: MutantRow): string {
  const { mutant, protocol, memory, expects, why } = row.check;
  const { finding, states, steps } = row.result;
  const name = `${String(mutant.number).padStart(2)} ${mutant.name}`.padEnd(NAME_WIDTH);
  const found = finding === undefined ? expects : `${finding.name}, ${steps.length} steps`;
  const mark = isAsExpected(row) ? ' ' : '!';
  const how = `   by ${protocol.name} under ${memory}, ${states.toLocaleString('en-US')} states`;
  const because = finding === undefined ? (why ?? mutant.equivalent) : undefined;
  return `${mark}${name} ${found}\n${how}\n${because === undefined ? '' : `   ${because}\n`}`;
}

/** How many of each kind. */
export function mutantSummary(rows: readonly MutantRow[]): string {
  const kinds = new Map<string, number>();
  for (const { check, result } of rows) {
    const kind = result.finding === undefined ? check.expects : 'caught';
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const wrong = rows.filter((row) => !isAsExpected(row)).length;
  const counts = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
  return `\n${rows.length} mistakes: ${counts}${wrong === 0 ? '' : `; ${wrong} not as expected (!)`}\n`;
}

export function mutantAsJson({ check, result }: MutantRow): object {
  const { mutant, protocol, scope, memory, expects, why } = check;
  const { finding, states, complete, steps, loop } = result;
  return {
    number: mutant.number,
    name: mutant.name,
    classes: mutant.classes,
    protocol: protocol.name,
    scope,
    memory,
    expects,
    why,
    finding,
    steps: steps.length,
    loop: loop.length,
    states,
    complete,
  };
}
