/** A counterexample as a column for each thread: who did what while the others stood still. */
import type { ReplayedStep } from './replay.js';

const GAP = 2;
const NUMBER_WIDTH = 4;

/** Lines of at most `width` columns; a thread's steps stand below its name. */
export function columns(steps: readonly ReplayedStep[], names: readonly string[], width: number): string[] {
  const each = Math.max(12, Math.floor((width - NUMBER_WIDTH) / names.length) - GAP);
  const row = (number: string, thread: number, text: string): string =>
    `${number.padStart(NUMBER_WIDTH)}${' '.repeat(GAP + thread * (each + GAP))}${text}`.trimEnd();
  const lines = [`${' '.repeat(NUMBER_WIDTH)}${names.map((name) => heading(name, each)).join('')}`.trimEnd()];
  for (const [index, step] of steps.entries()) {
    lines.push(row(String(index + 1), step.thread, fit(textOf(step), each)));
  }
  return lines;
}

/** A thread's name over its column. */
function heading(name: string, width: number): string {
  return `${' '.repeat(GAP)}${fit(name, width).padEnd(width)}`;
}

function textOf({ operation, cell, found, left, op }: ReplayedStep): string {
  const short = operation.replace(cell, shortName(cell));
  if (found === undefined) return short;
  if (op !== undefined && found === left) return `${short} = ${found}`;
  return `${short} ${found} -> ${left}`;
}

/** A cell's name without what every reader knows. */
function shortName(cell: string): string {
  return cell.replace('kvm.mmu_invalidate_', '').replace('kvm.', '').replace('.cnts', '').replace(/\+0$/, '');
}

function fit(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
