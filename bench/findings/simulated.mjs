/**
 * Runs of the simulator for the tables of docs/findings, and their printing as Markdown.
 */
import { parseOverride } from '../../dist/experiment/scenario/overrides.js';
import { loadScenario } from '../../dist/experiment/scenario/scenario.js';
import { simulationOf } from '../../dist/experiment/simulation.js';
import { simulate } from '../../dist/simulate/run.js';

/**
 * What `faultline simulate SCENARIO --set ... --cost ... --seed N --until T --json` prints.
 *
 * @param {string} scenario
 * @param {readonly string[]} sets assignments of `--set`
 * @param {{ seed?: number, untilMs?: number, costs?: readonly string[] }} [options]
 */
export function simulated(scenario, sets, { seed = 1, untilMs, costs = [] } = {}) {
  const overrides = [
    ...sets.map((assignment) => parseOverride('--set', assignment)),
    ...costs.map((assignment) => parseOverride('--cost', assignment, ['costs'])),
    parseOverride('--seed', `seed=${seed}`),
  ];
  const options = untilMs === undefined ? {} : { untilNs: untilMs * 1e6 };
  return simulate(simulationOf(loadScenario(scenario, overrides), options)).result;
}

/** @param {number} first @param {number} last */
export function seeds(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/**
 * Median, and in brackets the least and the most.
 *
 * @param {readonly number[]} values
 * @param {(value: number) => string} [format]
 */
export function spread(values, format = String) {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, middle, most] = [0, sorted.length >> 1, sorted.length - 1].map((i) => format(sorted[i]));
  return least === most ? middle : `${middle} (${least} to ${most})`;
}

/** @param {number} ns */
export function ms(ns) {
  return (ns / 1e6).toFixed(ns < 1e7 ? 2 : 1);
}

/** @param {number} ns */
export function us(ns) {
  return (ns / 1e3).toFixed(1);
}

/** @param {number} part @param {number} whole */
export function percent(part, whole) {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

/**
 * A table whose lines are printed as soon as they are known.
 *
 * @param {string} title
 * @param {readonly string[]} columns
 */
export function table(title, columns) {
  /** @param {readonly (string | number)[]} cells */
  const line = (cells) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  process.stdout.write(`\n${title}\n\n`);
  line(columns);
  line(columns.map(() => '---'));
  return line;
}
